"""Sockets for SMTP: the asyncio server around receivers, and a blocking link for senders.

The only file of this package that waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable

from edgesync.transport import reply
from edgesync.transport.link import LinkFailed
from edgesync.transport.receiver import Receiver

ReceiverFactory = Callable[[str, str], Receiver | None]
"""Own and the peer's ``ip:port`` to a session, or None when no connector takes the peer."""

CONNECTIONS_MAX = 200
"""Sessions at once; Exchange's default per server is 5000, a laptop's descriptors are fewer."""

SESSION_MAX_S = 600.0
"""Longest life of a session (ConnectionTimeout of a Receive connector), seconds."""

CONNECT_TIMEOUT_S = 10.0
"""How long a sender waits for a connection, seconds."""

PREGREET_S = 0.002
"""How long the banner waits for clients that talk first: what came with the connection is here
by then, and a handshake costs as much."""

REPLY_TIMEOUT_S = 60.0
"""How long a sender waits for bytes, seconds; a lab's servers answer within milliseconds."""

READ_SIZE = 65536


def endpoint_text(address: tuple[str, int] | tuple[str, int, int, int]) -> str:
    """A socket address as ``ip:port``."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class SmtpEndpoint:
    """A listening socket whose connections are receivers.

    Loopback unless another address is named; whoever names one has decided to.
    """

    def __init__(
        self, receiver_factory: ReceiverFactory, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._factory = receiver_factory
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, once started."""
        assert self._server is not None
        name = self._server.sockets[0].getsockname()
        return name[0], name[1]

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self._factory, self._connections), self._host, self._port
        )

    async def stop(self) -> None:
        """Stop listening and hang up on everybody."""
        if self._server is None:
            return
        self._server.close()
        for connection in tuple(self._connections):
            connection.hang_up()
        await self._server.wait_closed()
        self._server = None


class _Connection(asyncio.Protocol):
    """One accepted socket. A bug in a session ends that session, never the endpoint."""

    def __init__(self, factory: ReceiverFactory, connections: set[_Connection]) -> None:
        self._factory = factory
        self._connections = connections
        self._receiver: Receiver | None = None
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._life: asyncio.TimerHandle | None = None
        self._greeting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._connections) >= CONNECTIONS_MAX:
            self._refuse(reply.TOO_MANY_CONNECTIONS)
            return
        local = endpoint_text(transport.get_extra_info("sockname"))
        remote = endpoint_text(transport.get_extra_info("peername"))
        try:
            self._receiver = self._factory(local, remote)
        except Exception as error:  # noqa: BLE001 - the shell: one connection must not end all
            self._failed("an SMTP session could not begin", error)
            return
        if self._receiver is None:
            transport.abort()
            return
        self._connections.add(self)
        loop = asyncio.get_running_loop()
        self._life = loop.call_later(SESSION_MAX_S, self._time_out)
        self._greeting = loop.call_later(PREGREET_S, self._greet)

    def _greet(self) -> None:
        self._greeting = None
        if self._receiver is not None:
            self._work(self._receiver.start)

    def data_received(self, data: bytes) -> None:
        if self._greeting is not None:
            # RFC 5321 section 3.1: the server speaks first; who does not wait speaks from a list
            self._greeting.cancel()
            self._greeting = None
            self._refuse(reply.TALKED_FIRST)
            return
        if self._receiver is not None:
            receiver = self._receiver
            self._work(lambda: receiver.receive_data(data))

    def eof_received(self) -> bool:
        if self._receiver is not None:
            receiver = self._receiver
            self._work(lambda: receiver.receive_data(b""))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        for timer in (self._idle, self._life, self._greeting):
            if timer is not None:
                timer.cancel()
        self._connections.discard(self)
        if self._receiver is not None and not self._receiver.is_over:
            with contextlib.suppress(Exception):  # it is gone; nothing can be answered
                self._receiver.receive_data(b"")

    def pause_writing(self) -> None:
        """The peer does not read: take nothing more from it."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def hang_up(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def _work(self, step: Callable[[], None]) -> None:
        assert self._receiver is not None
        assert self._transport is not None
        try:
            step()
        except Exception as error:  # noqa: BLE001 - the shell: one session must not end all
            self._failed("an SMTP session broke", error)
            return
        if data := self._receiver.data_to_send():
            self._transport.write(data)
        if self._receiver.is_over:
            self._transport.close()
            return
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(self._receiver.inactivity_timeout_s, self._time_out)

    def _time_out(self) -> None:
        if self._receiver is not None and self._transport is not None:
            self._work(self._receiver.time_out)

    def _failed(self, message: str, error: Exception) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
        self._refuse(reply.NOT_AVAILABLE)

    def _refuse(self, answer: reply.Reply) -> None:
        assert self._transport is not None
        self._receiver = None
        self._transport.write(answer.encode())
        self._transport.close()


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
