"""SIP messages on a stream (RFC 3261 7, 18.3): parsed strictly, written plainly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from edgesync.trust.channel import Channel, LineTooLong

LINE_MAX = 4096
"""Longest header line, bytes."""

HEADERS_MAX = 200
"""Most header lines: a call through twenty proxies has a quarter."""

BODY_MAX = 65536
"""Most bytes of a body; a session description has a few hundred."""

LENGTH_DIGITS_MAX = 9
"""Most digits of a Content-Length, leading zeros apart."""

VERSION = "SIP/2.0"
_REQUEST = re.compile(r"([A-Z]{1,32}) (\S{1,2048}) SIP/2\.0\Z")
_RESPONSE = re.compile(r"SIP/2\.0 ([1-6]\d\d) (.*)\Z")
_COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length",
    "c": "content-type", "s": "subject", "k": "supported",
}  # fmt: skip


class SipMalformed(Exception):
    """Bytes that are not SIP; a stream cannot be read on after them."""


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A request (``method`` and ``uri``) or a response (``status`` and ``phrase``).

    ``headers`` keep their order; names are lower case, compact forms written out.
    """

    headers: tuple[tuple[str, str], ...]
    body: bytes = field(default=b"", repr=False)
    method: str = ""
    uri: str = ""
    status: int = 0
    phrase: str = ""

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a header."""
        return tuple(value for key, value in self.headers if key == name)

    def first(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next((value for key, value in self.headers if key == name), "")

    def encode(self) -> bytes:
        """The message for the wire."""
        start = (
            f"{VERSION} {self.status} {self.phrase}"
            if self.status
            else f"{self.method} {self.uri} {VERSION}"
        )
        lines = [start, *(f"{_shown(k)}: {v}" for k, v in self.headers if k != "content-length")]
        lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


class SipReader:
    """Cuts messages out of a channel's bytes."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._start = ""
        self._headers: list[tuple[str, str]] = []
        self._missing: int | None = None
        self._body = bytearray()

    def next_message(self, channel: Channel) -> SipMessage | None:
        """The next whole message, or None until more comes.

        Raises:
            SipMalformed: what came is not SIP.
        """
        while self._missing is None:
            try:
                line = channel.take_line(LINE_MAX)
            except LineTooLong as error:
                raise SipMalformed("a line is too long") from error
            if line is None:
                return None
            self._line(line.decode("utf-8", "replace"))
        while self._missing:
            data = channel.take(self._missing)
            if not data:
                return None
            self._body += data
            self._missing -= len(data)
        return self._finish()

    def _line(self, line: str) -> None:
        if "\r" in line or "\n" in line:  # it would end a line of the answer it is copied into
            raise SipMalformed("a line holds a carriage return or a line feed of its own")
        if not self._start:
            if line:  # empty lines between messages keep connections alive (RFC 5626 4.4.1)
                if not (_REQUEST.match(line) or _RESPONSE.match(line)):
                    raise SipMalformed("the first line is no request and no status line")
                self._start = line
        elif not line:
            length = next((v for k, v in self._headers if k == "content-length"), "0")
            digits = length.lstrip("0") or "0"
            if not length.isascii() or not length.isdecimal() or len(digits) > LENGTH_DIGITS_MAX:
                raise SipMalformed("Content-Length is wrong or too large")
            if int(digits) > BODY_MAX:
                raise SipMalformed("Content-Length is too large")
            self._missing = int(digits)
        elif line[0] in " \t" and self._headers:
            name, value = self._headers[-1]
            self._headers[-1] = (name, f"{value} {line.strip()}")
        else:
            name, colon, value = line.partition(":")
            if not colon or len(self._headers) >= HEADERS_MAX:
                raise SipMalformed("a header line has no colon, or there are too many")
            key = name.strip().lower()
            self._headers.append((_COMPACT.get(key, key), value.strip()))

    def _finish(self) -> SipMessage:
        request, response = _REQUEST.match(self._start), _RESPONSE.match(self._start)
        headers, body = tuple(self._headers), bytes(self._body)
        self._reset()
        if request:
            return SipMessage(headers, body, method=request[1], uri=request[2])
        assert response is not None
        return SipMessage(headers, body, status=int(response[1]), phrase=response[2])


def answer_to(
    request: SipMessage,
    status: int,
    phrase: str,
    *more: tuple[str, str],
    tag: str = "",
    body: bytes = b"",
) -> SipMessage:
    """A response with what every response copies from its request (RFC 3261 8.2.6.2)."""
    to = request.first("to")
    if tag and ";tag=" not in to:
        to = f"{to};tag={tag}"
    headers = [("via", via) for via in request.all("via")]
    headers += [("from", request.first("from")), ("to", to)]
    headers += [("call-id", request.first("call-id")), ("cseq", request.first("cseq")), *more]
    return SipMessage(tuple(headers), body, status=status, phrase=phrase)


_SPELLED = {"call-id": "Call-ID", "cseq": "CSeq"}


def _shown(name: str) -> str:
    return _SPELLED.get(name, "-".join(part.capitalize() for part in name.split("-")))
