"""The sending end of SMTP as a dialogue, without sockets and without opinions.

Each method is a generator that yields bytes for the peer and takes bytes from it; what a
certificate or a reply means is decided by the caller (``sender``, ``handshake``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from edgesync.transport import reply
from edgesync.transport.certificate_rows import negotiated
from edgesync.transport.protocol_log import SessionLog
from edgesync.transport.reply import REPLY_LINE_MAX, Reply, ReplyMalformed, ReplyReader
from edgesync.transport.windows_words import tls_error
from edgesync.trust.channel import Channel, LineTooLong
from edgesync.trust.reading import parsed
from edgesync.trust.tls import HandshakeDone, TlsIdentity, TlsSession, TlsVersion

TRANSCRIPT_MAX = 500
"""Lines of a dialogue kept for reports."""

Step = Generator[bytes, bytes, None]
Answer = Generator[bytes, bytes, Reply]


class DialogueFailed(Exception):
    """The dialogue cannot go on; ``answer`` is what the queue shows, as a reply."""

    def __init__(self, answer: Reply, detail: str = "", *, tls_error: str = "") -> None:
        super().__init__(detail or str(answer))
        self.answer = answer
        self.detail = detail
        self.tls_error = tls_error


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a dialogue; ``who`` is ``C`` or ``S``."""

    who: str
    text: str

    def __str__(self) -> str:
        return f"{self.who}: {self.text}"


class SmtpClient:
    """One outbound connection."""

    def __init__(self, log: SessionLog | None = None) -> None:
        self._channel = Channel()
        self._replies = ReplyReader()
        self._log = log
        self.keywords: dict[str, str] = {}
        """EHLO keywords with their parameters, of the latest EHLO."""
        self.ehlo_text = ""
        self.peer_name = ""
        """The name in the server's EHLO reply."""
        self.transcript: deque[Line] = deque(maxlen=TRANSCRIPT_MAX)

    @property
    def handshake(self) -> HandshakeDone | None:
        """What TLS settled on and whose certificate came; None in the clear."""
        return self._channel.handshake

    def channel_binding(self) -> bytes:
        """A value only the two ends of this connection know; empty without TLS."""
        return self._channel.channel_binding()

    def greet(self) -> Answer:
        """Wait for the banner."""
        answer = yield from self._reply()
        self._shown(answer)
        return answer

    def ehlo(self, name: str) -> Answer:
        """Say EHLO and take note of what is offered."""
        self._say(f"EHLO {name}")
        answer = yield from self._reply()
        if self._log is not None:
            self._log.greeting("<", answer.lines)
        self._note(answer)
        self.ehlo_text = " ".join(answer.text)
        self.keywords = {}
        if answer.code == 250:
            self.peer_name = answer.text[0].split(" ")[0]
            for line in answer.text[1:]:
                word, _, rest = line.partition(" ")
                self.keywords.setdefault(word.upper(), rest)
        return answer

    def command(self, text: str, *, shown: str = "", hide_reply: bool = False) -> Answer:
        """One command and its reply. ``shown`` stands for it in logs where it holds a secret."""
        self._say(text, shown)
        answer = yield from self._reply()
        if hide_reply:
            self._log_received(f"{answer.code} <authentication response>")
        else:
            self._shown(answer)
        return answer

    def pipelined(self, commands: Sequence[str]) -> Generator[bytes, bytes, list[Reply]]:
        """Several commands in one go (RFC 2920), and their replies in order."""
        for text in commands:
            self._say(text)
        answers = []
        for _ in commands:
            answer = yield from self._reply()
            self._shown(answer)
            answers.append(answer)
        return answers

    def content(self, data: bytes) -> Answer:
        """The content after DATA's 354, dots doubled, and the final reply."""
        stuffed = data.replace(b"\r\n.", b"\r\n..")
        if stuffed.startswith(b"."):
            stuffed = b"." + stuffed
        if not stuffed.endswith(b"\r\n"):
            stuffed += b"\r\n"
        self._channel.send(stuffed + b".\r\n")
        answer = yield from self._reply()
        self._shown(answer)
        return answer

    def chunk(self, data: bytes) -> Answer:
        """The whole content as one last BDAT chunk."""
        self._say(f"BDAT {len(data)} LAST")
        self._channel.send(data)
        answer = yield from self._reply()
        self._shown(answer)
        return answer

    def start_tls(
        self,
        verb: str,
        identity: TlsIdentity | None = None,
        *,
        server_name: str | None = None,
        versions: tuple[TlsVersion, ...] = tuple(TlsVersion),
    ) -> Answer:
        """STARTTLS or X-ANONYMOUSTLS; after a 220 the channel is protected.

        Raises:
            DialogueFailed: the handshake failed, or the peer hung up in it.
        """
        answer = yield from self.command(verb)
        if answer.code != 220:
            return answer
        if self._log is not None and identity is not None:
            self._log.certificate("Sending", identity.certificate)
        session = TlsSession.client(identity, server_name=server_name, versions=versions)
        self._channel.start_tls(session)
        while self._channel.is_negotiating:
            yield from self._exchange()
        done = self._channel.handshake
        if done is None:
            reason = self._channel.failure.reason if self._channel.failure else "closed by peer"
            if self._log is not None:
                self._log.note(f"TLS negotiation failed with error {tls_error(reason)}")
            raise DialogueFailed(reply.CONNECTION_DROPPED, reason, tls_error=reason)
        self.keywords = {}
        if self._log is not None:
            if (shown := parsed(done.peer)) is not None:
                self._log.certificate("Received", shown)
            self._log.note(negotiated(done, is_server=False))
        return answer

    def look(self) -> Step:
        """Wait for the banner, say EHLO and QUIT.

        Raises:
            DialogueFailed: a refusal, or what is no SMTP.
        """
        for answer in ((yield from self.greet()), (yield from self.ehlo("localhost"))):
            if not answer.is_positive:
                raise DialogueFailed(answer)
        yield from self.quit()

    def quit(self) -> Step:
        """Say QUIT, and do not mind if nobody answers."""
        try:
            yield from self.command("QUIT")
        except DialogueFailed:
            return

    def note(self, text: str) -> None:
        """A ``*`` row in the protocol log."""
        if self._log is not None:
            self._log.note(text)

    def _say(self, text: str, shown: str = "") -> None:
        self._channel.send(text.encode("utf-8") + b"\r\n")
        self.transcript.append(Line("C", shown or text))
        if self._log is not None:
            self._log.sent(shown or text)

    def _shown(self, answer: Reply) -> None:
        self._note(answer)
        if self._log is not None:
            for line in answer.lines:
                self._log.received(line)

    def _log_received(self, text: str) -> None:
        self.transcript.append(Line("S", text))
        if self._log is not None:
            self._log.received(text)

    def _note(self, answer: Reply) -> None:
        self.transcript.extend(Line("S", line) for line in answer.lines)

    def _reply(self) -> Answer:
        while True:
            try:
                line = self._channel.take_line(REPLY_LINE_MAX)
                answer = self._replies.line(line) if line is not None else None
            except (LineTooLong, ReplyMalformed) as error:
                raise DialogueFailed(reply.CONNECTION_DROPPED, str(error)) from error
            if answer is not None:
                return answer
            if line is None:
                if self._channel.is_closed:
                    raise DialogueFailed(reply.CONNECTION_DROPPED, "the server hung up")
                yield from self._exchange()

    def _exchange(self) -> Step:
        incoming = yield self._channel.data_to_send()
        self._channel.receive_data(incoming)
