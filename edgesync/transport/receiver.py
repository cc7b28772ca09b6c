"""The receiving end of SMTP, without sockets: bytes in, bytes out (certificate-facts 5).

State is in three places: the channel (clear, negotiating, protected), the session (greeted,
identity, rights), and the transaction between MAIL and the end of the content.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography import x509

from directory.errors import LdapError
from edgesync import events
from edgesync.errors import PortUnavailable
from edgesync.organization.connectors import LoggingLevel, ReceiveConnector
from edgesync.transport import reply
from edgesync.transport.capabilities import SessionState, capabilities
from edgesync.transport.certificate_rows import negotiated
from edgesync.transport.channel import Channel, LineTooLong
from edgesync.transport.command import (
    COMMAND_LINE_MAX,
    Command,
    CommandRefused,
    is_domain,
    parse_chunk,
    parse_command,
    parse_mail_from,
    parse_rcpt_to,
)
from edgesync.transport.host import SessionRecord, TransportHost
from edgesync.transport.inbound_auth import Authentication, LogOn
from edgesync.transport.inbound_content import (
    CHUNK_TAKEN,
    ChunkContent,
    Content,
    DotContent,
    Origin,
    PassedOver,
    refuse_content,
    submission_of,
)
from edgesync.transport.inbound_security import InboundSecurity
from edgesync.transport.message import AuthAs
from edgesync.transport.protocol_log import SessionLog
from edgesync.transport.reply import Reply
from edgesync.transport.transaction import (
    Transaction,
    refuse_mail,
    refuse_recipient,
    size_limit,
)
from edgesync.transport.windows_words import tls_error
from edgesync.trust.direct import TrustResult
from edgesync.trust.tls import TlsSession

ERRORS_MAX = 5
"""Protocol errors after which the session ends (MaxProtocolErrors of a Receive connector)."""


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
        self._helo = ""
        self._transaction: Transaction | None = None
        self._content: Content | None = None
        self._authentication: Authentication | None = None
        self._verb = ""
        self._errors = 0
        self.is_over = False
        self._handlers: dict[str, Callable[[Command], None]] = {
            "EHLO": self._ehlo, "HELO": self._ehlo, "STARTTLS": self._start_tls,
            "X-ANONYMOUSTLS": self._start_tls, "AUTH": self._auth, "X-EXPS": self._auth,
            "MAIL": self._mail, "RCPT": self._rcpt, "DATA": self._begin_data,
            "BDAT": self._bdat, "RSET": self._rset, "NOOP": self._noop,
            "VRFY": self._vrfy, "HELP": self._help, "QUIT": self._quit,
        }  # fmt: skip

    @property
    def trust(self) -> TrustResult | None:
        """What direct trust said of the peer, once it was asked."""
        return self._security.trust

    @property
    def inactivity_timeout_s(self) -> float:
        """Seconds of silence after which ``time_out`` is due."""
        return self._connector.connection_inactivity_timeout.total_seconds()

    def start(self) -> None:
        """Greet."""
        self._log.connected()
        self._log.note(self._security.rights.words, "Set Session Permissions")
        at = self._host.now().strftime("%a, %-d %b %Y %H:%M:%S +0000")
        self._say(Reply.of(f"220 {self._fqdn} Microsoft ESMTP MAIL Service ready at {at}"))

    def receive_data(self, data: bytes) -> None:
        """Bytes from the wire; empty means the peer hung up."""
        if self.is_over:
            return
        self._channel.receive_data(data)
        try:
            self._advance()
        except (PortUnavailable, LdapError):
            self._hang_up(reply.NOT_AVAILABLE)

    def data_to_send(self) -> bytes:
        """Bytes for the wire."""
        return self._channel.data_to_send()

    def time_out(self) -> None:
        """The peer was silent for too long."""
        if not self.is_over:
            self._hang_up(reply.TIMED_OUT)

    def _advance(self) -> None:
        while not self.is_over:
            if self._channel.handshake is not None and not self._security.is_protected:
                self._protected()
                continue
            if self._channel.is_negotiating:
                return
            if self._content is not None and self._content.is_open:
                if not self._collect():
                    break
                continue
            if not self._next_line():
                break
        if self._channel.is_closed and not self.is_over:
            self._lost()

    def _next_line(self) -> bool:
        try:
            line = self._channel.take_line(COMMAND_LINE_MAX)
        except LineTooLong:
            self._refuse(reply.LINE_TOO_LONG)
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
            self._log.received(_shown(command))
            self._handlers.get(command.verb, self._unknown)(command)
        except CommandRefused as refusal:
            if refusal.answer in (reply.UNRECOGNIZED, reply.BARE_LINE_FEED):
                self._log.received(line.decode("utf-8", "replace"))
            self._refuse(refusal.answer)

    # greeting and state ---------------------------------------------------------------------

    def _ehlo(self, command: Command) -> None:
        if not is_domain(command.argument):
            raise CommandRefused(reply.INVALID_DOMAIN)
        self._helo = command.argument
        self._transaction = self._content = None
        hello = f"{self._fqdn} Hello [{address_of(self._remote)}]"
        if command.verb == "HELO":
            self._say(Reply(250, "", (hello,)))
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
        self._log.greeting(">", answer.lines)

    def _rset(self, command: Command) -> None:
        del command
        self._transaction = self._content = None
        self._say(reply.RESETTING)

    def _noop(self, command: Command) -> None:
        del command
        self._say(reply.NOOP_OK)

    def _vrfy(self, command: Command) -> None:
        del command
        self._say(reply.CANNOT_VERIFY)

    def _help(self, command: Command) -> None:
        del command
        self._say(reply.HELP)

    def _unknown(self, command: Command) -> None:
        del command
        raise CommandRefused(reply.UNRECOGNIZED)

    def _quit(self, command: Command) -> None:
        del command
        self._hang_up(reply.CLOSING)

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
        self._say(reply.SERVER_READY)
        self._log.certificate("Sending", identity.certificate)
        discarded = self._channel.start_tls(TlsSession.server(identity))
        if discarded:
            self._log.note(f"{discarded} bytes received before TLS were thrown away")
            self._broken("data pipelined behind the TLS verb was thrown away")

    def _protected(self) -> None:
        """The handshake is done: forget what was said before it, judge the certificate."""
        done = self._channel.handshake
        assert done is not None
        self._helo = ""
        self._transaction = self._content = None
        if done.peer is not None:
            self._log.certificate("Received", x509.load_der_x509_certificate(done.peer))
        self._log.note(negotiated(done, is_server=True))
        trust = self._security.protected(done, direct_trust=self._verb == "X-ANONYMOUSTLS")
        if trust is not None and not trust:
            self._log.note(f"Direct trust failed for {trust.subject}: {trust.reason}")
        self._log.note(self._security.rights.words, "Set Session Permissions")
        self._host.sessions.append(
            SessionRecord(
                self._host.now(), self._remote, self._connector.name, self._verb, done, trust,
                self._security.rights,
            )
        )  # fmt: skip
        if trust is not None and trust.drop:
            self._hang_up(reply.DIRECT_TRUST_REQUIRED)

    # authentication -------------------------------------------------------------------------

    def _auth(self, command: Command) -> None:
        if not self._helo:
            raise CommandRefused(reply.HELLO_FIRST)
        if self._transaction is not None:
            raise CommandRefused(reply.BAD_SEQUENCE)
        if self._security.is_authenticated:
            raise CommandRefused(reply.ALREADY_AUTHENTICATED)
        self._logged_on(
            LogOn(self._host, self._connector, self._channel).begin(command.verb, command.argument)
        )

    def _logged_on(self, outcome: Reply | Authentication) -> None:
        if isinstance(outcome, Reply):
            self._authentication = None
            self._refuse(outcome, attempted=True)
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

    # transaction ----------------------------------------------------------------------------

    def _mail(self, command: Command) -> None:
        if not self._helo:
            raise CommandRefused(reply.HELLO_FIRST)
        if self._connector.require_tls and not self._security.is_protected:
            raise CommandRefused(reply.MUST_STARTTLS)
        if self._transaction is not None:
            raise CommandRefused(reply.SENDER_ALREADY_SPECIFIED)
        mail = parse_mail_from(command.argument, utf8_offered=self._host.profile.smtputf8)
        secured = self._security.domain_security(mail.sender)
        if isinstance(secured, Reply):
            raise CommandRefused(secured)
        refusal = refuse_mail(mail, self._host, self._connector, self._security.rights)
        if refusal is not None:
            raise CommandRefused(refusal)
        self._transaction = Transaction(mail, domain_secured=secured)
        self._say(reply.SENDER_OK)

    def _rcpt(self, command: Command) -> None:
        transaction = self._transaction
        if transaction is None or self._content is not None:
            raise CommandRefused(reply.NEED_MAIL)
        recipient = parse_rcpt_to(command.argument, utf8=transaction.mail.smtputf8)
        refusal = refuse_recipient(
            recipient, len(transaction.recipients), self._host, self._connector,
            self._security.rights,
        )  # fmt: skip
        if refusal is not None:
            self._say(refusal)  # not a protocol error: nothing is counted
            return
        transaction.recipients.append(recipient)
        self._say(reply.RECIPIENT_OK)

    def _begin_data(self, command: Command) -> None:
        transaction = self._ready()
        if command.argument:
            raise CommandRefused(reply.INVALID_ARGUMENTS)
        if transaction.mail.body == "BINARYMIME" or self._content is not None:
            raise CommandRefused(reply.BAD_SEQUENCE)  # RFC 3030 3
        self._content = DotContent(size_limit(self._connector, self._security.rights))
        self._say(reply.START_INPUT)

    def _bdat(self, command: Command) -> None:
        chunk = parse_chunk(command.argument)
        try:
            transaction = self._ready()
        except CommandRefused as refusal:  # the chunk comes all the same and is passed over
            self._content = PassedOver(chunk.size, refusal.answer)
            return
        if not isinstance(self._content, ChunkContent):
            limit = size_limit(self._connector, self._security.rights)
            self._content = ChunkContent(limit, is_binary=transaction.mail.body == "BINARYMIME")
        self._content.expect(chunk.size, is_last=chunk.is_last)

    def _ready(self) -> Transaction:
        if self._transaction is None:
            raise CommandRefused(reply.NEED_MAIL)
        if not self._transaction.recipients:
            raise CommandRefused(reply.NEED_RECIPIENT)
        return self._transaction

    def _collect(self) -> bool:
        """Take content; False when more must come."""
        assert self._content is not None
        outcome = self._content.feed(self._channel)
        if outcome is None:
            return False
        if outcome is not CHUNK_TAKEN:
            self._content = None
        if isinstance(outcome, Reply):
            self._say(outcome)
            if outcome is reply.BARE_LINE_FEEDS:
                self._broken("content with a bare CR or LF was refused")
            if outcome is not CHUNK_TAKEN and outcome.code != 503:
                self._transaction = None
            return True
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        refusal = refuse_content(outcome, self._connector.max_header_size)
        if refusal is not None:
            self._say(refusal)
        else:
            self._accept(transaction, outcome)
        return True

    def _accept(self, transaction: Transaction, content: bytes) -> None:
        security = self._security
        submission = submission_of(
            transaction, content, self._host, security.rights,
            Origin(
                self._helo, address_of(self._remote), address_of(self._local),
                is_protected=security.is_protected, name=security.peer_name,
                auth_as=AuthAs.PARTNER if transaction.domain_secured else security.auth_as,
            ),
        )  # fmt: skip
        self._log.note(submission.message_id, "receiving message")
        self._host.submit(submission)
        self._say(Reply.of(f"250 2.6.0 {submission.message_id} Queued mail for delivery"))

    # endings --------------------------------------------------------------------------------

    def _say(self, answer: Reply) -> None:
        self._channel.send(answer.encode())
        for line in answer.lines:
            self._log.sent(line)

    def _refuse(self, answer: Reply, *, attempted: bool = False) -> None:
        """A negative reply; enough of them end the session."""
        self._say(answer)
        if answer.code in (500, 501, 503) or attempted:
            self._errors += 1
            if answer in (reply.LINE_TOO_LONG, reply.BARE_LINE_FEED):
                self._broken(str(answer))
            if self._errors > ERRORS_MAX:
                self._hang_up(reply.TOO_MANY_ERRORS)

    def _broken(self, what: str) -> None:
        self._host.report(
            events.SMTP_PROTOCOL_ERROR, connector=self._connector.name,
            address=address_of(self._remote), what=what,
        )  # fmt: skip

    def _hang_up(self, answer: Reply) -> None:
        if not self._channel.is_negotiating:
            self._say(answer)
        self._channel.close()
        self._over("Local")

    def _lost(self) -> None:
        failure = self._channel.failure
        if failure is not None and not self._security.is_protected:
            self._log.note(f"TLS negotiation failed with error {tls_error(failure.reason)}")
            self._host.report(
                events.TLS_NEGOTIATION_FAILED, connector=self._connector.name,
                address=address_of(self._remote), verb=self._verb, reason=failure.reason,
            )  # fmt: skip
        self._over("Remote(SocketError)" if failure is not None else "Remote")

    def _over(self, why: str) -> None:
        self._log.disconnected(why)
        self.is_over = True


def address_of(endpoint: str) -> str:
    """The address of ``ip:port``."""
    return endpoint.rpartition(":")[0].strip("[]")


def _shown(command: Command) -> str:
    """A command as it may be logged: what proves an identity is not."""
    if command.verb in ("AUTH", "X-EXPS"):
        mechanism, _, rest = command.argument.partition(" ")
        return f"{command.verb} {mechanism}" + (" <authentication response>" if rest else "")
    return f"{command.verb} {command.argument}".rstrip()
