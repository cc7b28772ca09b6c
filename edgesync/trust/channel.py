"""The byte side of a line protocol, the same for both ends: lines, data, TLS in the middle."""

from __future__ import annotations

from edgesync.trust.tls import (
    HandshakeDone,
    NeedData,
    PeerClosed,
    PlaintextReceived,
    TlsFailed,
    TlsSession,
)


class LineTooLong(Exception):
    """A line went past its limit before it ended; what came of it was thrown away."""


class Channel:
    """Plaintext in and out, whether or not TLS is on.

    Nothing that was received before a TLS handshake survives it: ``start_tls`` throws away what
    is buffered, so no command and no reply can be injected into the protected part (RFC 3207 6).
    """

    def __init__(self) -> None:
        self._inbound = bytearray()
        self._outbound = bytearray()
        self._tls: TlsSession | None = None
        self._skipping = False
        self.handshake: HandshakeDone | None = None
        self.failure: TlsFailed | None = None
        self.is_closed = False
        """The peer hung up, or TLS died; what is buffered may still be read."""

    @property
    def is_protected(self) -> bool:
        """Whether TLS is on and its handshake done."""
        return self.handshake is not None

    @property
    def is_negotiating(self) -> bool:
        """Whether TLS was begun and is not done."""
        return self._tls is not None and self.handshake is None and not self.is_closed

    @property
    def buffered(self) -> int:
        """Bytes received and not yet taken."""
        return len(self._inbound)

    def receive_data(self, data: bytes) -> None:
        """Bytes from the wire; empty means the peer hung up."""
        if self.is_closed:
            return
        if self._tls is None:
            self._inbound += data
            self.is_closed = not data
            return
        self._tls.receive_data(data)
        self._pump()

    def start_tls(self, session: TlsSession) -> int:
        """Begin TLS; returns how many bytes that came too early were thrown away."""
        discarded = len(self._inbound)
        self._inbound.clear()
        self._tls = session
        self._pump()
        return discarded

    def send(self, data: bytes) -> None:
        """Bytes for the peer; in the clear until a handshake is done."""
        if self.is_closed and self._tls is not None:
            return
        if self._tls is None:
            self._outbound += data
        else:
            self._tls.send(data)
            self._outbound += self._tls.data_to_send()

    def data_to_send(self) -> bytes:
        """Bytes for the wire, once."""
        data = bytes(self._outbound)
        self._outbound.clear()
        return data

    def close(self) -> None:
        """Say goodbye on the TLS layer, when there is one."""
        if self._tls is not None:
            self._tls.close()
            self._outbound += self._tls.data_to_send()
        self.is_closed = True

    def channel_binding(self) -> bytes:
        """A value only the two ends of this connection know; empty without TLS."""
        return self._tls.channel_binding() if self._tls is not None and self.handshake else b""

    def take_line(self, limit: int) -> bytes | None:
        """The next line without its CRLF, or None until it is whole.

        A bare LF does not end a line; it stays in it, for the caller to refuse.

        Raises:
            LineTooLong: once per line longer than ``limit``; the rest of it is skipped.
        """
        end = self._inbound.find(b"\r\n")
        if self._skipping:
            if end < 0:
                del self._inbound[: max(0, len(self._inbound) - 1)]
                return None
            del self._inbound[: end + 2]
            self._skipping = False
            return self.take_line(limit)
        if end > limit or (end < 0 and len(self._inbound) > limit + 1):
            self._skipping = True
            raise LineTooLong
        if end < 0:
            return None
        line = bytes(self._inbound[:end])
        del self._inbound[: end + 2]
        return line

    def take(self, most: int) -> bytes:
        """Up to ``most`` bytes of what has come."""
        data = bytes(self._inbound[:most])
        del self._inbound[:most]
        return data

    def put_back(self, data: bytes) -> None:
        """Return bytes that were taken and not needed."""
        self._inbound[:0] = data

    def _pump(self) -> None:
        assert self._tls is not None
        while not self.is_closed:
            event = self._tls.next_event()
            self._outbound += self._tls.data_to_send()
            match event:
                case NeedData():
                    return
                case HandshakeDone():
                    self.handshake = event
                case PlaintextReceived(data):
                    self._inbound += data
                case PeerClosed():
                    self.is_closed = True
                case TlsFailed():
                    self.failure = event
                    self.is_closed = True


def address_of(endpoint: str) -> str:
    """The address of ``ip:port`` or ``[ip]:port``."""
    return endpoint.rpartition(":")[0].strip("[]")
