"""New-ExchangeCertificate: defaults, names, renewal, requests, and the question about SMTP."""

from __future__ import annotations

import pytest

from directory.errors import LdapError, ResultCode
from edgesync.certificates.cmdlets.get import get
from edgesync.certificates.cmdlets.new import NewCertificate, new, question_before_new
from edgesync.certificates.cmdlets.outcome import Answer
from edgesync.certificates.cmdlets.request import new_request
from edgesync.certificates.cmdlets.setup import setup_certificate
from edgesync.certificates.request import parse_request
from edgesync.certificates.services import Services
from edgesync.config import Policy, Version
from edgesync.errors import ConfigurationError, UsageError
from edgesync.organization.servers import ServerRole

from .bench import Bench, bench

pytestmark = pytest.mark.fact("certificate-facts 2.1")


def installed(version: Version = Version.EXCHANGE_2010, **more: object) -> Bench:
    made = bench(version=version, **more)  # type: ignore[arg-type]  # passed through
    setup_certificate(made.host)
    return made


def test_without_parameters_it_names_the_server() -> None:
    item = new(installed().host).certificate
    assert item.subject == "CN=HUB01"
    assert item.domains == ("HUB01", "hub01.contoso.test")
    assert (item.friendly_name, item.exportable, item.key_size) == (
        "Microsoft Exchange", False, 2048,
    )  # fmt: skip


def test_default_services_differ_by_version() -> None:
    assert str(new(installed(Version.EXCHANGE_2007).host).certificate.services) == "SMTP"
    assert str(new(installed(Version.EXCHANGE_2010).host).certificate.services) == "IMAP, POP, SMTP"


@pytest.mark.fact("certificate-facts 11")
def test_what_2007_enables_by_default_is_a_setting() -> None:
    for choice, services in (("smtp", "SMTP"), ("imap-pop-smtp", "IMAP, POP, SMTP")):
        made = installed(Version.EXCHANGE_2007, policy=Policy(new_certificate_services=choice))
        assert str(new(made.host).certificate.services) == services


def test_the_common_name_joins_the_alternative_names() -> None:
    wanted = NewCertificate(
        subject_name="C=US, O=Contoso, CN=webmail.contoso.test",
        domain_names=("HUB01", "hub01.contoso.test"),
    )
    item = new(installed().host, wanted).certificate
    assert item.subject == "C=US, O=Contoso, CN=webmail.contoso.test"
    assert item.domains == ("webmail.contoso.test", "HUB01", "hub01.contoso.test")


def test_accepted_domains_and_autodiscover_join_once_and_enable_smtp_only() -> None:
    made = installed(accepted=("contoso.test", "*.fabrikam.test", "*", "CONTOSO.test"))
    wanted = NewCertificate(include_accepted_domains=True, include_auto_discover=True)
    item = new(made.host, wanted).certificate
    assert item.domains == (
        "HUB01", "contoso.test", "fabrikam.test", "autodiscover.contoso.test",
        "autodiscover.fabrikam.test",
    )  # fmt: skip
    assert str(item.services) == "SMTP"


def test_key_sizes_are_1024_2048_and_4096() -> None:
    for size in (1024, 4096):
        item = new(installed().host, NewCertificate(key_size=size)).certificate
        assert item.key_size == size
    with pytest.raises(ConfigurationError, match="3072"):
        new(installed().host, NewCertificate(key_size=3072))


@pytest.mark.parametrize("name", ["", "under_score.test", "a..b", "-a.test", "x" * 256, "ä.test"])
def test_a_domain_name_has_only_letters_digits_and_hyphens(name: str) -> None:
    made = installed()
    before = made.host.store.state
    with pytest.raises(UsageError, match="cannot be a domain name"):
        new(made.host, NewCertificate(domain_names=(name,)))
    assert made.host.store.state is before


def test_a_friendly_name_has_fewer_than_64_characters() -> None:
    made = installed()
    assert new(made.host, NewCertificate(friendly_name="x" * 63)).certificate
    with pytest.raises(UsageError, match="64 characters"):
        new(made.host, NewCertificate(friendly_name="x" * 64))


@pytest.mark.parametrize(
    "wanted",
    [
        NewCertificate(subject_key_identifier="01"),
        NewCertificate(include_server_fqdn=True),
        NewCertificate(include_server_netbios_name=True),
    ],
)
def test_2007_does_not_know_later_parameters(wanted: NewCertificate) -> None:
    with pytest.raises(UsageError, match="Exchange 2007 has no"):
        new(installed(Version.EXCHANGE_2007).host, wanted)


def test_renewal_clones_subject_names_and_services_with_a_new_key() -> None:
    made = installed(roles=ServerRole.HUB | ServerRole.CLIENT_ACCESS)
    old = made.host.store.certificates[0]
    made.clock.advance(old.not_after - made.clock.now())
    item = new(made.host, NewCertificate(instance=old)).certificate
    assert (item.subject, item.domains, item.services) == (old.subject, old.domains, old.services)
    assert item.certificate.public_key() != old.certificate.public_key()
    assert item.serial_number != old.serial_number
    assert item.not_before == old.not_after
    assert not item.exportable


def test_renewal_takes_iis_away_from_the_old_certificate_only() -> None:
    made = installed(roles=ServerRole.HUB | ServerRole.CLIENT_ACCESS)
    old = made.host.store.certificates[0]
    new(made.host, NewCertificate(instance=old), answer=Answer.YES)
    left, fresh = made.host.store.certificates
    assert str(left.services) == "IMAP, POP, SMTP"
    assert str(fresh.services) == "IMAP, POP, IIS, SMTP"


def test_every_renewal_has_a_key_no_certificate_in_the_store_has() -> None:
    made = installed()
    for _ in range(30):
        new(made.host)
    publics = [c.certificate.public_key() for c in made.host.store.certificates]
    assert all(a != b for i, a in enumerate(publics) for b in publics[:i])


def test_replacing_the_default_smtp_certificate_asks_with_both_thumbprints_and_dates() -> None:
    made = installed()
    old = made.host.store.certificates[0]
    outcome = new(made.host, answer=Answer.ASK)
    assert outcome.question is not None
    prompt = outcome.question.prompt
    assert "Overwrite the existing default SMTP certificate?" in prompt
    assert f"'{old.thumbprint}' (expires 2031-11-23 09:00:00Z)" in prompt
    assert f"'{outcome.certificate.thumbprint}'" in prompt
    assert prompt.endswith('[?] Help (default is "Y"): ')
    assert made.host.published() == old.der


def test_2007_asks_in_one_sentence() -> None:
    outcome = new(installed(Version.EXCHANGE_2007).host)
    assert outcome.question is not None
    assert len(outcome.question.lines) == 1


def test_yes_publishes_and_no_leaves_the_directory_alone_with_smtp_enabled() -> None:
    made = installed()
    old = made.host.published()
    kept = new(made.host, answer=Answer.NO)
    assert made.host.published() == old
    assert Services.SMTP in kept.certificate.services
    done = new(made.host, answer=Answer.YES)
    assert done.published
    assert made.host.published() == done.certificate.der


def test_the_question_comes_before_anything_is_made() -> None:
    made = installed()
    before = made.host.store.state
    question = question_before_new(made.host, NewCertificate())
    assert question is not None
    assert "a new one (expires 2031-11-23 09:00:00Z)" in question.text
    assert made.host.store.state is before


def test_a_published_value_that_is_no_certificate_is_asked_about_too() -> None:
    made = installed()
    made.directory.entry = made.directory.entry.replaced(msExchServerInternalTLSCert=(b"junk",))
    question = new(made.host).question
    assert question is not None
    assert "(not a certificate)" in question.text


@pytest.mark.parametrize("services", [Services.POP, Services.NONE])
def test_nothing_is_asked_without_smtp(services: Services) -> None:
    made = installed()
    assert question_before_new(made.host, NewCertificate(services=services)) is None
    assert new(made.host, NewCertificate(services=services)).question is None


@pytest.mark.fact("certificate-facts 1.1")
def test_2007_publishes_only_what_names_the_server() -> None:
    wanted = NewCertificate(
        subject_name="CN=mail.contoso.test", domain_names=("mail.contoso.test",)
    )
    made = installed(Version.EXCHANGE_2007)
    old = made.host.published()
    outcome = new(made.host, wanted, answer=Answer.YES)
    assert not outcome.published
    assert made.host.published() == old
    assert "does not name hub01.contoso.test" in outcome.warnings[0]
    assert question_before_new(made.host, wanted) is None


def test_a_directory_that_refuses_leaves_the_store_as_it_was() -> None:
    made = installed()
    before = made.host.store.state
    events = list(made.events)
    made.directory.refuse = LdapError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "no")
    with pytest.raises(LdapError):
        new(made.host, answer=Answer.YES)
    assert made.host.store.state.personal == before.personal
    assert made.events == events


def test_a_request_is_pending_until_its_answer_comes() -> None:
    made = installed()
    outcome = new_request(made.host, NewCertificate(domain_names=("mail.contoso.test",)))
    assert outcome.text.startswith("-----BEGIN NEW CERTIFICATE REQUEST-----\n")
    assert parse_request(outcome.text.encode()) == parse_request(outcome.der)
    view = get(made.host)[-1]
    assert view.judgement.status.value == "PendingRequest"
    assert view.judgement.root_ca_type.value == "Unknown"


def test_a_request_cannot_have_services() -> None:
    with pytest.raises(UsageError, match="cannot be combined with services"):
        new_request(installed().host, NewCertificate(services=Services.SMTP))


def test_a_renewal_request_has_the_subject_of_the_certificate() -> None:
    made = installed()
    old = made.host.store.certificates[0]
    request = parse_request(new_request(made.host, NewCertificate(instance=old)).der)
    assert request.subject == old.certificate.subject
    assert request.public_key() != old.certificate.public_key()
