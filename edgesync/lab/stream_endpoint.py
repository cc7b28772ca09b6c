"""Sockets for the client protocols: an asyncio server around sessions that know no socket.

HTTP, POP3, IMAP4 and SIP are sessions of bytes (``client_access``, ``unified_messaging``); this is
the only file that waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

CONNECTIONS_MAX = 200
"""Connections of one listener at once; a laptop's descriptors are the limit."""

SESSION_MAX_S = 1800.0
"""Longest life of a connection, seconds: POP3 and IMAP4 of Exchange end a session after 30 min."""


class StreamSession(Protocol):
    """One connection's protocol, without its socket."""

    @property
    def idle_timeout_s(self) -> float:
        """Longest silence of the peer, seconds."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the connection shall be closed once everything is sent."""
        ...

    def start(self) -> None:
        """The connection is there."""
        ...

    def receive_data(self, data: bytes) -> None:
        """Bytes from the peer; empty means it hung up."""
        ...

    def data_to_send(self) -> bytes:
        """Bytes for the peer, once."""
        ...

    def time_out(self) -> None:
        """The peer was silent for too long."""
        ...


SessionFactory = Callable[[str], StreamSession | None]
"""The peer's address to a session, or None to hang up at once."""


class StreamEndpoint:
    """A listening socket whose connections are sessions. Loopback unless told otherwise."""

    def __init__(self, factory: SessionFactory, host: str = "127.0.0.1", port: int = 0) -> None:
        self._factory = factory
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

    def __init__(self, factory: SessionFactory, connections: set[_Connection]) -> None:
        self._factory = factory
        self._connections = connections
        self._session: StreamSession | None = None
        self._transport: asyncio.Transport | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._connections) >= CONNECTIONS_MAX:
            transport.abort()
            return
        remote = str(transport.get_extra_info("peername")[0])
        try:
            self._session = self._factory(remote)
        except Exception as error:  # noqa: BLE001 - the shell: one connection must not end all
            self._failed("a session could not begin", error)
            return
        if self._session is None:
            transport.abort()
            return
        self._connections.add(self)
        self._set_timer("life", SESSION_MAX_S)
        self._work(self._session.start)

    def data_received(self, data: bytes) -> None:
        if self._session is not None:
            session = self._session
            self._work(lambda: session.receive_data(data))

    def eof_received(self) -> bool:
        self.data_received(b"")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        for timer in self._timers.values():
            timer.cancel()
        self._connections.discard(self)
        if self._session is not None and not self._session.is_over:
            with contextlib.suppress(Exception):  # it is gone; nothing can be answered
                self._session.receive_data(b"")

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
        assert self._session is not None
        assert self._transport is not None
        try:
            step()
            data = self._session.data_to_send()
        except Exception as error:  # noqa: BLE001 - the shell: one session must not end all
            self._failed("a session broke", error)
            return
        if data:
            self._transport.write(data)
        if self._session.is_over:
            self._transport.close()
            return
        self._set_timer("idle", self._session.idle_timeout_s)

    def _set_timer(self, name: str, after_s: float) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        loop = asyncio.get_running_loop()
        self._timers[name] = loop.call_later(after_s, self._time_out)

    def _time_out(self) -> None:
        if self._session is not None:
            self._work(self._session.time_out)

    def _failed(self, message: str, error: Exception) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
        self._session = None
        self.hang_up()
