"""SMTP as a line carries it: commands, contents, replies, the TLS verbs (RFC 5321, 3030, 3207)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from edgesync.lab.faults.dialect import NOT_COUNTED, Passage
from edgesync.transport import reply

TLS_VERBS = frozenset({"STARTTLS", "X-ANONYMOUSTLS"})
CONTENT = "content"
"""Name of the request that the end of a message is: its answer says who is responsible now."""

FILLER = b"XXXXXXXX"
"""What a "fixing" firewall writes over words it dislikes (certificate-facts 9 row 3)."""

LINE_MAX = 65536
"""Longest line that is waited for; what is longer passes as it is."""

_GREETING = "greeting"
_AUTH_RESPONSE = "auth-response"
_END = b"\r\n.\r\n"
_VERB_MAX = 16


class SmtpDialect:
    """Reads SMTP. ``greets``: the server speaks first; it does not once TLS is on."""

    def __init__(self, *, greets: bool = True) -> None:
        self._asked = bytearray()
        self._answered = bytearray()
        self._open: deque[tuple[int, str]] = deque()
        self._count = 0
        self._is_content = self._is_content_begun = False
        self._is_logging_on = False
        self._chunk_left = 0
        if greets:
            self._open.append((NOT_COUNTED, _GREETING))

    # the client -----------------------------------------------------------------------------

    def requests(self, data: bytes) -> Iterator[Passage]:
        """Commands, one by one; contents as they come, their end as a request of its own."""
        self._asked += data
        while self._asked:
            if self._chunk_left:
                yield Passage(NOT_COUNTED, self._take(min(self._chunk_left, len(self._asked))))
            elif self._is_content:
                found = self._content()
                if found is None:
                    return
                yield found
            else:
                end = self._asked.find(b"\r\n")
                if end < 0 and len(self._asked) <= LINE_MAX:
                    return
                if end < 0:
                    yield Passage(NOT_COUNTED, self._take(len(self._asked)))
                else:
                    yield self._command(self._take(end + 2))

    def _take(self, size: int) -> bytes:
        data = bytes(self._asked[:size])
        del self._asked[:size]
        self._chunk_left = max(0, self._chunk_left - size)
        return data

    def _command(self, line: bytes) -> Passage:
        words = line.split()
        verb = words[0][:_VERB_MAX].decode("ascii", "replace").upper() if words else ""
        if self._is_logging_on:
            verb, self._is_logging_on = _AUTH_RESPONSE, False
        elif verb == "BDAT" and len(words) > 1 and words[1].isdigit():
            self._chunk_left = int(words[1])
            if words[-1].upper() == b"LAST":  # RFC 3030 section 2: its answer accepts the message
                verb = CONTENT
        return self._request(line, verb)

    def _request(self, data: bytes, name: str) -> Passage:
        self._count += 1
        self._open.append((self._count, name))
        return Passage(self._count, data, name, name if name in TLS_VERBS else "")

    def _content(self) -> Passage | None:
        if not self._is_content_begun and len(self._asked) < 3:
            return None
        size = 3 if not self._is_content_begun and self._asked.startswith(b".\r\n") else 0
        self._is_content_begun = True
        if not size and (found := self._asked.find(_END)) >= 0:
            size = found + len(_END)
        if size:
            self._is_content = False
            return self._request(self._take(size), CONTENT)
        ready = len(self._asked) - len(_END) + 1  # the rest may be half of the end
        return Passage(NOT_COUNTED, self._take(ready)) if ready > 0 else None

    # the server -----------------------------------------------------------------------------

    def answers(self, data: bytes) -> Iterator[Passage]:
        """Whole replies, each with the request it answers."""
        self._answered += data
        while (size := self._reply_size()) is not None:
            text = bytes(self._answered[:size])
            del self._answered[:size]
            key, name = self._open.popleft() if self._open else (NOT_COUNTED, "")
            if name == "DATA" and text.startswith(b"354"):
                self._is_content, self._is_content_begun = True, False
            self._is_logging_on = text.startswith(b"334")
            granted = name if name in TLS_VERBS and text.startswith(b"220") else ""
            yield Passage(key, text, name, granted)

    def _reply_size(self) -> int | None:
        """Octets of the next reply, all its lines; None while it is not whole."""
        at = 0
        while (end := self._answered.find(b"\r\n", at)) >= 0:
            if self._answered[at + 3 : at + 4] != b"-":
                return end + 2
            at = end + 2
        return len(self._answered) if len(self._answered) > LINE_MAX else None

    def refusal(self, request: Passage) -> bytes:
        """The words of a server that has no such verb, or does not know the user."""
        self._open = deque(item for item in self._open if item[0] != request.key)
        refused = reply.UNRECOGNIZED if request.starts_tls else reply.AUTHENTICATION_UNSUCCESSFUL
        return refused.encode()

    def stripped(self, answer: bytes) -> bytes:
        """An EHLO list without the words for TLS."""
        for verb in TLS_VERBS:
            word = verb.encode()
            for lead in (b"250-", b"250 "):
                answer = answer.replace(lead + word + b"\r\n", lead + FILLER + b"\r\n")
        return answer
