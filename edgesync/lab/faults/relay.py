"""The middle on real sockets: it listens at a server's address and calls the server behind it.

The listening socket is the server's own, handed over while it serves: the address stays, and
connections made before stay as they are.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import cast

from edgesync.lab.faults.middle import Middle

LOOPBACK = "127.0.0.1"
CONNECTIONS_MAX = 500
"""Connections through one relay at once; each costs two descriptors."""

CONNECT_TIMEOUT_S = 5.0
"""Longest wait for the server behind: it is in the same process."""

WAITING_MAX = 4 * 1024 * 1024
"""Octets kept for a side that does not read, before the other one is no longer read."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset (RST) instead of a goodbye (FIN)."""


class Relay:
    """Takes the place of a listener. Belongs to the event loop it is started in.

    ``announce`` is told which ``ip:port`` of ours stands for which caller, before the server
    sees it: connectors and logs go on knowing who called.
    """

    def __init__(
        self,
        server: tuple[str, int],
        middle: Callable[[], Middle],
        announce: Callable[[str, str], None] = lambda _ours, _theirs: None,
    ) -> None:
        self._address = server
        self._middle = middle
        self._announce = announce
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()

    async def start(self, listening: socket.socket) -> None:
        """Accept at a socket that listens already."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _ClientSide(self), sock=listening)

    def let_go(self) -> socket.socket:
        """Accept no more; whoever takes the socket goes on at its address."""
        assert self._server is not None
        taken = self._server.sockets[0].dup()
        self._server.close()
        self._server = None
        return taken

    async def stop(self) -> None:
        """Stop accepting and hang up on everybody."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for pair in tuple(self._pairs):
            pair.reset()

    def accept(self, client: asyncio.Transport) -> _Pair | None:
        """A client came; None: it was sent away."""
        if len(self._pairs) >= CONNECTIONS_MAX:
            client.abort()
            return None
        pair = _Pair(self._middle(), client, self._pairs.discard)
        if pair.middle.is_reset:
            pair.reset()
            return None
        self._pairs.add(pair)
        pair.task = asyncio.get_running_loop().create_task(self._call(pair, client))
        return pair

    async def _call(self, pair: _Pair, client: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        host, port = client.get_extra_info("peername")[:2]
        ours = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            ours.setblocking(False)
            ours.bind((LOOPBACK, 0))
            self._announce("{}:{}".format(*ours.getsockname()), f"{host}:{port}")
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await loop.sock_connect(ours, self._address)
                await loop.create_connection(lambda: _ServerSide(pair), sock=ours)
        except OSError:  # TimeoutError is one
            ours.close()
            pair.reset()


class _Pair:
    """The two connections of one client."""

    def __init__(
        self, middle: Middle, client: asyncio.Transport, forget: Callable[[_Pair], None]
    ) -> None:
        self.middle = middle
        self.task: asyncio.Task[None] | None = None
        self._client = client
        self._server: asyncio.Transport | None = None
        self._forget = forget
        self._is_client_done = False
        self._due: deque[tuple[float, Callable[[], None]]] = deque()
        """What the client gets and when, in order; nothing overtakes."""
        self._held = 0
        """Octets of these."""
        self._timer: asyncio.TimerHandle | None = None
        client.set_write_buffer_limits(WAITING_MAX)

    def connected(self, server: asyncio.Transport) -> None:
        """The server behind answered."""
        self._server = server
        if self._client.is_closing():
            server.abort()
            return
        server.set_write_buffer_limits(WAITING_MAX)
        is_done, self._is_client_done = self._is_client_done, False
        self.pump()
        if is_done:
            self.client_done()

    def client_done(self) -> None:
        """The client sends no more; it still gets its answers."""
        self._is_client_done = True
        if self._server is not None and not self._server.is_closing():
            self._server.write_eof()

    def pump(self) -> None:
        """Move what the middle has for either side."""
        if self.middle.is_reset:
            self.reset()
            return
        for item in self.middle.to_client():
            self._held += len(item.data)
            self._later(item.after_s, partial(self._to_client, item.data))
        if self._held > WAITING_MAX:
            self.read(client=False, go=False)
        self._to_server()
        if self.middle.is_over:
            self._later(0.0, self._hang_up)

    def _to_client(self, data: bytes) -> None:
        was_much, self._held = self._held > WAITING_MAX, self._held - len(data)
        self._client.write(data)
        if was_much and self._held <= WAITING_MAX:
            self.read(client=False, go=True)

    def _to_server(self) -> None:
        if self._server is None or self._server.is_closing():
            return  # what was said before the server answered waits in the middle
        if (data := self.middle.to_server()) and not self._is_client_done:
            self._server.write(data)

    def _later(self, after_s: float, work: Callable[[], None]) -> None:
        """Do it so much later than now, after everything that was to be done before."""
        now = asyncio.get_running_loop().time()
        if not self._due and after_s <= 0.0:
            work()
            return
        self._due.append((now + after_s, work))
        if self._timer is None:
            self._work_off()

    def _work_off(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._due and not self._client.is_closing():
            at, work = self._due[0]
            if at > loop.time():
                self._timer = loop.call_at(at, self._work_off)
                return
            self._due.popleft()
            work()

    def _hang_up(self) -> None:
        for item in self.middle.end():
            self._client.write(item.data)
        self._client.close()
        self._to_server()
        if self._server is not None:
            self._server.close()
        self._ended()

    def client_lost(self) -> None:
        """The client is gone: the server gets what was said, then the end."""
        self._to_server()
        if self._server is not None:
            self._server.close()
        self._ended()

    def failed(self, error: Exception) -> None:
        """A bug in the middle ends this connection, never the relay."""
        context = {"message": "the middle of a connection broke", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
        self.reset()

    def _ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due.clear()
        self._forget(self)

    def reset(self) -> None:
        """End both connections as a broken line does."""
        for transport in (self._client, self._server):
            if transport is None:
                continue
            sock = transport.get_extra_info("socket")
            # it may be gone already: asyncio's then has no peer, uvloop's no descriptor, or is none
            with suppress(OSError, ValueError, AttributeError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            transport.abort()
        self._ended()

    def read(self, *, client: bool, go: bool) -> None:
        """Read on, or read no more, on one side."""
        transport = self._client if client else self._server
        if transport is not None and not transport.is_closing():
            (transport.resume_reading if go else transport.pause_reading)()


class _Side(asyncio.Protocol):
    """What both sides do alike."""

    pair: _Pair | None = None
    is_client = False

    def data_received(self, data: bytes) -> None:
        if self.pair is None:
            return
        try:
            (self.pair.middle.from_client if self.is_client else self.pair.middle.from_server)(data)
            self.pair.pump()
        except Exception as error:  # noqa: BLE001 - the shell: one connection must not end all
            self.pair.failed(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.pair is not None and exc is not None:
            self.pair.reset()
        elif self.pair is not None and self.is_client:
            self.pair.client_lost()
        else:
            self.data_received(b"")
        self.pair = None

    def pause_writing(self) -> None:
        """This side does not read: take nothing more from the other."""
        if self.pair is not None:
            self.pair.read(client=not self.is_client, go=False)

    def resume_writing(self) -> None:
        if self.pair is not None:
            self.pair.read(client=not self.is_client, go=True)


class _ClientSide(_Side):
    is_client = True

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.pair = self._relay.accept(cast("asyncio.Transport", transport))  # uvloop's is none

    def eof_received(self) -> bool:
        """Half closed, as ``printf ... | nc`` leaves it."""
        if self.pair is not None:
            self.pair.client_done()
        return self.pair is not None


class _ServerSide(_Side):
    def __init__(self, pair: _Pair) -> None:
        self.pair = pair

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert self.pair is not None
        self.pair.connected(cast("asyncio.Transport", transport))
