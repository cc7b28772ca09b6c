"""Mail transactions of one receiving session: MAIL, RCPT, DATA and BDAT."""

from __future__ import annotations

from edgesync.organization.connectors import ReceiveConnector
from edgesync.transport import reply
from edgesync.transport.command import (
    Command,
    CommandRefused,
    parse_chunk,
    parse_mail_from,
    parse_rcpt_to,
)
from edgesync.transport.host import TransportHost
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
from edgesync.transport.voice import Voice
from edgesync.trust.channel import Channel


class MailPhase:
    """The part of a session between MAIL and the end of the content."""

    def __init__(
        self,
        host: TransportHost,
        connector: ReceiveConnector,
        security: InboundSecurity,
        voice: Voice,
        log: SessionLog,
        addresses: tuple[str, str],
    ) -> None:
        self._host, self._connector = host, connector
        self._security, self._voice, self._log = security, voice, log
        self._peer_ip, self._own_ip = addresses
        self._transaction: Transaction | None = None
        self._content: Content | None = None

    @property
    def is_open(self) -> bool:
        """Whether a transaction has begun."""
        return self._transaction is not None

    @property
    def is_collecting(self) -> bool:
        """Whether the next bytes are content rather than a command."""
        return self._content is not None and self._content.is_open

    def reset(self) -> None:
        """Forget the transaction."""
        self._transaction = self._content = None

    def mail(self, command: Command) -> None:
        """MAIL FROM."""
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
        self._voice.say(reply.SENDER_OK)

    def rcpt(self, command: Command) -> None:
        """RCPT TO."""
        transaction = self._transaction
        if transaction is None or self._content is not None:
            raise CommandRefused(reply.NEED_MAIL)
        recipient = parse_rcpt_to(command.argument, utf8=transaction.mail.smtputf8)
        refusal = refuse_recipient(
            recipient, len(transaction.recipients), self._host, self._connector,
            self._security.rights,
        )  # fmt: skip
        if refusal is not None:
            self._voice.say(refusal)  # not a protocol error: nothing is counted
            return
        transaction.recipients.append(recipient)
        self._voice.say(reply.RECIPIENT_OK)

    def data(self, command: Command) -> None:
        """DATA."""
        transaction = self._ready()
        if command.argument:
            raise CommandRefused(reply.INVALID_ARGUMENTS)
        if transaction.mail.body == "BINARYMIME" or self._content is not None:
            raise CommandRefused(reply.BAD_SEQUENCE)  # RFC 3030 3
        self._content = DotContent(size_limit(self._connector, self._security.rights))
        self._voice.say(reply.START_INPUT)

    def bdat(self, command: Command) -> None:
        """BDAT."""
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

    def collect(self, channel: Channel, helo: str) -> bool:
        """Take content; False when more must come."""
        assert self._content is not None
        outcome = self._content.feed(channel)
        if outcome is None:
            return False
        if outcome is not CHUNK_TAKEN:
            self._content = None
        if isinstance(outcome, Reply):
            self._voice.say(outcome)
            if outcome is reply.BARE_LINE_FEEDS:
                self._voice.report("content with a bare CR or LF was refused")
            if outcome is not CHUNK_TAKEN and outcome.code != 503:
                self._transaction = None
            return True
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        refusal = refuse_content(outcome, self._connector.max_header_size)
        if refusal is not None:
            self._voice.say(refusal)
        else:
            self._accept(transaction, outcome, helo)
        return True

    def _accept(self, transaction: Transaction, content: bytes, helo: str) -> None:
        security = self._security
        submission = submission_of(
            transaction, content, self._host, security.rights,
            Origin(
                helo, self._peer_ip, self._own_ip,
                is_protected=security.is_protected, name=security.peer_name,
                auth_as=AuthAs.PARTNER if transaction.domain_secured else security.auth_as,
            ),
        )  # fmt: skip
        self._log.note(submission.message_id, "receiving message")
        self._host.submit(submission)
        self._voice.say(Reply.of(f"250 2.6.0 {submission.message_id} Queued mail for delivery"))
