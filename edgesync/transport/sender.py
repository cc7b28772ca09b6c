"""Delivers messages to one server: which TLS, whose certificate, what counts as authenticated.

Sources: certificate-facts 3.5 (certificates), 4.5 (mismatch), 4.9 (between Hubs), 6 (opportunistic
TLS, RequireTLS, Domain Security). Messages never go out below what their hop asks for: every
refusal here leaves them in the queue.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from edgesync import events
from edgesync.organization.connectors import LoggingLevel
from edgesync.organization.servers import TransportServerFlags
from edgesync.transport import reply
from edgesync.transport.client import DialogueFailed, SmtpClient
from edgesync.transport.command import RcptTo
from edgesync.transport.host import TransportHost
from edgesync.transport.link import Dial, LinkFailed, drive
from edgesync.transport.message import Submission
from edgesync.transport.outbound_message import Carrier
from edgesync.transport.outbound_security import OutboundSecurity, SendFailed
from edgesync.transport.protocol_log import SessionLog
from edgesync.transport.reply import Reply
from edgesync.transport.routing import INTRA_ORG_CONNECTOR, NextHop
from edgesync.trust.verdict import Reason

MESSAGES_MAX = 20
"""Messages per connection (certificate-facts 5.2)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message with the recipients that go this way; ``number`` is the queue's."""

    number: int
    submission: Submission
    recipients: tuple[RcptTo, ...]


@dataclass
class SendOutcome:
    """What one attempt came to.

    ``answers`` has a final reply for each recipient that was got to; ``failure`` what stopped the
    connection, with the reason code of contract 3.4 where it is one of trust.
    """

    target: str
    answers: list[tuple[Item, RcptTo, Reply]] = field(default_factory=list)
    failure: Reply | None = None
    reason: Reason | None = None
    offers_dsn: bool = False
    """The server reports on delivery itself (RFC 3461), so nobody before it needs to."""


def deliver(
    host: TransportHost, hop: NextHop, target: str, items: Sequence[Item], dial: Dial
) -> SendOutcome:
    """Connect to one server and hand it messages."""
    outcome = SendOutcome(target)
    connector = hop.connector
    if connector is not None:
        verbose = connector.protocol_logging_level is LoggingLevel.VERBOSE
    else:
        verbose = TransportServerFlags.INTRA_ORG_VERBOSE in host.transport_flags
    port = connector.port if connector else 25
    log = SessionLog(
        host.send_log,
        connector.name if connector else INTRA_ORG_CONNECTOR,
        verbose=verbose,
        remote=f"{target}:{port}",
    )
    log.note("", "attempting to connect")
    why = "Local"
    try:
        link = dial(target, port)
        log.local, log.remote = link.local, link.remote
        log.connected()
        client = SmtpClient(log)
        session = _Session(host, hop, target, client, log, link.remote, outcome)
        drive(session.converse(items[:MESSAGES_MAX]), link)
    except LinkFailed as failed:
        outcome.failure = reply.UNABLE_TO_CONNECT if not log.local else (
            reply.CONNECTION_TIMED_OUT if failed.is_silent else reply.CONNECTION_DROPPED
        )  # fmt: skip
        outcome.reason = Reason.UNREACHABLE
        why = "Remote(SocketError)"
    except DialogueFailed as failed:
        outcome.failure = failed.answer
        outcome.reason = Reason.TLS_FAILED if failed.tls_error else Reason.UNREACHABLE
        if failed.tls_error:
            host.report(
                events.TLS_NEGOTIATION_FAILED, connector=log.connector, address=log.remote,
                verb="outbound", reason=failed.tls_error,
            )  # fmt: skip
        why = "Remote(SocketError)"
    except SendFailed as failed:
        outcome.failure, outcome.reason = failed.answer, failed.reason
    log.disconnected(why)
    return outcome


class _Session:
    def __init__(
        self,
        host: TransportHost,
        hop: NextHop,
        target: str,
        client: SmtpClient,
        log: SessionLog,
        address: str,
        outcome: SendOutcome,
    ) -> None:
        self._client, self._log = client, log
        self._hop, self._target = hop, target
        self._outcome = outcome
        fqdn = hop.connector.fqdn if hop.connector else ""
        self._helo = fqdn or host.fqdn
        self._security = OutboundSecurity(host, hop, target, address, client, self._helo)

    def converse(self, items: Sequence[Item]) -> Generator[bytes, bytes, None]:
        client = self._client
        banner = yield from client.greet()
        if banner.code != 220:
            yield from client.quit()
            raise SendFailed(banner, Reason.UNREACHABLE)
        answer = yield from client.ehlo(self._helo)
        if answer.code != 250:
            answer = yield from client.command(f"HELO {self._helo}")
            if answer.code != 250:
                yield from client.quit()
                raise SendFailed(answer, Reason.UNREACHABLE)
        domains = sorted(
            {r.address.rpartition("@")[2].lower() for i in items for r in i.recipients}
        )
        try:
            yield from self._security.establish(tuple(domains))
        except SendFailed:
            yield from client.quit()
            raise
        self._outcome.offers_dsn = "DSN" in client.keywords
        carrier = Carrier(client, internal=self._hop.is_internal)
        for item in items:
            self._log.note(item.submission.message_id, "sending message")
            answers = yield from carrier.carry(item.submission, item.recipients)
            taken = [(r, said) for r, said in answers if not self._unrecognised(said)]
            self._outcome.answers += [(item, recipient, said) for recipient, said in taken]
            if len(taken) < len(answers):
                yield from client.quit()
                raise SendFailed(reply.NO_EXCHANGE_AUTHENTICATION, Reason.CONNECTOR_REFUSES)
        yield from client.quit()

    def _unrecognised(self, said: Reply) -> bool:
        """Whether a server of ours treats us as a stranger: a failed trust, and no bad address.

        The server keeps the connection (certificate-facts 4.5) and refuses what strangers may not
        do; returning the mail for that would lose it to a certificate problem. Our choice.
        """
        return self._hop.is_internal and (
            said.code == 530 or (said.code, said.enhanced) == (550, "5.7.1")
        )
