"""One message over an open connection: the extensions its envelope needs and the peer offers."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress

from edgesync.transport import reply
from edgesync.transport.client import DialogueFailed, SmtpClient
from edgesync.transport.command import RcptTo
from edgesync.transport.headers import outgoing
from edgesync.transport.inbound_content import has_bare_line_ends
from edgesync.transport.link import LinkFailed
from edgesync.transport.message import Submission
from edgesync.transport.reply import Reply

CANNOT_CONVERT = Reply.of("554 5.6.1 Body type not supported by the remote host")
Answers = list[tuple[RcptTo, Reply]]


class Carrier:
    """Hands messages over. ``internal``: the peer is a server of the organisation."""

    def __init__(self, client: SmtpClient, *, internal: bool) -> None:
        self._client = client
        self._internal = internal

    def carry(
        self, submission: Submission, recipients: tuple[RcptTo, ...]
    ) -> Generator[bytes, bytes, Answers]:
        """One transaction; the final reply for each recipient."""
        content = outgoing(submission.content, internal=self._internal)
        refusal = self._refusal(submission, content)
        if refusal is not None:
            return [(recipient, refusal) for recipient in recipients]
        commands = [self._mail(submission, content), *map(self._rcpt, recipients)]
        if "PIPELINING" in self._client.keywords:
            replies = yield from self._client.pipelined(commands)
        else:
            replies = []
            for text in commands:
                replies.append((yield from self._client.command(text)))
        if not replies[0].is_positive:
            yield from self._reset()
            return [(recipient, replies[0]) for recipient in recipients]
        answers = dict(zip(recipients, replies[1:], strict=True))
        if not any(said.is_positive for said in answers.values()):
            yield from self._reset()
            return list(answers.items())
        final = yield from self._content(content)
        return [(r, final if said.is_positive else said) for r, said in answers.items()]

    def _reset(self) -> Generator[bytes, bytes, None]:
        """Give the transaction up. A peer that is gone by now has still said what it said."""
        with suppress(DialogueFailed, LinkFailed):
            yield from self._client.command("RSET")

    def _content(self, content: bytes) -> Generator[bytes, bytes, Reply]:
        if "CHUNKING" in self._client.keywords:
            return (yield from self._client.chunk(content))
        answer = yield from self._client.command("DATA")
        if answer.code != 354:
            return answer
        return (yield from self._client.content(content))

    def _refusal(self, submission: Submission, content: bytes) -> Reply | None:
        """Why this peer cannot be given the message at all."""
        offered = self._client.keywords
        limit = offered.get("SIZE", "")
        # servers of the organisation let each other bypass the limit they announce
        if not self._internal and limit.isdecimal() and 0 < int(limit) < len(content):
            return reply.MESSAGE_TOO_LARGE
        if self._needs_utf8(submission) and "SMTPUTF8" not in offered:
            return reply.NEEDS_UTF8
        if has_bare_line_ends(content):
            if submission.envelope.body != "BINARYMIME":
                return reply.BARE_LINE_FEEDS_ARE_ILLEGAL
            if "BINARYMIME" not in offered or "CHUNKING" not in offered:
                return CANNOT_CONVERT
        return None

    def _mail(self, submission: Submission, content: bytes) -> str:
        offered, envelope = self._client.keywords, submission.envelope
        words = [f"MAIL FROM:<{envelope.sender}>"]
        if "SIZE" in offered:
            words.append(f"SIZE={len(content)}")
        if envelope.body == "BINARYMIME":
            words.append("BODY=BINARYMIME")
        elif "8BITMIME" in offered and not content.isascii():
            words.append("BODY=8BITMIME")
        if self._needs_utf8(submission):
            words.append("SMTPUTF8")
        if "DSN" in offered:
            if envelope.ret:
                words.append(f"RET={envelope.ret}")
            if envelope.envelope_id:
                words.append(f"ENVID={envelope.envelope_id}")
        return " ".join(words)

    def _rcpt(self, recipient: RcptTo) -> str:
        words = [f"RCPT TO:<{recipient.address}>"]
        if "DSN" in self._client.keywords:
            if recipient.notify:
                words.append(f"NOTIFY={','.join(recipient.notify)}")
            if recipient.original:
                words.append(f"ORCPT={recipient.original}")
        return " ".join(words)

    def _needs_utf8(self, submission: Submission) -> bool:
        envelope = submission.envelope
        addresses = (envelope.sender, *(r.address for r in envelope.recipients))
        return envelope.smtputf8 and not all(map(str.isascii, addresses))
