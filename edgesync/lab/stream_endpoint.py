"""Sockets for every protocol but LDAP: an asyncio server around sessions that know no socket.

SMTP, HTTP, POP3, IMAP4 and SIP are sessions of bytes (``transport``, ``client_access``,
``unified_messaging``); this is the only file that waits for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

from directory.net.turns import Turn
from edgesync.transport import reply
from edgesync.transport.endpoint import endpoint_text

CONNECTIONS_MAX = 1000
"""Connections of one listener at once; Exchange's default for SMTP is 5000 per server, a laptop's
descriptors are fewer."""

SLICE_BYTES = 128
"""What one session reads, whoever waits: twenty short commands. While the turn lasts it goes on,
with twice as much each time, so that who is alone reads a message in large pieces."""

SESSION_MAX_S = 1800.0
"""Longest life of a connection, seconds: POP3 and IMAP4 of Exchange end a session after 30 min."""

SMTP_SESSION_MAX_S = 600.0
"""The same for SMTP: ConnectionTimeout of a Receive connector."""

STALLED_S = 60.0
"""How long a peer may leave answers unread, and an end unacknowledged, before it is cut off."""

EVICTABLE_S = 0.5
"""Silence after which a peer must make room when there are too many and one more comes: who says
nothing cannot lock others out."""

PREGREET_S = 0.002
"""How long SMTP's banner waits for clients that talk first: what came with the connection is here
by then, and a handshake costs as much."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a protocol's server treats peers before and outside its session.

    The lines are sent before the connection is closed; where one is empty, it is just closed.
    """

    session_max_s: float = SESSION_MAX_S
    greeting_delay_s: float | None = None
    """How long to wait for peers that talk first, which are refused; None: the session begins at
    once, as it must where the client speaks first."""
    talked_first: bytes = field(default=b"", repr=False)
    too_many: bytes = field(default=b"", repr=False)
    broken: bytes = field(default=b"", repr=False)


SMTP = Manners(
    SMTP_SESSION_MAX_S,
    PREGREET_S,
    talked_first=reply.TALKED_FIRST.encode(),
    too_many=reply.TOO_MANY_CONNECTIONS.encode(),
    broken=reply.NOT_AVAILABLE.encode(),
)
"""RFC 5321 section 3.1: the server speaks first; who does not wait speaks from a list."""


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


SessionFactory = Callable[[str, str], StreamSession | None]
"""Own and the peer's ``ip:port`` to a session, or None to hang up at once."""


class StreamEndpoint:
    """A listening socket whose connections are sessions.

    Loopback unless another address is named; whoever names one has decided to.
    """

    def __init__(
        self,
        factory: SessionFactory,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        manners: Manners | None = None,
    ) -> None:
        self._factory = factory
        self._manners = manners or Manners()
        self._host, self._port = host, port
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._callers: dict[str, str] = {}

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
        self._turn = Turn(loop)
        self._server = await loop.create_server(self._accept, self._host, self._port)

    def let_go(self) -> socket.socket:
        """Accept no more without hanging up on anybody; whoever takes the socket listens on."""
        assert self._server is not None
        taken = self._server.sockets[0].dup()
        self._server.close()
        return taken

    async def listen_on(self, listening: socket.socket) -> None:
        """Accept at another socket from here on; it listens already."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, sock=listening)

    def stands_for(self, ours: str, theirs: str) -> None:
        """A connection that comes from one ``ip:port`` is to be taken for one from another."""
        if len(self._callers) >= CONNECTIONS_MAX:
            self._callers.clear()  # calls that never came
        self._callers[ours] = theirs

    def _accept(self) -> _Connection:
        return _Connection(self._called, self._manners, self._connections, self._turn)

    def _called(self, local: str, remote: str) -> StreamSession | None:
        return self._factory(local, self._callers.pop(remote, remote))

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

    def __init__(
        self,
        factory: SessionFactory,
        manners: Manners,
        connections: set[_Connection],
        turn: Turn,
    ) -> None:
        self._factory = factory
        self._manners = manners
        self._connections = connections
        self._turn = turn
        self._arrived = bytearray()
        self._is_eof = False
        self._is_due = False
        self._is_writable = True
        self._session: StreamSession | None = None
        self._is_greeted = False
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.heard_at = self._loop.time()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport = transport
        if len(self._connections) >= CONNECTIONS_MAX and not self._make_room():
            self._refuse(self._manners.too_many)
            return
        local = endpoint_text(transport.get_extra_info("sockname"))
        remote = endpoint_text(transport.get_extra_info("peername"))
        try:
            self._session = self._factory(local, remote)
        except Exception as error:  # noqa: BLE001 - the shell: one connection must not end all
            self._failed("a session could not begin", error)
            return
        if self._session is None:
            transport.abort()
            return
        self._connections.add(self)
        self._set_timer("life", self._manners.session_max_s, self.time_out)
        if self._manners.greeting_delay_s is None:
            self._begin()
        else:
            self._set_timer("greeting", self._manners.greeting_delay_s, self._begin)

    def _make_room(self) -> bool:
        """Time out the peer that has been silent longest, if that is long enough."""
        longest = min(self._connections, key=lambda connection: connection.heard_at)
        if self._loop.time() - longest.heard_at < EVICTABLE_S:
            return False
        longest.time_out()
        if longest.has_unread:
            longest.hang_up()
        self._connections.discard(longest)
        return True

    @property
    def has_unread(self) -> bool:
        """Whether the peer has not taken everything that was written."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def _begin(self) -> None:
        self._is_greeted = True
        if self._session is not None:
            self._work(self._session.start)

    def data_received(self, data: bytes) -> None:
        if self._session is None:
            return
        self.heard_at = self._loop.time()
        if not self._is_greeted:
            self._refuse(self._manners.talked_first)
            return
        self._arrived += data
        if not self._is_due:
            self._go_on()

    def eof_received(self) -> bool:
        if self._session is None:
            return False
        self._is_eof = True
        if not self._is_due:
            self._go_on()
        return True  # closed here once what arrived is answered

    def _go_on(self) -> None:
        """Let the session read what arrived: a slice, and more while nobody else waits."""
        self._is_due = False
        size = SLICE_BYTES
        while self._arrived and self._is_writable and self._is_talking:
            piece = bytes(self._arrived[:size])
            del self._arrived[:size]
            size *= 2
            self._receive(piece)
            if self._turn.is_over:
                break
        if not self._is_talking:
            self._arrived.clear()
        elif not self._is_writable:
            return  # goes on when the peer has read
        elif self._arrived:
            self._is_due = True
            self._loop.call_soon(self._go_on)
        if self._is_eof and not self._arrived and self._is_talking:
            self._receive(b"")
            self._close()
        self._set_reading()

    def _receive(self, data: bytes) -> None:
        session = self._session
        assert session is not None
        self._work(lambda: session.receive_data(data))

    @property
    def _is_talking(self) -> bool:
        """Whether there is a session that wants to read."""
        closing = self._transport is None or self._transport.is_closing()
        return self._session is not None and not self._session.is_over and not closing

    def _set_reading(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._is_writable and not self._arrived:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        for timer in self._timers.values():
            timer.cancel()
        self._connections.discard(self)
        if self._session is not None and not self._session.is_over:
            with contextlib.suppress(Exception):  # it is gone; nothing can be answered
                self._session.receive_data(b"")

    def pause_writing(self) -> None:
        """The peer does not read: take nothing more from it, and wait only so long."""
        self._is_writable = False
        self._set_reading()
        self._set_timer("stalled", STALLED_S, self.hang_up)

    def resume_writing(self) -> None:
        self._is_writable = True
        self._timers.pop("stalled").cancel()
        if not self._is_due:
            self._go_on()

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
            self._close()
            return
        self._set_timer("idle", self._session.idle_timeout_s, self.time_out)

    def _close(self) -> None:
        """Close once everything is sent, which a peer that does not read puts off for ever."""
        assert self._transport is not None
        self._transport.close()
        self._set_timer("closing", STALLED_S, self.hang_up)

    def _set_timer(self, name: str, after_s: float, then: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._loop.call_later(after_s, then)

    def time_out(self) -> None:
        """The peer was silent, or here, for too long."""
        if self._session is not None:
            self._work(self._session.time_out)

    def _failed(self, message: str, error: Exception) -> None:
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
        self._refuse(self._manners.broken)

    def _refuse(self, line: bytes) -> None:
        assert self._transport is not None
        self._session = None
        if line:
            self._transport.write(line)
            self._close()
        else:
            self._transport.abort()
