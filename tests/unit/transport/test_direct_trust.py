"""Direct trust on the wire, and the change matrix of certificate-facts 4.8 cell by cell."""

from __future__ import annotations

import warnings
from datetime import timedelta

import pytest
from OpenSSL import SSL, crypto

from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.outcome import Answer
from edgesync.config import Policy, Version
from edgesync.organization.connectors import AuthMechanism, PermissionGroups
from edgesync.organization.servers import publish_certificate
from edgesync.transport.handshake import HandshakeReport
from edgesync.transport.permissions import Rights
from edgesync.trust import direct
from edgesync.trust.direct import Direction
from edgesync.trust.tls import TlsSession
from edgesync.trust.verdict import Reason, Verdict
from tests.support.mail_bench import FOREST, Machine, Organization, subscribed
from tests.unit.transport.conversation import Caller, as_server, greeted

GROUPS = PermissionGroups


def renew(machine: Machine, answer: Answer = Answer.YES) -> None:
    """A new certificate for the machine; Yes makes it the default SMTP certificate."""
    new(machine.certificates, NewCertificate(), answer=answer)


def judged(sender: Machine, report: HandshakeReport) -> direct.TrustResult:
    """What the sender's directory says of the certificate it was shown."""
    return direct.check(
        report.server_certificate, sender.host.anchors(), now=sender.host.now(),
        policy=sender.host.policy, direction=Direction.OUTBOUND,
    )  # fmt: skip


def flows(organization: Organization, sender: str, receiver: str) -> bool:
    """Whether mail would go: the sender knows the receiver, and the receiver the sender."""
    a, b = organization.machines[sender], organization.machines[receiver]
    report = organization.probe(a, b)
    return report.reason is None and bool(judged(a, report)) and bool(report.may_relay)


@pytest.fixture
def organization() -> Organization:
    return subscribed()


@pytest.mark.fact("certificate-facts 5.2")
def test_hub_and_edge_recognise_each_other_in_both_directions(organization: Organization) -> None:
    assert flows(organization, "HUB01", "EDGE01")
    assert flows(organization, "EDGE01", "HUB01")


@pytest.mark.fact("certificate-facts 4.4")
def test_rights_come_from_the_connectors_permission_groups(organization: Organization) -> None:
    hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
    as_server(edge, hub)
    assert edge.host.sessions[-1].rights.words == (
        "SMTPSubmit SMTPSubmitForMLS SMTPAcceptAnyRecipient SMTPAcceptAuthenticationFlag"
        " SMTPAcceptAnySender SMTPAcceptAuthoritativeDomainSender BypassAntiSpam"
        " BypassMessageSizeLimit SMTPSendEXCH50 SMTPAcceptEXCH50 AcceptRoutingHeaders"
        " AcceptForestHeaders AcceptOrganizationHeaders SendRoutingHeaders SendForestHeaders"
        " SendOrganizationHeaders"
    )
    edge.configure(permission_groups=GROUPS.ANONYMOUS_USERS)
    as_server(edge, hub)
    assert edge.host.sessions[-1].trust
    assert edge.host.sessions[-1].rights.words == (
        "SMTPSubmit SMTPAcceptAnySender SMTPAcceptAuthoritativeDomainSender AcceptRoutingHeaders"
    )


def test_from_2010_on_servers_also_get_shadow_redundancy() -> None:
    organization = subscribed(Version.EXCHANGE_2010)
    as_server(organization.machines["EDGE01"], organization.machines["HUB01"])
    rights = organization.machines["EDGE01"].host.sessions[-1].rights
    assert Rights.SMTPSendXShadow in rights
    assert rights.words.endswith("SMTPSendXShadow SMTPAcceptXShadow")


@pytest.mark.fact("certificate-facts 4.5")
def test_an_unknown_certificate_leaves_an_anonymous_session_and_event_1036(
    organization: Organization,
) -> None:
    hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
    stranger = organization.hub("HUB09")
    caller = as_server(edge, stranger)
    assert edge.events[-1].kind.id == 1036
    assert "CN=HUB09" in edge.events[-1].text
    assert edge.host.sessions[-1].trust is not None
    assert edge.host.sessions[-1].trust.verdict is Verdict.ANONYMOUS
    # an Edge takes the mail as Internet mail: headers of the organisation are lost, nobody notices
    caller.say("MAIL FROM:<a@contoso.test>", "RCPT TO:<amy@contoso.test>", "DATA")
    caller.say("X-MS-Exchange-Organization-SCL: -1", "X-MS-Exchange-Forest-X: y", "", "hi", ".")
    assert b"SCL" not in edge.received[0].content
    assert b"Forest" not in edge.received[0].content
    assert b"AuthAs: Anonymous" in edge.received[0].content
    caller = as_server(edge, hub)
    caller.say("MAIL FROM:<a@contoso.test>", "RCPT TO:<amy@contoso.test>", "DATA")
    caller.say("X-MS-Exchange-Organization-SCL: -1", "", "hi", ".")
    assert b"SCL: -1" in edge.received[1].content
    assert b"AuthAs: Internal" in edge.received[1].content


@pytest.mark.fact("certificate-facts 4.5")
def test_a_hub_refuses_mail_on_the_anonymous_session_it_keeps(organization: Organization) -> None:
    hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
    renew(edge)
    caller = as_server(hub, edge)
    assert caller.say("MAIL FROM:<a@partner.test>") == ["530 5.7.1 Client was not authenticated"]
    assert any("Direct trust failed for CN=EDGE01: mismatch" in row for row in hub.log_rows())


@pytest.mark.fact("certificate-facts 4.5")
def test_policy_strict_hangs_up_after_the_handshake() -> None:
    organization = subscribed(trust="strict")
    hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
    renew(hub)
    caller = greeted(edge)
    caller.start_tls("X-ANONYMOUSTLS", hub.identity)
    assert caller.say("EHLO hub01.contoso.test")[0].startswith("421 4.7.0 Direct trust failed")
    assert caller.receiver.is_over


def test_a_peer_without_a_certificate_is_anonymous_and_no_event_is_logged(
    organization: Organization,
) -> None:
    hub = organization.machines["HUB01"]
    caller = greeted(hub)
    caller.start_tls("X-ANONYMOUSTLS")
    assert hub.host.sessions[-1].trust is not None
    assert hub.host.sessions[-1].trust.reason is Reason.NO_CERTIFICATE
    assert "SmtpReceiveDirectTrustFailed" not in hub.event_names


def test_a_connector_without_exchange_servers_refuses_a_trusted_edge(
    organization: Organization,
) -> None:
    hub = organization.machines["HUB01"]
    hub.configure(permission_groups=GROUPS.EXCHANGE_USERS)
    report = organization.probe(organization.machines["EDGE01"], hub)
    assert hub.host.sessions[-1].trust
    assert report.may_relay is False


@pytest.mark.fact("certificate-facts 4.8")
class TestChangeMatrix:
    """What breaks when a certificate changes, and what repairs it."""

    def test_hub_renewed_fails_until_adam_has_the_copy(self, organization: Organization) -> None:
        hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
        renew(hub)
        assert not flows(organization, "HUB01", "EDGE01")
        assert not flows(organization, "EDGE01", "HUB01")
        assert judged(edge, organization.probe(edge, hub)).reason is Reason.MISMATCH
        organization.replicate(edge)
        assert flows(organization, "HUB01", "EDGE01")
        assert flows(organization, "EDGE01", "HUB01")

    def test_edge_renewed_fails_and_edgesync_does_not_repair_it(
        self, organization: Organization
    ) -> None:
        edge = organization.machines["EDGE01"]
        renew(edge)
        organization.replicate(edge)
        assert not flows(organization, "HUB01", "EDGE01")
        assert not flows(organization, "EDGE01", "HUB01")
        organization.subscribe_again(edge)
        assert flows(organization, "HUB01", "EDGE01")
        assert flows(organization, "EDGE01", "HUB01")

    def test_a_new_certificate_answered_no_breaks_nothing(self, organization: Organization) -> None:
        edge = organization.machines["EDGE01"]
        before = edge.identity
        renew(edge, Answer.NO)
        assert edge.identity == before
        assert flows(organization, "HUB01", "EDGE01")
        assert flows(organization, "EDGE01", "HUB01")

    def test_only_expired_goes_on_with_12015_and_12019(self, organization: Organization) -> None:
        hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
        organization.clock.advance(timedelta(days=400))
        assert flows(organization, "HUB01", "EDGE01")
        assert flows(organization, "EDGE01", "HUB01")
        ids = {event.kind.id for event in (*hub.events, *edge.events)}
        assert {12015, 12019} <= ids
        assert as_server(edge, hub) is not None
        assert edge.host.sessions[-1].trust is not None
        assert edge.host.sessions[-1].trust.reason is Reason.TRUSTED_EXPIRED

    @pytest.mark.parametrize(
        ("version", "offered"), [(Version.EXCHANGE_2007, True), (Version.EXCHANGE_2013, False)]
    )
    def test_deleted_from_the_store_fails_with_or_without_a_stand_in(
        self, version: Version, offered: bool
    ) -> None:
        organization = subscribed(version)
        edge = organization.machines["EDGE01"]
        for certificate in edge.certificates.store.certificates:
            edge.certificates.store.remove(certificate.thumbprint)
        report = organization.probe(organization.machines["HUB01"], edge)
        assert (report.reason is None) is offered
        assert not flows(organization, "HUB01", "EDGE01")
        names = edge.event_names
        assert "CannotLoadInternalTransportCertificateFromStore" in names
        assert (
            "CannotLoadInternalTransportCertificateFallbackEphemeralCertificate" in names
        ) is offered
        if offered:  # one stand-in serves until the service can load the real one again
            again = organization.probe(organization.machines["HUB01"], edge)
            assert again.server_certificate == report.server_certificate
        else:
            assert report.reason is Reason.TLS_NOT_OFFERED

    def test_a_cleared_attribute_is_not_advertised_until_enabled_again(
        self, organization: Organization
    ) -> None:
        hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
        der = hub.certificates.published()
        publish_certificate(organization.ad, FOREST.server("HUB01"), None)
        assert "X-ANONYMOUSTLS" not in Caller(hub).hello()
        assert organization.probe(edge, hub).reason is Reason.TLS_NOT_OFFERED
        publish_certificate(organization.ad, FOREST.server("HUB01"), der)
        assert flows(organization, "EDGE01", "HUB01")


@pytest.mark.fact("certificate-facts 9")
def test_unticking_exchange_server_auth_looks_like_a_stripped_verb(
    organization: Organization,
) -> None:
    edge, hub = organization.machines["EDGE01"], organization.machines["HUB01"]
    edge.configure(auth_mechanism=AuthMechanism.TLS)
    report = organization.probe(hub, edge)
    assert report.reason is Reason.TLS_NOT_OFFERED
    assert report.handshake is None


def test_the_probe_leaves_no_mail_behind(organization: Organization) -> None:
    hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
    organization.probe(hub, edge)
    assert edge.received == []
    assert Policy().trust == "exchange"


def presenting(der: bytes, key: object) -> TlsSession:
    """A client that shows bytes no library of ours would make."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.use_certificate(crypto.load_certificate(crypto.FILETYPE_ASN1, der))
    context.use_privatekey(key)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    return TlsSession(context, is_server=False, server_name=None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x82\x05HUB01", b"\x82\x05\xff\xfe\xfd\xfc\xfb"),  # a host name that is no text
        (b"\x82\x05HUB01", b"\x87\x05HUB01"),  # an address of five bytes
        (b"\x06\x03\x55\x1d\x0f", b"\x06\x03\x55\x1d\x11"),  # the same extension twice
        (b"Z\x17\r2", b"Z\x17\rX"),  # a date that is none
        (b"\x02\x01\x02\x02", b"\x02\x01\x07\x02"),  # version 8
    ],
)
@pytest.mark.parametrize("verb", ["X-ANONYMOUSTLS", "STARTTLS"])
def test_a_malformed_certificate_is_a_strangers_and_harms_nobody(
    organization: Organization, old: bytes, new: bytes, verb: str
) -> None:
    edge, hub = organization.machines["EDGE01"], organization.machines["HUB01"]
    edge.configure(domain_secure_enabled=True)
    assert hub.identity is not None
    broken = hub.identity.der.replace(old, new, 1)
    assert broken != hub.identity.der
    caller = greeted(edge)
    caller.start_tls(verb, session=presenting(broken, hub.identity.key))
    caller.hello()
    assert caller.say("MAIL FROM:<a@partner.test>") == ["250 2.1.0 Sender OK"]
    assert edge.host.sessions[-1].handshake.peer == broken
    assert edge.host.sessions[-1].rights.words.startswith("SMTPSubmit SMTPAcceptAnySender")
