"""The receiving end of SMTP, without sockets: bytes in, bytes out (certificate-facts 5).

State is in three places: the channel (clear, negotiating, protected), the session (greeted,
identity, rights), and the transaction between MAIL and the end of the content.
"""

from __future__ import annotations

from collections.abc import Callable

from directory.errors import LdapError
from edgesync import events
from edgesync.errors import PortUnavailable
from edgesync.organization.connectors import LoggingLevel, ReceiveConnector
from edgesync.transport import reply
from edgesync.transport.capabilities import SessionState, capabilities
from edgesync.transport.certificate_rows import negotiated
from edgesync.transport.command import (
    COMMAND_LINE_MAX,
    Command,
    CommandRefused,
    is_domain,
    parse_command,
)
from edgesync.transport.host import SessionRecord, TransportHost
from edgesync.transport.inbound_auth import Authentication, LogOn
from edgesync.transport.inbound_mail import MailPhase
from edgesync.transport.inbound_security import InboundSecurity
from edgesync.transport.protocol_log import SessionLog
from edgesync.transport.reply import Reply
from edgesync.transport.voice import Voice
from edgesync.transport.windows_words import tls_error
from edgesync.trust.channel import Channel, LineTooLong, address_of
from edgesync.trust.direct import TrustResult
from edgesync.trust.reading import parsed
from edgesync.trust.tls import TlsSession

UNKNOWN_LINE = "<unrecognized command>"
"""Stands in the log for a line that is no command: it may be half of a failed authentication."""


class Receiver:
    """One inbound session.

    Call ``start``, feed ``receive_data``, and put ``data_to_send`` on the wire after each; when
    ``is_over`` is true, hang up once everything is sent.
    """

    def __init__(
        self, host: TransportHost, connector: ReceiveConnector, *, local: str, remote: str
    ) -> None:
        self._host = host
        self._connector = connector
        self._fqdn = connector.fqdn or host.fqdn
        self._channel = Channel()
        self._log = SessionLog(
            host.receive_log,
            f"{host.name}\\{connector.name}",
            verbose=connector.protocol_logging_level is LoggingLevel.VERBOSE,
            local=local,
            remote=remote,
        )
        self._local, self._remote = local, remote
        self._security = InboundSecurity(host, connector, address_of(remote))
        self._voice = Voice(host, connector, self._channel, self._log, address_of(remote))
        self._mail = MailPhase(
            host, connector, self._security, self._voice, self._log,
            (address_of(remote), address_of(local)),
        )  # fmt: skip
        self._helo = ""
        self._authentication: Authentication | None = None
        self._verb = ""
        self._handlers: dict[str, Callable[[Command], None]] = {
            "EHLO": self._ehlo, "HELO": self._ehlo, "STARTTLS": self._start_tls,
            "X-ANONYMOUSTLS": self._start_tls, "AUTH": self._auth, "X-EXPS": self._auth,
            "MAIL": self._begin_mail, "RCPT": self._mail.rcpt, "DATA": self._mail.data,
            "BDAT": self._mail.bdat, "RSET": self._rset, "NOOP": self._noop,
            "VRFY": self._vrfy, "HELP": self._help, "QUIT": self._quit,
        }  # fmt: skip

    @property
    def is_over(self) -> bool:
        """Whether to hang up once everything is sent."""
        return self._voice.is_over

    @property
    def trust(self) -> TrustResult | None:
        """What direct trust said of the peer, once it was asked."""
        return self._security.trust

    @property
    def idle_timeout_s(self) -> float:
        """Seconds of silence after which ``time_out`` is due."""
        return self._connector.connection_inactivity_timeout.total_seconds()

    def start(self) -> None:
        """Greet."""
        self._host.counts.count("session", "clear")
        self._log.connected()
        self._log.note(self._security.rights.words, "Set Session Permissions")
        at = self._host.now().strftime("%a, %-d %b %Y %H:%M:%S +0000")
        self._voice.say(Reply.of(f"220 {self._fqdn} Microsoft ESMTP MAIL Service ready at {at}"))

    def receive_data(self, data: bytes) -> None:
        """Bytes from the wire; empty means the peer hung up."""
        if self.is_over:
            return
        self._channel.receive_data(data)
        try:
            self._advance()
        except (PortUnavailable, LdapError):
            self._voice.hang_up(reply.NOT_AVAILABLE)

    def data_to_send(self) -> bytes:
        """Bytes for the wire."""
        return self._channel.data_to_send()

    def time_out(self) -> None:
        """The peer was silent for too long."""
        if not self.is_over:
            self._voice.hang_up(reply.TIMED_OUT)

    def _advance(self) -> None:
        while not self.is_over:
            if self._channel.handshake is not None and not self._security.is_protected:
                self._protected()
                continue
            if self._channel.is_negotiating:
                return
            if self._mail.is_collecting:
                if not self._mail.collect(self._channel, self._helo):
                    break
                continue
            if not self._next_line():
                break
        if self._channel.is_closed and not self.is_over:
            self._over()

    def _next_line(self) -> bool:
        try:
            line = self._channel.take_line(COMMAND_LINE_MAX)
        except LineTooLong:
            self._voice.refuse(reply.LINE_TOO_LONG)
            return True
        if line is None:
            return False
        if self._authentication is not None:
            self._log.received("<authentication response>")
            self._logged_on(self._authentication.answer(line))
            return True
        self._command(line)
        return True

    def _command(self, line: bytes) -> None:
        try:
            command = parse_command(line)
        except CommandRefused as refusal:
            self._log.received(UNKNOWN_LINE)
            self._voice.refuse(refusal.answer)
            return
        handler = self._handlers.get(command.verb)
        self._log.received(_shown(command) if handler else UNKNOWN_LINE)
        self._host.counts.count("command", command.verb if handler else "other")
        if handler is None:
            self._voice.refuse(reply.UNRECOGNIZED)
            return
        try:
            handler(command)
        except CommandRefused as refusal:
            self._voice.refuse(refusal.answer)

    # greeting and state ---------------------------------------------------------------------

    def _ehlo(self, command: Command) -> None:
        if not is_domain(command.argument):
            raise CommandRefused(reply.INVALID_DOMAIN)
        self._helo = command.argument
        self._mail.reset()
        hello = f"{self._fqdn} Hello [{address_of(self._remote)}]"
        if command.verb == "HELO":
            self._voice.say(Reply(250, "", (hello,)))
            return
        keywords = capabilities(
            self._host.profile,
            self._connector.auth_mechanism,
            self._connector.max_message_size,
            SessionState(
                self._host.is_edge,
                self._security.is_protected,
                self._verb == "X-ANONYMOUSTLS" and self._security.is_protected,
                self._security.starttls_identity is not None,
                self._security.anonymous_identity is not None,
            ),
        )
        answer = Reply(250, "", (hello, *keywords))
        self._channel.send(answer.encode())
        self._host.counts.count("reply", str(answer.code))
        self._log.greeting(">", answer.lines)

    def _rset(self, command: Command) -> None:
        del command
        self._mail.reset()
        self._voice.say(reply.RESETTING)

    def _noop(self, command: Command) -> None:
        del command
        self._voice.say(reply.NOOP_OK)

    def _vrfy(self, command: Command) -> None:
        del command
        self._voice.say(reply.CANNOT_VERIFY)

    def _help(self, command: Command) -> None:
        del command
        self._voice.say(reply.HELP)

    def _quit(self, command: Command) -> None:
        del command
        self._voice.hang_up(reply.CLOSING)

    # TLS ------------------------------------------------------------------------------------

    def _start_tls(self, command: Command) -> None:
        if command.argument:
            raise CommandRefused(reply.INVALID_ARGUMENTS)
        if self._security.is_protected:
            raise CommandRefused(reply.ONE_TLS_ONLY)
        if not self._helo:
            raise CommandRefused(reply.HELLO_FIRST)
        anonymous = command.verb == "X-ANONYMOUSTLS"
        identity = (
            self._security.anonymous_identity if anonymous else self._security.starttls_identity
        )
        if identity is None:
            raise CommandRefused(reply.TLS_NOT_AVAILABLE)
        self._verb = command.verb
        self._voice.say(reply.SERVER_READY)
        self._log.certificate("Sending", identity.certificate)
        discarded = self._channel.start_tls(TlsSession.server(identity))
        if discarded:
            self._log.note(f"{discarded} bytes received before TLS were thrown away")
            self._voice.report("data pipelined behind the TLS verb was thrown away")

    def _protected(self) -> None:
        """The handshake is done: forget what was said before it, judge the certificate."""
        done = self._channel.handshake
        assert done is not None
        self._helo = ""
        self._mail.reset()
        if (shown := parsed(done.peer)) is not None:
            self._log.certificate("Received", shown)
        self._log.note(negotiated(done, is_server=True))
        trust = self._security.protected(done, direct_trust=self._verb == "X-ANONYMOUSTLS")
        self._host.counts.count("session", self._verb)
        if trust is not None:
            self._host.counts.count("verdict", trust.reason)
        if trust is not None and not trust and done.peer is not None:
            self._log.note(f"Direct trust failed for {trust.subject}: {trust.reason}")
        self._log.note(self._security.rights.words, "Set Session Permissions")
        self._host.sessions.append(
            SessionRecord(
                self._host.now(), self._remote, self._connector.name, self._verb, done, trust,
                self._security.rights,
            )
        )  # fmt: skip
        if trust is not None and trust.drop:
            self._voice.hang_up(reply.DIRECT_TRUST_REQUIRED)

    # authentication -------------------------------------------------------------------------

    def _auth(self, command: Command) -> None:
        if not self._helo:
            raise CommandRefused(reply.HELLO_FIRST)
        if self._mail.is_open:
            raise CommandRefused(reply.BAD_SEQUENCE)
        if self._security.is_authenticated:
            raise CommandRefused(reply.ALREADY_AUTHENTICATED)
        self._logged_on(
            LogOn(self._host, self._connector, self._channel).begin(command.verb, command.argument)
        )

    def _logged_on(self, outcome: Reply | Authentication) -> None:
        if isinstance(outcome, Reply):
            self._authentication = None
            self._voice.refuse(outcome, attempted=True)
            return
        self._authentication = None if outcome.is_done else outcome
        if not outcome.is_done:
            self._channel.send(outcome.reply.encode())
            self._log.sent("334 <authentication response>")
            return
        self._channel.send(outcome.reply.encode())
        self._log.sent(str(outcome.reply) if outcome.is_user else "235 <authentication response>")
        self._security.authenticated(outcome)
        self._log.note(self._security.rights.words, "Set Session Permissions")
        self._log.note(outcome.name, "authenticated")

    def _begin_mail(self, command: Command) -> None:
        if not self._helo:
            raise CommandRefused(reply.HELLO_FIRST)
        self._mail.mail(command)

    def _over(self) -> None:
        """The peer is gone, or TLS died on the way."""
        failure = self._channel.failure
        if failure is not None and not self._security.is_protected:
            self._log.note(f"TLS negotiation failed with error {tls_error(failure.reason)}")
            self._host.report(
                events.TLS_NEGOTIATION_FAILED, connector=self._connector.name,
                address=address_of(self._remote), verb=self._verb, reason=failure.reason,
            )  # fmt: skip
        self._voice.end("Remote(SocketError)" if failure is not None else "Remote")


def _shown(command: Command) -> str:
    """A command as it may be logged: what proves an identity is not."""
    if command.verb in ("AUTH", "X-EXPS"):
        mechanism, _, rest = command.argument.partition(" ")
        return f"{command.verb} {mechanism}" + (" <authentication response>" if rest else "")
    return f"{command.verb} {command.argument}".rstrip()
