"""SMTP replies: the ones Exchange gives (certificate-facts 5.3), and reading a peer's."""

from __future__ import annotations

from dataclasses import dataclass

from edgesync.errors import EdgeSyncError

REPLY_LINE_MAX = 4096
"""Longest reply line taken: RFC 5321 says 512; EXCHANGEAUTH tokens and verbose MTAs need more."""

REPLY_LINES_MAX = 128
"""Most lines of one reply: the longest EHLO list known has fewer than 30."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. ``text`` has one line for each line on the wire, the enhanced code apart."""

    code: int
    enhanced: str
    text: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Reply:
        """A one-line reply as it reads: ``Reply.of("250 2.1.0 Sender OK")``."""
        code, _, rest = text.partition(" ")
        enhanced, rest = _split_enhanced(rest)
        return cls(int(code), enhanced, (rest,))

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines as they stand on the wire, without CRLF."""
        status = f"{self.enhanced} " if self.enhanced else ""
        last = len(self.text) - 1
        return tuple(
            f"{self.code}{'-' if i < last else ' '}{status}{line}"
            for i, line in enumerate(self.text)
        )

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return "".join(line + "\r\n" for line in self.lines).encode("utf-8", "surrogateescape")

    @property
    def is_positive(self) -> bool:
        """2xx or 3xx."""
        return self.code < 400

    @property
    def is_transient(self) -> bool:
        """4xx: trying again may help."""
        return 400 <= self.code < 500

    def __str__(self) -> str:
        return " ".join(line if i == 0 else line[4:] for i, line in enumerate(self.lines))


def _split_enhanced(text: str) -> tuple[str, str]:
    """The RFC 3463 code in front of a text, and the rest."""
    head, _, rest = text.partition(" ")
    parts = head.split(".")
    if len(parts) == 3 and all(p.isdecimal() and len(p) <= 3 for p in parts) and head[0] in "245":
        return head, rest
    return "", text


SERVER_READY = Reply.of("220 2.0.0 SMTP server ready")
CLOSING = Reply.of("221 2.0.0 Service closing transmission channel")
SENDER_OK = Reply.of("250 2.1.0 Sender OK")
RECIPIENT_OK = Reply.of("250 2.1.5 Recipient OK")
RESETTING = Reply.of("250 2.0.0 Resetting")
NOOP_OK = Reply.of("250 2.0.0 OK")
CANNOT_VERIFY = Reply.of("252 2.1.5 Cannot VRFY user")
START_INPUT = Reply.of("354 Start mail input; end with <CRLF>.<CRLF>")
HELP = Reply.of(
    "214 This server supports the following commands: HELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT"
    " HELP AUTH BDAT"
)
AUTHENTICATED = Reply.of("235 2.7.0 Authentication successful")

TIMED_OUT = Reply.of("421 4.4.1 Connection timed out")
TOO_MANY_ERRORS = Reply.of(
    "421 4.7.0 Too many errors on this connection, closing transmission channel"
)
TOO_MANY_CONNECTIONS = Reply.of(
    "421 4.3.2 The maximum number of concurrent connections has exceeded a limit,"
    " closing transmission channel"
)
NOT_AVAILABLE = Reply.of("421 4.3.2 Service not available")
MUST_STARTTLS = Reply.of("451 5.7.3 Must issue a STARTTLS command first")
TOO_MANY_RECIPIENTS = Reply.of("452 4.5.3 Too many recipients")
TEMPORARY_AUTHENTICATION_FAILURE = Reply.of("454 4.7.0 Temporary authentication failure")
TLS_NOT_AVAILABLE = Reply.of("454 4.7.0 TLS not available")
CERTIFICATE_VALIDATION_FAILURE = Reply.of("454 4.7.5 Certificate validation failure")

TALKED_FIRST = Reply.of("554 5.5.0 Talked before the greeting")
"""No source has Exchange's own words; the code is RFC 5321's for a session refused at its start."""
UNRECOGNIZED = Reply.of("500 5.3.3 Unrecognized command")
LINE_TOO_LONG = Reply.of("500 5.5.2 Line too long")
BARE_LINE_FEED = Reply.of("500 5.5.2 Lines end with CRLF")
INVALID_DOMAIN = Reply.of("501 5.5.4 Invalid domain name")
INVALID_ARGUMENTS = Reply.of("501 5.5.4 Invalid arguments")
UNRECOGNIZED_PARAMETER = Reply.of("501 5.5.4 Unrecognized parameter")
INVALID_ADDRESS = Reply.of("501 5.1.7 Invalid address")
INVALID_RECIPIENT = Reply.of("501 5.1.3 Invalid address")
HELLO_FIRST = Reply.of("503 5.5.2 Send hello first")
SENDER_ALREADY_SPECIFIED = Reply.of("503 5.5.2 Sender already specified")
NEED_MAIL = Reply.of("503 5.5.2 Need mail command")
NEED_RECIPIENT = Reply.of("503 5.5.2 Need rcpt command")
BAD_SEQUENCE = Reply.of("503 5.5.2 Bad sequence of commands")
ONE_TLS_ONLY = Reply.of("503 5.5.2 Only one STARTTLS command can be issued per session")
ALREADY_AUTHENTICATED = Reply.of("503 5.5.2 Already authenticated")
UNKNOWN_MECHANISM = Reply.of("504 5.7.4 Unrecognized authentication type")
NOT_AUTHENTICATED = Reply.of("530 5.7.1 Client was not authenticated")
NOT_AUTHENTICATED_LATER = Reply.of(
    "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM"
)
AUTHENTICATION_UNSUCCESSFUL = Reply.of("535 5.7.3 Authentication unsuccessful")
USER_UNKNOWN = Reply.of("550 5.1.1 User unknown")
UNABLE_TO_RELAY = Reply.of("550 5.7.1 Unable to relay")
CANNOT_SEND_AS = Reply.of("550 5.7.1 Client does not have permissions to send as this sender")
BARE_LINE_FEEDS = Reply.of(
    "550 5.6.11 Invalid characters: message contains bare carriage returns or line feeds"
)
HEADER_TOO_LARGE = Reply.of("552 5.3.4 Header size exceeds fixed maximum size")
MESSAGE_TOO_LARGE = Reply.of("552 5.3.4 Message size exceeds fixed maximum message size")
NEEDS_UTF8 = Reply.of("553 5.6.7 Address needs SMTPUTF8")
HOP_COUNT = Reply.of("554 5.4.6 Hop count exceeded - possible mail loop")
DIRECT_TRUST_REQUIRED = Reply.of("421 4.7.0 Direct trust failed, closing transmission channel")
"""Ours, for policy ``strict``; no source gives a text (certificate-facts 4.5)."""

# said by the sender to itself; the text ends up in the queue (certificate-facts 5.3)
UNABLE_TO_CONNECT = Reply.of("421 4.2.1 Unable to connect")
CONNECTION_TIMED_OUT = Reply.of("421 4.4.1 Connection timed out")
CONNECTION_DROPPED = Reply.of("421 4.4.2 Connection dropped due to SocketError")
NO_EXCHANGE_AUTHENTICATION = Reply.of("451 5.7.3 Cannot achieve Exchange Server authentication")
STARTTLS_REQUIRED = Reply.of("451 5.7.3 STARTTLS is required to send mail")
BARE_LINE_FEEDS_ARE_ILLEGAL = Reply.of(
    "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; message contains bare linefeeds"
)


class ReplyMalformed(EdgeSyncError):
    """The peer's bytes are not an SMTP reply."""


class ReplyReader:
    """Collects a peer's reply lines into replies."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def line(self, raw: bytes) -> Reply | None:
        """Take one line without its CRLF; the reply once its last line is there.

        Raises:
            ReplyMalformed: what came is not SMTP, or has no end.
        """
        text = raw.decode("utf-8", "surrogateescape")
        if len(text) < 3 or not text[:3].isdecimal() or text[3:4] not in ("", " ", "-"):
            raise ReplyMalformed(
                f"not an SMTP reply: {text[:60]!r}", "check that an SMTP server listens there"
            )
        self._lines.append(text)
        if len(self._lines) > REPLY_LINES_MAX:
            raise ReplyMalformed("a reply without end", "check that an SMTP server listens there")
        if text[3:4] == "-":
            return None
        lines, self._lines = self._lines, []
        code = int(lines[0][:3])
        enhanced, first = _split_enhanced(lines[0][4:])
        rest = [line[4:] for line in lines[1:]]
        if enhanced:
            rest = [line.removeprefix(enhanced + " ") for line in rest]
        return Reply(code, enhanced, (first, *rest))
