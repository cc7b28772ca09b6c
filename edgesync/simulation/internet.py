"""A mail host of the Internet that takes everything, so that outbound mail has somewhere to go."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgesync.transport.link import Link

LINE_MAX = 2000
"""Longest line kept while its end has not come: twice RFC 5321 section 4.5.3.1.6's text line."""


@dataclass
class InternetHost:
    """What it was sent, message by message."""

    name: str
    taken: list[bytes] = field(default_factory=list)

    def connect(self) -> Link:
        """A new connection to it."""
        return _Connection(self)


@dataclass
class _Connection:
    """Plain SMTP (RFC 5321), no extensions; answers each line as it comes."""

    host: InternetHost
    local: str = "10.0.0.1:49152"
    remote: str = "198.51.100.25:25"
    _out: bytes = field(init=False)
    _in: bytes = b""
    _body: bytes | None = None

    def __post_init__(self) -> None:
        self._out = f"220 {self.host.name} ESMTP\r\n".encode()

    def send(self, data: bytes) -> None:
        """Take bytes."""
        if self._body is not None:
            self._body += data
            self._end_of_data()
            return
        self._in += data
        while self._body is None and b"\r\n" in self._in:
            line, _, self._in = self._in.partition(b"\r\n")
            self._command(line[:LINE_MAX].upper())

    def receive(self) -> bytes:
        """What was answered."""
        data, self._out = self._out, b""
        return data

    def close(self) -> None:
        """Hang up."""

    def _command(self, line: bytes) -> None:
        if line.startswith(b"DATA"):
            self._out += b"354 go on\r\n"
            self._body, self._in = self._in, b""
            self._end_of_data()
        elif line.startswith(b"QUIT"):
            self._out += b"221 bye\r\n"
        else:
            self._out += b"250 ok\r\n"

    def _end_of_data(self) -> None:
        assert self._body is not None
        content, end, rest = (b"\r\n" + self._body).partition(b"\r\n.\r\n")
        if end:
            self.host.taken.append(content[2:])
            self._body, self._in = None, rest
            self._out += b"250 taken\r\n"
