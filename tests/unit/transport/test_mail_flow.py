"""Routing, queues, retry and bounces between Hubs and an Edge."""

from __future__ import annotations

import email
from datetime import timedelta
from pathlib import Path

import pytest

from edgesync.certificates.cmdlets.new import NewCertificate, new
from edgesync.certificates.cmdlets.outcome import Answer
from edgesync.config import Version
from edgesync.organization.servers import TransportServerFlags, write_transport_flags
from edgesync.transport.command import RcptTo
from edgesync.transport.message import AuthAs, Envelope, Submission
from edgesync.transport.queue import MailQueue, QueueView
from edgesync.transport.service import TransportService
from tests.support.mail_bench import FOREST, START, Organization, subscribed

MESSAGE = b"Subject: hello\r\n\r\nhow are you\r\n"


@pytest.fixture
def organization() -> Organization:
    return _organization()


def _organization(version: Version = Version.EXCHANGE_2007) -> Organization:
    organization = subscribed(version)
    organization.hub("HUB03", "Branch")
    organization.replicate(organization.machines["EDGE01"])
    organization.start_mail()
    organization.mailbox("amy", "HUB01")
    organization.mailbox("bob", "HUB03")
    return organization


def from_world(organization: Organization, *recipients: str, notify: str = "") -> None:
    """A message an Edge has taken from a stranger."""
    words = (notify,) if notify else ()
    envelope = Envelope("zoe@partner.test", tuple(RcptTo(r, words) for r in recipients))
    submission = Submission(
        envelope, b"Message-ID: <1@p>\r\n" + MESSAGE, "<1@p>", organization.clock.now()
    )
    organization.services["EDGE01"].accept(submission)


def only_queue(service: TransportService) -> QueueView:
    queues = service.queues()
    assert len(queues) == 1, queues
    return queues[0]


def test_mail_inside_a_site_goes_to_the_mailbox(organization: Organization) -> None:
    organization.services["HUB01"].send("amy@contoso.test", ["amy@contoso.test"], MESSAGE)
    organization.settle()
    assert len(organization.mailboxes.messages("amy")) == 1
    assert "MessageDelivered" in organization.machines["HUB01"].event_names


@pytest.mark.fact("certificate-facts 4.9")
def test_mail_to_another_site_goes_over_tls_and_the_kerberos_stand_in(
    organization: Organization,
) -> None:
    organization.services["HUB01"].send("amy@contoso.test", ["bob@contoso.test"], MESSAGE)
    organization.settle()
    content = organization.mailboxes.messages("bob")[0].content
    assert b"(TLS)" in content
    assert b"AuthAs: Internal" in content
    handshake = organization.machines["HUB03"].host.sessions[-1].handshake
    assert handshake.peer is None  # Hub to Hub shows no client certificate


@pytest.mark.fact("certificate-facts 5.4")
def test_verbose_intra_org_logging_shows_the_destination_hubs_certificate(
    organization: Organization,
) -> None:
    """The seed article's figure 3."""
    hub = organization.machines["HUB01"]
    service = organization.services["HUB01"]
    service.send("amy@contoso.test", ["bob@contoso.test"], MESSAGE)
    organization.settle()
    assert not hub.host.send_log.recent
    flags = TransportServerFlags.INTRA_ORG_VERBOSE
    write_transport_flags(organization.ad, FOREST.server("HUB01"), flags)
    service.send("amy@contoso.test", ["bob@contoso.test"], MESSAGE)
    organization.settle()
    rows = [(r.event, r.data, r.context) for r in hub.host.send_log.recent]
    identity = organization.machines["HUB03"].identity
    assert identity is not None
    at = rows.index(("*", "", "Received certificate"))
    from edgesync.certificates.certificate import thumbprint

    assert rows[at + 1] == ("*", thumbprint(identity.der), "Certificate thumbprint")
    assert not any(context == "Sending certificate" for _, _, context in rows)
    assert {r.connector for r in hub.host.send_log.recent} == {
        "Intra-Organization SMTP Send Connector"
    }
    assert not any("AAAA" in data for _, data, _ in rows)  # no token in the log
    assert ("<", "235 <authentication response>", "") in rows


@pytest.mark.fact("certificate-facts 4.9")
@pytest.mark.parametrize("fault", ["no account", "wrong secret", "clock"])
def test_a_failed_kerberos_step_keeps_the_mail_with_454_and_event_2017(
    organization: Organization, fault: str
) -> None:
    receiver = organization.machines["HUB03"].host
    if fault == "no account":
        del organization.ad.entries[FOREST.computers.child("CN", "HUB03")]
    elif fault == "wrong secret":
        receiver.machine_secret = lambda _spn: b"another domain's"
    else:
        receiver.server.clock = type(organization.clock)(START + timedelta(minutes=6))
    organization.services["HUB01"].send("amy@contoso.test", ["bob@contoso.test"], MESSAGE)
    organization.settle()
    queue = only_queue(organization.services["HUB01"])
    assert "454 4.7.0 Temporary authentication failure" in queue.last_error
    event = next(e for e in organization.machines["HUB01"].events if e.kind.id == 2017)
    assert event.data["error"] == "LogonDenied"
    assert event.data["target"] == "SMTPSVC/hub03.contoso.test"


@pytest.mark.fact("certificate-facts 0")
@pytest.mark.parametrize(
    ("version", "delivered"), [(Version.EXCHANGE_2007, False), (Version.EXCHANGE_2010, True)]
)
def test_traffic_between_hubs_can_be_downgraded_from_2010_on_only(
    version: Version, delivered: bool
) -> None:
    organization = _organization(version)
    from edgesync.organization.connectors import AuthMechanism

    target = organization.machines["HUB03"]
    target.configure(suppress_x_anonymous_tls=True)
    if version is Version.EXCHANGE_2007:  # there the verb can only be lost on the way
        target.configure(auth_mechanism=AuthMechanism.TLS)
    write_transport_flags(
        organization.ad, FOREST.server("HUB01"), TransportServerFlags.USE_DOWNGRADED_AUTH
    )
    organization.services["HUB01"].send("amy@contoso.test", ["bob@contoso.test"], MESSAGE)
    organization.settle()
    assert bool(organization.mailboxes.messages("bob")) is delivered
    if delivered:
        assert b"(TLS)" not in organization.mailboxes.messages("bob")[0].content
        assert not target.host.sessions


def test_mail_from_the_world_reaches_mailboxes_of_every_site(organization: Organization) -> None:
    from_world(organization, "amy@contoso.test", "bob@contoso.test")
    organization.settle()
    assert len(organization.mailboxes.messages("amy")) == 1
    assert len(organization.mailboxes.messages("bob")) == 1
    assert b"AuthAs: Internal" in organization.mailboxes.messages("amy")[0].content


@pytest.mark.fact("certificate-facts 4.5")
def test_a_renewed_edge_certificate_leaves_mail_in_retry_with_event_2018(
    organization: Organization,
) -> None:
    edge = organization.machines["EDGE01"]
    new(edge.certificates, NewCertificate(), answer=Answer.YES)
    hub = organization.services["HUB01"]
    hub.send("amy@contoso.test", ["zoe@partner.test"], MESSAGE)
    organization.settle()
    queue = only_queue(hub)
    assert (queue.status, queue.message_count) == ("Retry", 1)
    assert queue.delivery_type == "SmtpRelayWithinAdSiteToEdge"
    assert queue.last_error.startswith(
        '451 4.4.0 Primary target IP address responded with: "451 5.7.3 Cannot achieve Exchange'
        ' Server authentication." Attempted failover to alternate host, but that did not succeed.'
    )
    assert 2018 in {e.kind.id for e in organization.machines["HUB01"].events}
    organization.subscribe_again(edge)
    organization.clock.advance(timedelta(minutes=5))
    organization.settle()
    assert hub.queues() == ()
    assert only_queue(organization.services["EDGE01"]).next_hop_domain == "partner.test"


@pytest.mark.fact("certificate-facts 4.5")
def test_an_edge_that_treats_a_hub_as_a_stranger_loses_no_mail(organization: Organization) -> None:
    """The Hub's renewed certificate is not yet in ADAM: the Edge may not relay for it."""
    hub = organization.machines["HUB01"]
    new(hub.certificates, NewCertificate(), answer=Answer.YES)
    service = organization.services["HUB01"]
    service.send("amy@contoso.test", ["zoe@partner.test"], MESSAGE)
    organization.settle()
    assert "5.7.3 Cannot achieve" in only_queue(service).last_error
    assert "MessageReturned" not in hub.event_names
    organization.replicate(organization.machines["EDGE01"])
    organization.settle(force=True)
    assert service.queues() == ()


@pytest.mark.fact("certificate-facts 4.5")
@pytest.mark.parametrize(("server", "minutes"), [("HUB01", (5, 10)), ("EDGE01", (10, 30))])
def test_six_quick_tries_then_slow_ones(
    organization: Organization, server: str, minutes: tuple[int, int]
) -> None:
    organization.unplugged.add("hub03.contoso.test")
    service = organization.services[server]
    if server == "HUB01":
        service.send("amy@contoso.test", ["bob@contoso.test"], MESSAGE)
    else:
        from_world(organization, "x@nowhere.test")
    waits = []
    for _ in range(8):
        service.run()
        retry = service.next_due_at()
        assert retry is not None
        waits.append((retry - organization.clock.now()) // timedelta(minutes=1))
        organization.clock.set(retry)
    assert waits == [minutes[0]] * 6 + [minutes[1]] * 2
    assert "421 4.2.1 Unable to connect" in only_queue(service).last_error


def test_mail_too_old_is_returned(organization: Organization) -> None:
    organization.unplugged.add("hub03.contoso.test")
    organization.services["HUB01"].send("amy@contoso.test", ["bob@contoso.test"], MESSAGE)
    organization.settle()
    organization.clock.advance(timedelta(days=2, minutes=1))
    organization.settle()
    returned = email.message_from_bytes(organization.mailboxes.messages("amy")[0].content)
    assert returned["Subject"] == "Undeliverable: hello"
    assert [part["Status"] for part in returned.walk() if part["Status"]] == ["4.4.7"]
    assert organization.services["HUB01"].queues() == ()


def test_an_unknown_recipient_is_reported_to_the_sender_once(organization: Organization) -> None:
    service = organization.services["HUB01"]
    service.send("amy@contoso.test", ["nobody@contoso.test", "amy@contoso.test"], MESSAGE)
    organization.settle()
    kept = [m.content for m in organization.mailboxes.messages("amy")]
    assert len(kept) == 2
    report = next(c for c in kept if b"Undeliverable" in c)
    assert b"550 5.1.1 RESOLVER.ADR.RecipNotFound; not found" in report.replace(b"\r\n ", b" ")


def test_a_report_about_a_report_is_never_made(organization: Organization) -> None:
    service = organization.services["HUB01"]
    service.accept(
        Submission(
            Envelope("", (RcptTo("nobody@contoso.test"),)), MESSAGE, "<1@x>", START,
            AuthAs.INTERNAL,
        )
    )  # fmt: skip
    organization.settle()
    assert service.queue.messages == ()


@pytest.mark.parametrize(("notify", "reports"), [("NEVER", 0), ("SUCCESS", 1)])
def test_reports_follow_the_notify_parameter(
    organization: Organization, notify: str, reports: int
) -> None:
    address = "amy@contoso.test" if notify == "SUCCESS" else "nobody@contoso.test"
    from_world(organization, address, notify=notify)
    organization.settle()
    waiting = organization.services["EDGE01"].queue.messages
    assert len(waiting) == reports
    if reports:
        assert b"Action: delivered" in waiting[0].submission.content


def test_a_recipient_for_insiders_refuses_strangers(organization: Organization) -> None:
    organization.mailbox("board", "HUB01", inside_only=True)
    organization.services["HUB01"].accept(
        Submission(
            Envelope("zoe@partner.test", (RcptTo("board@contoso.test"),)), MESSAGE, "<2@p>", START,
            AuthAs.ANONYMOUS,
        )
    )  # fmt: skip
    organization.services["HUB01"].run()
    errors = [e.data.get("error", "") for e in organization.machines["HUB01"].events]
    assert any("RESOLVER.RST.AuthRequired" in str(error) for error in errors)


def test_mail_without_a_route_waits_in_the_unreachable_queue(organization: Organization) -> None:
    for dn in [d for d in organization.ad.entries if d.parent == FOREST.connectors]:
        del organization.ad.entries[dn]
    service = organization.services["HUB01"]
    service.send("amy@contoso.test", ["zoe@partner.test"], MESSAGE)
    organization.settle()
    assert only_queue(service).delivery_type == "Unreachable"


def test_a_branch_hub_sends_to_the_world_through_the_subscribed_site(
    organization: Organization,
) -> None:
    organization.services["HUB03"].send("bob@contoso.test", ["zoe@partner.test"], MESSAGE)
    organization.settle()
    assert only_queue(organization.services["EDGE01"]).message_count == 1
    assert organization.services["HUB03"].queues() == ()


def test_more_than_twenty_messages_take_more_than_one_connection(
    organization: Organization,
) -> None:
    service = organization.services["HUB01"]
    for _ in range(45):
        service.send("amy@contoso.test", ["bob@contoso.test"], MESSAGE)
    organization.settle()
    assert len(organization.mailboxes.messages("bob")) == 45
    assert len(organization.machines["HUB03"].host.sessions) == 3


def test_a_queue_in_a_folder_survives_the_process(
    tmp_path: Path, organization: Organization
) -> None:
    organization.unplugged.add("hub03.contoso.test")
    before = organization.services["HUB01"]
    service = TransportService(
        before.host, MailQueue(tmp_path), organization.mailboxes, before._dial
    )
    service.send("amy@contoso.test", ["bob@contoso.test", "amy@contoso.test"], MESSAGE)
    service.run()
    again = MailQueue(tmp_path)
    assert [m.pending for m in again.messages] == [(RcptTo("bob@contoso.test"),)]
    assert again.messages[0].submission == service.queue.messages[0].submission
    assert again.next_retry_at() == service.queue.next_retry_at()
    organization.unplugged.clear()
    reopened = TransportService(before.host, again, organization.mailboxes, before._dial)
    reopened.run(force=True)
    assert list(tmp_path.glob("*.eml")) == []
    assert MailQueue(tmp_path).messages == ()


def test_a_queue_file_that_was_cut_short_is_named(tmp_path: Path) -> None:
    from edgesync.errors import InputInvalid

    queue = MailQueue(tmp_path)
    queue.add(Submission(Envelope("a@b.test", (RcptTo("c@d.test"),)), MESSAGE, "<1@x>", START))
    path = next(tmp_path.glob("*.json"))
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(InputInvalid, match=path.name):
        MailQueue(tmp_path)


def test_a_lost_directory_delays_mail_and_loses_none(organization: Organization) -> None:
    hub = organization.services["HUB01"]
    hub.send("amy@contoso.test", ["amy@contoso.test"], MESSAGE)
    organization.ad.down = True
    assert hub.run().delivered == 0
    due = hub.next_due_at()
    assert due is not None
    assert due - organization.clock.now() == timedelta(minutes=1)
    organization.ad.down = False
    assert hub.run().delivered == 0  # not before its time
    organization.clock.set(due)
    assert hub.run().delivered == 1
    assert hub.next_due_at() is None
