"""Opportunistic TLS, RequireTLS and Domain Security (certificate-facts 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from edgesync.certificates.certificate import TransportCertificate
from edgesync.config import Policy, Version
from edgesync.organization.connectors import (
    AuthMechanism,
    SendConnector,
    TlsAuthLevel,
    list_send_connectors,
    write_connector,
)
from edgesync.organization.domains import read_transport_config, write_transport_config
from edgesync.transport.command import RcptTo
from edgesync.transport.host import identity_of
from edgesync.transport.message import AuthAs, Envelope, Submission
from tests.support import partner as pki
from tests.support.mail_bench import FOREST, Machine, Organization, subscribed
from tests.unit.transport.conversation import greeted

PARTNER = "partner.test"


class World:
    """Contoso's Edge, a partner's Edge, and an authority both may trust."""

    def __init__(self, version: Version = Version.EXCHANGE_2007, **policy: str) -> None:
        self.organization = subscribed(version, **policy)
        self.edge = self.organization.machines["EDGE01"]
        self.partner_side = Organization(version, Policy())
        self.partner = self.partner_side.edge("PMAIL")
        self.partner_side.accept(PARTNER)
        self._accept_partner_domain()
        self.ca = pki.authority()
        self.organization.start_mail()
        self.organization.mx[PARTNER] = ("mail.partner.test",)
        self.organization.strangers["mail.partner.test"] = lambda _host, port: (
            self.organization.dial(self.edge, self.partner, port)
        )
        for machine in (self.edge, self.partner):
            pki.publish_crl(machine, self.ca)

    def _accept_partner_domain(self) -> None:
        from edgesync.organization import setup
        from edgesync.organization.domains import AcceptedDomain

        names = self.partner.host.names
        dn = names.accepted_domains.child("CN", PARTNER)
        setup.add_domain(self.partner.directory, AcceptedDomain(dn, PARTNER, PARTNER))

    def certify(self, *names: str, days: int = 365) -> TransportCertificate:
        """Give the partner a certificate of the authority and show it on its connector."""
        self.partner.configure(fqdn="mail.partner.test")
        return pki.install(self.partner, self.ca, *names, days=days)

    def secure(self, *, send: bool = False, receive: bool = False) -> None:
        """Put the partner into the organisation's lists and sync them to the Edge."""
        current = read_transport_config(self.organization.ad, FOREST)
        write_transport_config(
            self.organization.ad,
            replace(
                current,
                tls_send_domain_secure_list=(PARTNER,) if send else (),
                tls_receive_domain_secure_list=(PARTNER,) if receive else (),
            ),
        )
        self.organization.replicate(self.edge)

    def connector(self, **changes: object) -> SendConnector:
        """Change the Edge's connector to the Internet."""
        found = next(
            c for c in list_send_connectors(self.edge.directory, self.edge.host.names)
            if "Internet" in c.name
        )  # fmt: skip
        changed = replace(found, **changes)  # type: ignore[arg-type] # names of the connector
        write_connector(self.edge.directory, changed)
        return changed

    def send(self) -> str:
        """One message to the partner; the queue's error, empty when it was taken."""
        service = self.organization.services["EDGE01"]
        envelope = Envelope("amy@contoso.test", (RcptTo(f"zoe@{PARTNER}"),))
        service.accept(
            Submission(envelope, b"Subject: x\r\n\r\nhi\r\n", "<1@c>", self.edge.host.now(),
                       AuthAs.INTERNAL)
        )  # fmt: skip
        service.run(force=True)
        queues = service.queues()
        return queues[0].last_error if queues else ""


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.fact("certificate-facts 6.1")
def test_opportunistic_tls_takes_any_certificate(world: World) -> None:
    assert world.send() == ""
    record = world.partner.host.sessions[-1]
    assert record.verb == "STARTTLS"
    assert (
        b"X-MS-Exchange-Organization"
        not in world.partner.received[0].content.partition(
            b"X-MS-Exchange-Organization-AuthSource: pmail"
        )[0]
    )  # internal headers stay inside; the partner stamps its own


@pytest.mark.fact("certificate-facts 6.1")
def test_without_starttls_mail_goes_in_clear(world: World) -> None:
    world.partner.configure(auth_mechanism=AuthMechanism.NONE)
    assert world.send() == ""
    assert not world.partner.host.sessions


@pytest.mark.fact("certificate-facts 6.1")
def test_ignore_starttls_never_asks_for_it(world: World) -> None:
    world.connector(ignore_starttls=True, domain_secure_enabled=False)
    assert world.send() == ""
    assert not world.partner.host.sessions


@pytest.mark.fact("certificate-facts 6.2")
def test_require_tls_waits_for_a_server_that_offers_it_with_event_2015(world: World) -> None:
    world.connector(require_tls=True)
    world.partner.configure(auth_mechanism=AuthMechanism.NONE)
    assert "451 5.7.3 STARTTLS is required to send mail" in world.send()
    event = world.edge.events[-2]
    assert event.kind.id == 2015
    assert "PIPELINING" in str(event.data["ehlo"])
    world.partner.configure(auth_mechanism=AuthMechanism.TLS)
    assert world.send() == ""


@pytest.mark.fact("certificate-facts 6.3")
class TestOutbound:
    """Mail to a domain of TLSSendDomainSecureList."""

    def test_a_valid_certificate_with_the_domain_is_accepted(self, world: World) -> None:
        world.certify("mail.partner.test", PARTNER)
        pki.trust(world.edge, world.ca)
        world.secure(send=True)
        assert world.send() == ""

    def test_a_self_signed_certificate_keeps_the_mail_until_the_domain_is_removed(
        self, world: World
    ) -> None:
        world.secure(send=True)
        assert "454 4.7.5 Certificate validation failure, Reason:UntrustedRoot" in world.send()
        events = [e for e in world.edge.events if "ServerCertificateValidation" in e.kind.name]
        assert events[0].data["status"] == "UntrustedRoot"
        world.secure()
        world.organization.services["EDGE01"].run(force=True)
        assert world.organization.services["EDGE01"].queues() == ()
        assert len(world.partner.received) == 1

    def test_another_name_is_a_subject_mismatch(self, world: World) -> None:
        world.certify("mail.partner.test")
        pki.trust(world.edge, world.ca)
        world.secure(send=True)
        assert "Reason:SubjectMismatch" in world.send()

    def test_a_revoked_certificate_is_refused(self, world: World) -> None:
        entry = world.certify("mail.partner.test", PARTNER)
        pki.trust(world.edge, world.ca)
        revoked = world.ca.revoke(entry.certificate, at=world.edge.host.now())
        pki.publish_crl(world.edge, revoked)
        world.secure(send=True)
        assert "Reason:Revoked" in world.send()

    def test_an_unreachable_revocation_list_is_refused(self, world: World) -> None:
        world.certify("mail.partner.test", PARTNER)
        pki.trust(world.edge, world.ca)
        pki.publish_crl(world.edge, None)
        world.secure(send=True)
        assert "Reason:RevocationOffline" in world.send()

    def test_an_expired_certificate_is_refused(self) -> None:
        world = World(Version.EXCHANGE_2010)  # 2007 drops STARTTLS with it
        world.certify("mail.partner.test", PARTNER, days=10)
        pki.trust(world.edge, world.ca)
        world.organization.clock.advance(timedelta(days=11))
        world.partner_side.clock.advance(timedelta(days=11))
        world.secure(send=True)
        assert "Reason:Expired" in world.send()

    def test_no_tls_at_all_is_2015(self, world: World) -> None:
        world.partner.configure(auth_mechanism=AuthMechanism.NONE)
        world.secure(send=True)
        assert "STARTTLS is required" in world.send()
        assert 2015 in {e.kind.id for e in world.edge.events}

    def test_a_connector_without_domain_security_asks_for_nothing(self, world: World) -> None:
        world.connector(domain_secure_enabled=False)
        world.secure(send=True)
        assert world.send() == ""


@pytest.mark.fact("certificate-facts 6.3")
class TestInbound:
    """Mail from a domain of TLSReceiveDomainSecureList."""

    FROM = f"MAIL FROM:<zoe@{PARTNER}>"
    REFUSED = ("454 4.7.5 Certificate validation failure",)

    def prepared(self, world: World, *names: str) -> Machine:
        world.edge.configure(domain_secure_enabled=True)
        world.secure(receive=True)
        if names:
            world.certify(*names)
        pki.trust(world.edge, world.ca)
        return world.edge

    def presented(self, world: World) -> list[str]:
        """What the Edge says to MAIL after STARTTLS with the partner's certificate."""
        caller = greeted(world.edge)
        host = world.partner.host
        own = host.starttls_certificate("mail.partner.test", "x")
        caller.start_tls("STARTTLS", identity_of(own, host))
        caller.hello()
        return caller.say(self.FROM)

    def test_without_tls_it_is_refused_with_11012(self, world: World) -> None:
        edge = self.prepared(world)
        assert tuple(greeted(edge).say(self.FROM)) == self.REFUSED
        assert edge.events[-1].kind.id == 11012

    def test_without_the_domain_in_the_certificate_it_is_refused_with_11015(
        self, world: World
    ) -> None:
        edge = self.prepared(world, "mail.partner.test")
        assert tuple(self.presented(world)) == self.REFUSED
        assert edge.events[-1].kind.id == 11015

    def test_with_the_domain_it_is_taken_as_a_partners(self, world: World) -> None:
        edge = self.prepared(world, "mail.partner.test", PARTNER)
        caller = greeted(edge)
        host = world.partner.host
        own = host.starttls_certificate("mail.partner.test", "x")
        caller.start_tls("STARTTLS", identity_of(own, host))
        caller.hello()
        world.organization.mailbox("amy")
        caller.say(self.FROM, "RCPT TO:<amy@contoso.test>", "DATA")
        caller.say("Subject: hi", "", "hi", ".")
        taken = world.organization.services["EDGE01"].queue.messages[-1].submission
        assert taken.domain_secured
        assert taken.auth_as is AuthAs.PARTNER

    def test_an_untrusted_root_is_refused_with_its_status(self, world: World) -> None:
        edge = self.prepared(world)
        caller = greeted(edge)
        caller.start_tls("STARTTLS", world.partner.identity)
        caller.hello()
        assert tuple(caller.say(self.FROM)) == self.REFUSED
        assert edge.events[-1].data["status"] == "UntrustedRoot"

    def test_other_domains_are_not_asked(self, world: World) -> None:
        edge = self.prepared(world)
        assert greeted(edge).say("MAIL FROM:<x@other.test>") == ["250 2.1.0 Sender OK"]

    @pytest.mark.parametrize(
        ("version", "policy", "taken"),
        [
            (Version.EXCHANGE_2007, {}, False),
            (Version.EXCHANGE_2010, {}, True),
            (Version.EXCHANGE_2007, {"domain_secure_wildcards": "accept"}, True),
        ],
    )
    def test_wildcards_are_a_matter_of_version_and_policy(
        self, version: Version, policy: dict[str, str], taken: bool
    ) -> None:
        world = World(version, **policy)
        edge = self.prepared(world, "mail.partner.test", "*.test")
        answer = self.presented(world)
        assert (answer == ["250 2.1.0 Sender OK"]) is taken
        assert edge.host.sessions


@pytest.mark.fact("certificate-facts 6.2")
@pytest.mark.parametrize(
    ("level", "names", "error"),
    [
        (TlsAuthLevel.ENCRYPTION_ONLY, (), ""),
        (TlsAuthLevel.CERTIFICATE_VALIDATION, (), "UntrustedRoot"),
        (TlsAuthLevel.CERTIFICATE_VALIDATION, ("mail.partner.test",), ""),
        (TlsAuthLevel.DOMAIN_VALIDATION, ("mail.partner.test",), "SubjectMismatch"),
        (TlsAuthLevel.DOMAIN_VALIDATION, ("mail.partner.test", PARTNER), ""),
    ],
)
def test_tls_auth_level_asks_more_from_2010_on(
    level: TlsAuthLevel, names: tuple[str, ...], error: str
) -> None:
    world = World(Version.EXCHANGE_2010)
    world.connector(tls_auth_level=level, require_tls=True)
    if names:
        world.certify(*names)
        pki.trust(world.edge, world.ca)
    assert (world.send() == "") is (error == "")
    assert error in (world.organization.services["EDGE01"].queues() or [""])[0].__repr__()
