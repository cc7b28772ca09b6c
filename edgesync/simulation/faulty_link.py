"""An SMTP connection that something lies upon: a firewall that strips TLS, a line that breaks."""

from __future__ import annotations

from dataclasses import dataclass

from edgesync.transport.link import Link, LinkFailed

STRIPPED = (b"STARTTLS", b"X-ANONYMOUSTLS")
"""EHLO words a "fixing" firewall removes (certificate-facts 9 row 3: ESMTP inspection)."""

TLS_HANDSHAKE = b"\x16"
"""Content type of a handshake record (RFC 8446 section 5.1)."""

FILLER = b"XXXXXXXX"


@dataclass
class PassedLink:
    """Passes everything on; what lies upon the line overrides the direction it spoils."""

    inner: Link

    @property
    def local(self) -> str:
        """Own address."""
        return self.inner.local

    @property
    def remote(self) -> str:
        """The peer's address."""
        return self.inner.remote

    def send(self, data: bytes) -> None:
        """Hand bytes to the peer."""
        self.inner.send(data)

    def receive(self) -> bytes:
        """Bytes of the peer."""
        return self.inner.receive()

    def close(self) -> None:
        """Hang up."""
        self.inner.close()


@dataclass
class StrippedLink(PassedLink):
    """Removes TLS from what the server offers, as ESMTP inspection does."""

    def receive(self) -> bytes:
        """Bytes of the peer, its words for TLS overwritten."""
        data = self.inner.receive()
        for word in STRIPPED:
            data = data.replace(b"250-" + word + b"\r\n", b"250-" + FILLER + b"\r\n")
            data = data.replace(b"250 " + word + b"\r\n", b"250 " + FILLER + b"\r\n")
        return data


@dataclass
class BrokenLink(PassedLink):
    """Breaks after a number of answers: before the peer hears the next bytes, or just after."""

    answers: int
    loses_ack: bool

    def send(self, data: bytes) -> None:
        """Hand bytes to the peer, unless the line is gone already."""
        if self.answers <= 0 and not self.loses_ack:
            raise LinkFailed("the connection was reset")
        self.inner.send(data)

    def receive(self) -> bytes:
        """Bytes of the peer, while the line holds."""
        if self.answers <= 0:
            raise LinkFailed("the connection was reset")
        self.answers -= 1
        return self.inner.receive()


@dataclass
class GarbledLink(PassedLink):
    """Passes SMTP in clear and spoils TLS: each handshake record that comes back has a bit off."""

    def receive(self) -> bytes:
        """Bytes of the peer; in a TLS record the last byte is another one."""
        data = self.inner.receive()
        if data[:1] == TLS_HANDSHAKE:
            return data[:-1] + bytes((data[-1] ^ 1,))
        return data
