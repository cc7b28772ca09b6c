"""Which certificate is chosen, why not the others, and what the server would log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edgesync.certificates.authority import Authority, make_authority
from edgesync.certificates.certificate import RootCAType, TransportCertificate
from edgesync.certificates.cmdlets.enable import enable
from edgesync.certificates.cmdlets.get import get
from edgesync.certificates.cmdlets.import_ import import_certificate
from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.outcome import Answer
from edgesync.certificates.cmdlets.request import new_request
from edgesync.certificates.cmdlets.setup import setup_certificate
from edgesync.certificates.load import (
    context_of,
    load_client_internal,
    load_internal,
    load_pop_imap,
    load_starttls,
    load_um,
)
from edgesync.certificates.request import parse_request
from edgesync.certificates.select import select_internal, select_starttls
from edgesync.certificates.selection import Purpose, Reason, Selection
from edgesync.certificates.services import Services
from edgesync.certificates.status import Judgement, judge
from edgesync.config import Policy, Version
from edgesync.organization.servers import ServerRole

from .bench import START, Bench, bench

FQDN = "hub01.contoso.test"
DAY = timedelta(days=1)


def installed(version: Version = Version.EXCHANGE_2010, **more: object) -> Bench:
    made = bench(version=version, **more)  # type: ignore[arg-type]  # passed through
    setup_certificate(made.host)
    made.events.clear()
    return made


@pytest.fixture
def made() -> Bench:
    return installed()


def issued(
    made: Bench,
    *names: str,
    services: Services = Services.SMTP,
    trusted: bool = True,
    days: int = 365,
) -> TransportCertificate:
    """A certificate of an authority, enabled, not published."""
    issuer = _authority(made)
    if trusted:
        made.host.store.trust(issuer.root, RootCAType.ENTERPRISE)
    wanted = NewCertificate(subject_name=f"CN={names[0]}", domain_names=names)
    request = parse_request(new_request(made.host, wanted).der)
    answer = issuer.sign(request, now=made.clock.now(), entropy=made.host.entropy, days=days)
    item = import_certificate(made.host, issuer.answer(answer)).certificate
    return enable(made.host, item.thumbprint, services, answer=Answer.NO).certificate


def _authority(made: Bench) -> Authority:
    return make_authority(
        f"CN=CA {made.host.entropy.uuid()}", made.host.keys.next_key("CA"), now=START - DAY,
        entropy=made.host.entropy, kind=RootCAType.ENTERPRISE,
    )  # fmt: skip


def self_signed(
    made: Bench, *names: str, services: Services = Services.SMTP
) -> TransportCertificate:
    wanted = NewCertificate(subject_name=f"CN={names[0]}", domain_names=names, services=services)
    return new(made.host, wanted, answer=Answer.NO).certificate


def reasons(selection: Selection) -> dict[str, Reason]:
    return {r.certificate.thumbprint: r.reason for r in selection.rejected}


def event_ids(made: Bench) -> list[int]:
    return [event.kind.id for event in made.events if event.kind.source == "MSExchangeTransport"]


class TestStartTls:
    """Inbound and outbound STARTTLS."""

    pytestmark = pytest.mark.fact("certificate-facts 3.2")

    def test_without_a_connector_name_the_servers_fqdn_is_looked_for(self, made: Bench) -> None:
        found = load_starttls(made.host, None)
        assert found.name == FQDN
        assert found.is_offered
        assert made.events == []

    def test_no_certificate_for_the_name_means_12014_and_no_starttls(self, made: Bench) -> None:
        found = load_starttls(made.host, "mail.contoso.test", connector="Internet")
        assert found.chosen is None
        assert not found.is_offered
        assert event_ids(made) == [12014]
        assert made.events[0].data == {"fqdn": "mail.contoso.test", "connector": "Internet"}

    def test_names_are_compared_without_regard_to_case(self, made: Bench) -> None:
        assert load_starttls(made.host, "HUB01.Contoso.TEST").chosen

    def test_an_older_certificate_of_an_authority_beats_a_newer_self_signed_one(
        self, made: Bench
    ) -> None:
        trusted = issued(made, FQDN)
        made.clock.advance(10 * DAY)
        newer = self_signed(made, FQDN)
        found = load_starttls(made.host, FQDN)
        assert found.chosen == trusted
        assert reasons(found)[newer.thumbprint] is Reason.CA_ISSUED_PREFERRED

    def test_of_two_alike_the_newer_wins(self, made: Bench) -> None:
        made.clock.advance(DAY)
        newer = self_signed(made, FQDN)
        found = load_starttls(made.host, FQDN)
        assert found.chosen == newer
        assert list(reasons(found).values()) == [Reason.OLDER]

    def test_an_exact_name_is_tried_before_a_wildcard(self, made: Bench) -> None:
        wildcard = issued(made, "*.contoso.test")
        found = load_starttls(made.host, FQDN)
        assert found.chosen != wildcard
        assert reasons(found)[wildcard.thumbprint] is Reason.EXACT_NAME_PREFERRED
        assert load_starttls(made.host, "mail.contoso.test").chosen == wildcard

    def test_a_wildcard_covers_one_label_only(self, made: Bench) -> None:
        issued(made, "*.contoso.test")
        assert load_starttls(made.host, "a.b.contoso.test").chosen is None
        assert load_starttls(made.host, "contoso.test").chosen is None

    def test_every_rejection_has_its_reason(self, made: Bench) -> None:
        off = self_signed(made, FQDN, services=Services.POP)
        stranger = issued(made, FQDN, trusted=False)
        other = self_signed(made, "other.test")
        made.host.store.put(keyless := replace(self_signed(made, FQDN), key=None))
        made.host.store.put(locked := replace(self_signed(made, FQDN), network_service=False))
        weak = new(
            made.host, NewCertificate(key_size=1024, services=Services.SMTP), answer=Answer.NO
        ).certificate
        found = reasons(load_starttls(made.host, FQDN))
        assert found[off.thumbprint] is Reason.NOT_ENABLED
        assert found[stranger.thumbprint] is Reason.UNTRUSTED_ROOT
        assert found[other.thumbprint] is Reason.NAME_MISMATCH
        assert found[keyless.thumbprint] is Reason.NO_PRIVATE_KEY
        assert found[locked.thumbprint] is Reason.KEY_NOT_READABLE
        # 1024 bits are enough (3.1); it only came at the same moment with a larger thumbprint.
        assert found.get(weak.thumbprint, Reason.OLDER) is Reason.OLDER

    @pytest.mark.fact("certificate-facts 3.1")
    def test_revocation_counts(self, made: Bench) -> None:
        issuer = make_authority(
            "CN=Public", made.host.keys.next_key("CA"), now=START, entropy=made.host.entropy,
            kind=RootCAType.THIRD_PARTY, crl_url="http://crl.test/public.crl",
        )  # fmt: skip
        made.host.store.trust(issuer.root, issuer.kind)
        request = parse_request(new_request(made.host).der)
        answer = issuer.sign(request, now=START, entropy=made.host.entropy)
        item = import_certificate(made.host, issuer.answer(answer)).certificate
        enable(made.host, item.thumbprint, Services.SMTP, answer=Answer.NO)
        assert reasons(load_starttls(made.host, FQDN))[item.thumbprint] is Reason.REVOCATION_UNKNOWN
        made.host = replace(made.host, crls=lambda _: issuer.crl(now=START))
        assert load_starttls(made.host, "HUB01").chosen is not None
        revoked = issuer.revoke(answer, at=START)
        made.host = replace(made.host, crls=lambda _: revoked.crl(now=START))
        assert reasons(load_starttls(made.host, "HUB01"))[item.thumbprint] is Reason.REVOKED

    def test_an_expired_winner_is_kept_from_2010_on_and_dropped_in_2007(self) -> None:
        for version, offered, ids in (
            (Version.EXCHANGE_2010, True, [12016]),
            (Version.EXCHANGE_2007, False, [12016, 12014]),
        ):
            made = installed(version)
            made.clock.set(made.host.store.certificates[0].not_after + DAY)
            assert load_starttls(made.host, FQDN).is_offered is offered
            assert event_ids(made) == ids

    @pytest.mark.parametrize(("choice", "offered"), [("drop", False), ("keep", True)])
    def test_policy_overrides_the_version(self, choice: str, offered: bool) -> None:
        for version in (Version.EXCHANGE_2007, Version.EXCHANGE_2019):
            made = installed(version, policy=Policy(expired_starttls=choice))
            made.clock.set(made.host.store.certificates[0].not_after + DAY)
            assert load_starttls(made.host, FQDN).is_offered is offered

    def test_a_valid_certificate_beats_an_expired_one(self, made: Bench) -> None:
        short = issued(made, FQDN, days=1)
        made.clock.advance(2 * DAY)
        found = load_starttls(made.host, FQDN)
        assert found.chosen is not None
        assert found.chosen.is_self_signed
        assert reasons(found)[short.thumbprint] is Reason.EXPIRED

    @pytest.mark.fact("certificate-facts 2.5")
    def test_thirty_days_before_the_end_12018_tells_the_hours(self, made: Bench) -> None:
        item = made.host.store.certificates[0]
        made.clock.set(item.not_after - timedelta(days=30, seconds=1))
        load_starttls(made.host, FQDN)
        assert event_ids(made) == []
        made.clock.advance(timedelta(hours=1))
        load_starttls(made.host, FQDN)
        assert event_ids(made) == [12018]
        assert made.events[0].data["hours"] == 719

    def test_smtp_may_be_left_out_by_policy(self) -> None:
        made = bench(policy=Policy(starttls_needs_smtp="no"), version=Version.EXCHANGE_2016)
        new(made.host, NewCertificate(services=Services.POP))
        assert load_starttls(made.host, FQDN).is_offered

    def test_from_2013_a_named_certificate_comes_before_the_fqdn(self) -> None:
        made = installed(Version.EXCHANGE_2013)
        named = self_signed(made, "mail.contoso.test")
        wanted = named.tls_certificate_name
        assert load_starttls(made.host, FQDN, certificate_name=wanted).chosen == named
        stale = load_starttls(made.host, FQDN, certificate_name="<I>CN=gone<S>CN=gone")
        assert stale.chosen is None
        assert event_ids(made) == [12014]
        older = installed(Version.EXCHANGE_2010)
        assert load_starttls(older.host, FQDN, certificate_name=wanted).chosen is not None

    def test_a_pending_request_is_never_chosen(self, made: Bench) -> None:
        pending = new_request(made.host).outcome.certificate
        assert reasons(load_starttls(made.host, FQDN))[pending.thumbprint] is Reason.PENDING_REQUEST

    @pytest.mark.fact("certificate-facts 2.2")
    def test_get_lists_the_one_a_connector_would_select_first(self, made: Bench) -> None:
        trusted = issued(made, FQDN)
        views = get(made.host, domain_names=(FQDN,))
        assert len(views) == 2
        assert views[0].certificate == trusted


class TestAnonymousTls:
    """The internal transport certificate."""

    pytestmark = pytest.mark.fact("certificate-facts 3.4")

    def test_the_directory_names_it_whatever_else_is_there(self, made: Bench) -> None:
        issued(made, FQDN)
        found = load_internal(made.host)
        assert found.chosen is not None
        assert found.chosen.der == made.host.published()
        assert set(reasons(found).values()) == {Reason.NOT_THE_PUBLISHED_ONE}

    @pytest.mark.parametrize("at_start", [True, False])
    def test_nothing_published_means_12012_at_start_only(self, at_start: bool) -> None:
        made = bench()
        found = load_internal(made.host, at_start=at_start)
        assert not found.is_offered
        assert event_ids(made) == ([12012] if at_start else [])

    def test_not_in_the_store_means_12013(self) -> None:
        made = installed(Version.EXCHANGE_2016)
        made.host.store.remove(made.host.store.certificates[0].thumbprint)
        assert not load_internal(made.host).is_offered
        assert event_ids(made) == [12013]

    @pytest.mark.fact("certificate-facts 1.2")
    def test_a_key_nobody_can_read_counts_as_absent(self) -> None:
        for change in ({"key": None}, {"network_service": False}):
            made = installed(Version.EXCHANGE_2016)
            made.host.store.put(replace(made.host.store.certificates[0], **change))
            assert load_internal(made.host).chosen is None
            assert event_ids(made) == [12013]

    @pytest.mark.parametrize("version", [Version.EXCHANGE_2007, Version.EXCHANGE_2010])
    def test_2007_and_2010_go_on_with_a_temporary_certificate(self, version: Version) -> None:
        made = installed(version)
        made.host.store.remove(made.host.store.certificates[0].thumbprint)
        found = load_internal(made.host)
        assert found.chosen is not None
        assert found.needs_ephemeral
        assert found.chosen.der != made.host.published()
        assert made.host.store.certificates == ()
        assert event_ids(made) == [12013, 12024]

    def test_policy_decides_about_the_temporary_certificate(self) -> None:
        for choice, offered in (("none", False), ("ephemeral", True)):
            made = installed(policy=Policy(internal_fallback=choice))
            made.host.store.remove(made.host.store.certificates[0].thumbprint)
            assert load_internal(made.host).is_offered is offered

    def test_expiry_is_only_a_warning(self, made: Bench) -> None:
        item = made.host.store.certificates[0]
        made.clock.set(item.not_after - DAY)
        assert load_internal(made.host).is_offered
        made.clock.advance(2 * DAY)
        assert load_internal(made.host).is_offered
        assert event_ids(made) == [12017, 12015]

    @pytest.mark.fact("certificate-facts 3.5")
    def test_a_client_certificate_is_shown_to_an_edge_and_not_between_hubs(
        self, made: Bench
    ) -> None:
        assert load_client_internal(made.host, to_edge_or_hub=True).chosen
        between = load_client_internal(made.host, to_edge_or_hub=False)
        assert between.chosen is None
        assert not between.is_offered
        assert made.events == []

    def test_a_published_value_that_is_no_certificate_finds_nothing(self, made: Bench) -> None:
        found = select_internal(made.host.store.certificates, b"junk", context_of(made.host))
        assert found.chosen is None


class TestAccessProtocols:
    """POP3, IMAP4 and Unified Messaging."""

    @pytest.mark.fact("certificate-facts 3.7")
    @pytest.mark.parametrize(
        ("purpose", "service"), [(Purpose.POP, Services.POP), (Purpose.IMAP, Services.IMAP)]
    )
    def test_the_certificate_name_decides(self, purpose: Purpose, service: Services) -> None:
        made = bench("CAS01", roles=ServerRole.CLIENT_ACCESS)
        setup_certificate(made.host)
        mail = issued(made, "mail.contoso.test", services=service)
        assert load_pop_imap(made.host, "mail.contoso.test", purpose).chosen == mail
        default = load_pop_imap(made.host, "cas01.contoso.test", purpose).chosen
        assert default is not None
        assert default.is_self_signed

    @pytest.mark.fact("certificate-facts 3.7")
    def test_a_wildcard_as_name_finds_nothing_and_the_fqdn_finds_the_wildcard(self) -> None:
        made = bench("CAS01", roles=ServerRole.CLIENT_ACCESS)
        wildcard = issued(made, "*.contoso.test", services=Services.POP)
        broken = load_pop_imap(made.host, "*.contoso.test", Purpose.POP)
        assert broken.chosen is None
        assert "FQDN" in broken.note
        assert load_pop_imap(made.host, "mail.contoso.test", Purpose.POP).chosen == wildcard

    @pytest.mark.fact("certificate-facts 3.8")
    def test_um_prefers_an_authoritys_certificate_and_never_takes_an_expired_one(self) -> None:
        made = bench("UM01", roles=ServerRole.UNIFIED_MESSAGING)
        own = setup_certificate(made.host)
        assert load_um(made.host, secured=True).chosen == own
        trusted = issued(made, "um01.contoso.test", services=Services.UM)
        assert load_um(made.host, secured=True).chosen == trusted
        assert load_um(made.host, secured=False).chosen is None
        made.clock.advance(timedelta(days=800))
        ended = load_um(made.host, secured=True)
        assert ended.chosen is None
        assert "unsecured" in ended.note


def test_selection_is_pure() -> None:
    made = installed()
    before = made.host.store.state
    asked: list[str] = []

    def watched(certificate: TransportCertificate) -> Judgement:
        asked.append(certificate.thumbprint)
        return judge(certificate, before, now=START)

    context = replace(context_of(made.host), judge=watched)
    one, two = (select_starttls(made.host.store.certificates, FQDN, context) for _ in range(2))
    assert one == two
    assert made.host.store.state is before
    assert made.events == []
    assert len(asked) == 2
