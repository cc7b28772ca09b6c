"""Enable- and Remove-ExchangeCertificate: additive, one web site, refusals that change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edgesync.certificates.certificate import TransportCertificate, parse_certificate
from edgesync.certificates.cmdlets.enable import enable, publish_internal
from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.outcome import Answer
from edgesync.certificates.cmdlets.remove import remove
from edgesync.certificates.cmdlets.request import new_request
from edgesync.certificates.cmdlets.setup import setup_certificate
from edgesync.certificates.refusals import CertificateInUse, CertificateUnsuitable, WeakKey
from edgesync.certificates.services import Services, parse_services
from edgesync.config import Version
from edgesync.errors import KeyUnavailable, NoSuchThing, RefusedByRule, UsageError
from edgesync.organization.servers import ServerRole

from .bench import Bench, bench

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "certificates"


def installed(version: Version = Version.EXCHANGE_2007) -> Bench:
    made = bench(version=version)
    setup_certificate(made.host)
    return made


def extra(made: Bench, services: Services = Services.NONE) -> TransportCertificate:
    return new(made.host, NewCertificate(services=services), answer=Answer.NO).certificate


@pytest.mark.fact("certificate-facts 2.3")
def test_services_are_added_and_never_taken_away() -> None:
    made = installed()
    item = extra(made, Services.POP)
    enable(made.host, item.thumbprint, Services.IMAP)
    assert str(enable(made.host, item.thumbprint, Services.NONE).certificate.services) == (
        "IMAP, POP"
    )


@pytest.mark.fact("certificate-facts 2.3")
def test_the_web_site_holds_one_certificate() -> None:
    made = installed()
    first, second = extra(made, Services.IIS | Services.POP), extra(made)
    enable(made.host, second.thumbprint, Services.IIS)
    left, right = (made.host.store.get(c.thumbprint) for c in (first, second))
    assert left is not None
    assert right is not None
    assert (str(left.services), str(right.services)) == ("POP", "IIS")


@pytest.mark.fact("certificate-facts 2.3")
def test_several_certificates_may_serve_smtp_pop_imap_and_um() -> None:
    made = installed()
    many = parse_services("SMTP,POP,IMAP,UM")
    for _ in range(2):
        item = extra(made)
        enable(made.host, item.thumbprint, many, answer=Answer.NO)
    assert [str(c.services) for c in made.host.store.certificates[1:]] == [
        "IMAP, POP, UM, SMTP",
        "IMAP, POP, UM, SMTP",
    ]


@pytest.mark.fact("certificate-facts 1.1")
def test_no_keeps_the_directory_and_yes_publishes() -> None:
    made = installed()
    old = made.host.published()
    item = extra(made)
    asked = enable(made.host, item.thumbprint, Services.SMTP)
    assert asked.question is not None
    assert made.host.published() == old
    done = enable(made.host, item.thumbprint, Services.SMTP, answer=Answer.YES)
    assert done.published
    assert made.host.published() == item.der


@pytest.mark.fact("certificate-facts 2.1")
def test_nothing_is_asked_when_nothing_else_is_published() -> None:
    made = bench()
    item = extra(made)
    outcome = enable(made.host, item.thumbprint, Services.SMTP, answer=Answer.NO)
    assert outcome.question is None
    assert outcome.published


@pytest.mark.fact("certificate-facts 1.2")
def test_smtp_or_a_switch_lets_the_transport_service_read_the_key() -> None:
    made = installed()
    item = extra(made)
    assert not item.network_service
    allowed = enable(
        made.host, item.thumbprint, Services.NONE, network_service_allowed=True
    ).certificate
    assert allowed.network_service
    assert allowed.services is Services.NONE


@pytest.mark.fact("certificate-facts 2.3")
def test_um_from_2010_waits_for_tls_or_dual_mode() -> None:
    made = installed(Version.EXCHANGE_2010)
    item = extra(made)
    with pytest.raises(RefusedByRule, match="UMStartupMode"):
        enable(made.host, item.thumbprint, Services.UM)
    made.host = replace(made.host, um_startup_mode=lambda: "Dual")
    assert "UM" in str(enable(made.host, item.thumbprint, Services.UM).certificate.services)


@pytest.mark.fact("certificate-facts 2.3")
def test_a_wildcard_for_pop_warns_that_the_name_must_be_set() -> None:
    made = installed()
    wanted = NewCertificate(subject_name="CN=*.contoso.test", domain_names=("*.contoso.test",))
    item = new(made.host, replace(wanted, services=Services.NONE)).certificate
    warnings = enable(made.host, item.thumbprint, Services.POP).warnings
    assert len(warnings) == 1
    assert "Set-PopSettings" in warnings[0]


def test_a_certificate_without_its_key_serves_nothing() -> None:
    made = installed()
    lone = TransportCertificate(parse_certificate((FIXTURES / "sha256.pem").read_bytes()))
    made.host.store.put(lone)
    with pytest.raises(KeyUnavailable, match="no private key"):
        enable(made.host, lone.thumbprint, Services.SMTP)


def test_a_short_or_unsuitable_key_serves_nothing() -> None:
    made = installed()
    key = load_pem_private_key((FIXTURES / "sha1.key").read_bytes(), None)
    for name, error in (("rsa768", WeakKey), ("ec", CertificateUnsuitable)):
        certificate = parse_certificate((FIXTURES / f"{name}.pem").read_bytes())
        item = TransportCertificate(certificate, key)  # type: ignore[arg-type]  # never used
        made.host.store.put(item)
        with pytest.raises(error):
            enable(made.host, item.thumbprint, Services.SMTP)


def test_a_pending_request_serves_nothing() -> None:
    made = installed()
    pending = new_request(made.host).outcome.certificate
    with pytest.raises(RefusedByRule, match="pending request"):
        enable(made.host, pending.thumbprint, Services.SMTP)


def test_a_service_of_a_later_version_is_refused() -> None:
    made = installed()
    with pytest.raises(RefusedByRule, match="has no service Federation"):
        enable(made.host, made.host.store.certificates[0].thumbprint, Services.FEDERATION)


@pytest.mark.fact("certificate-facts 2.4")
def test_2007_removes_the_directorys_copy_with_the_certificate() -> None:
    made = installed()
    item = made.host.store.certificates[0]
    outcome = remove(made.host, item.thumbprint, answer=Answer.YES)
    assert outcome.published
    assert made.host.published() is None
    assert made.host.store.certificates == ()
    assert made.event_names[-1] == "CertificateRemoved"


@pytest.mark.fact("certificate-facts 2.4")
def test_later_versions_refuse_to_remove_the_internal_certificate() -> None:
    made = installed(Version.EXCHANGE_2010)
    item = made.host.store.certificates[0]
    with pytest.raises(CertificateInUse, match="would stop"):
        remove(made.host, item.thumbprint, answer=Answer.YES)
    fresh = new(made.host, answer=Answer.YES)
    assert remove(made.host, item.thumbprint, answer=Answer.YES).change.removed
    assert made.host.published() == fresh.certificate.der


@pytest.mark.fact("certificate-facts 2.4")
def test_removal_asks_and_does_nothing_until_answered() -> None:
    made = installed()
    item = extra(made)
    for answer in (Answer.ASK, Answer.NO):
        outcome = remove(made.host, item.thumbprint, answer=answer)
        assert (outcome.question is None) == (answer is Answer.NO)
        assert made.host.store.get(item.thumbprint)


@pytest.mark.fact("certificate-facts 2.4")
def test_a_certificate_a_send_connector_names_stays_from_2013_on() -> None:
    made = installed(Version.EXCHANGE_2013)
    item = new(made.host, answer=Answer.NO).certificate
    name = f"<I>{item.issuer}<S>{item.subject}"
    made.host = replace(made.host, connector_certificates=lambda: (("Internet", name),))
    with pytest.raises(CertificateInUse, match="Internet"):
        remove(made.host, item.thumbprint, answer=Answer.YES)
    made.host = replace(made.host, profile=bench(version=Version.EXCHANGE_2010).host.profile)
    assert remove(made.host, item.thumbprint, answer=Answer.YES).change.removed


def test_publishing_again_repairs_a_cleared_attribute() -> None:
    made = installed()
    item = made.host.store.certificates[0]
    made.directory.entry = made.directory.entry.replaced(msExchServerInternalTLSCert=None)
    publish_internal(made.host, item)
    assert made.host.published() == item.der


def test_thumbprints_are_found_as_people_paste_them() -> None:
    made = installed()
    mark = made.host.store.certificates[0].thumbprint
    spaced = " ".join(mark[i : i + 2] for i in range(0, 40, 2)).lower()
    for text in (mark, "\u200e" + spaced, ":".join(spaced.split()), mark[:8]):
        assert made.host.store.find(text).thumbprint == mark
    assert made.host.store.find(made.host.store.certificates[0].sha256).thumbprint == mark
    with pytest.raises(UsageError):
        made.host.store.find(mark[:7])
    with pytest.raises(UsageError):
        made.host.store.find("not a thumbprint")
    with pytest.raises(NoSuchThing):
        made.host.store.find("0" * 40)


@pytest.mark.fact("certificate-facts 2.2")
def test_services_have_exchanges_order_numbers_and_columns() -> None:
    everything = parse_services("smtp, IIS ,um,POP,imap")
    assert int(everything) == 31
    assert str(everything) == "IMAP, POP, UM, IIS, SMTP"
    assert everything.column(Version.EXCHANGE_2007) == "IPUWS"
    assert parse_services("IMAP,POP,IIS,SMTP").column(Version.EXCHANGE_2007) == "IP.WS"
    assert (Services.SMTP.column(), Services.NONE.column()) == ("....S", ".....")
    assert int(Services.FEDERATION) == 32
    with pytest.raises(UsageError, match="'FTP' is not a service"):
        parse_services("FTP")


def test_a_hub_role_is_needed_for_publishing() -> None:
    made = bench("UM01", roles=ServerRole.UNIFIED_MESSAGING)
    item = extra(made)
    assert not enable(made.host, item.thumbprint, Services.SMTP, answer=Answer.YES).published
