"""A blocking TCP connection for those who open conversations: the only file here that waits."""

from __future__ import annotations

import socket
import time

from edgesync.transport.link import LinkFailed

SESSION_MAX_S = 600.0
"""Longest life of a conversation (ConnectionTimeout of a Receive connector), seconds."""

CONNECT_TIMEOUT_S = 10.0
"""How long a sender waits for a connection, seconds."""

REPLY_TIMEOUT_S = 60.0
"""How long a sender waits for bytes, seconds; a lab's servers answer within milliseconds."""

READ_SIZE = 65536


def endpoint_text(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """A socket address as ``ip:port``."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class SocketLink:
    """A blocking TCP connection for a conversation."""

    def __init__(
        self, connection: socket.socket, *, reply_timeout_s: float = REPLY_TIMEOUT_S
    ) -> None:
        self._socket = connection
        self._reply_timeout_s = reply_timeout_s
        self._ends_at = time.monotonic() + SESSION_MAX_S
        self.local = endpoint_text(connection.getsockname())
        self.remote = endpoint_text(connection.getpeername())

    @classmethod
    def connect(
        cls,
        host: str,
        port: int,
        *,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        reply_timeout_s: float = REPLY_TIMEOUT_S,
    ) -> SocketLink:
        """Connect.

        Raises:
            LinkFailed: nobody answers there.
        """
        try:
            connection = socket.create_connection((host, port), connect_timeout_s)
        except OSError as error:
            raise LinkFailed(f"{host}:{port}: {error.strerror or error}") from error
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(connection, reply_timeout_s=reply_timeout_s)

    def send(self, data: bytes) -> None:
        """Hand bytes to the peer."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _failed(error) from error

    def receive(self) -> bytes:
        """Wait for bytes; none when the peer hung up.

        A peer that sends a byte now and then is silent too, once the session is too old.
        """
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise LinkFailed(f"longer than {SESSION_MAX_S:.0f} s", is_silent=True)
        self._socket.settimeout(min(left, self._reply_timeout_s))
        try:
            return self._socket.recv(READ_SIZE)
        except OSError as error:
            raise _failed(error) from error

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _failed(error: OSError) -> LinkFailed:
    return LinkFailed(error.strerror or str(error), is_silent=isinstance(error, TimeoutError))
