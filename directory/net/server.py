"""LDAP listeners for one directory, inside whatever event loop is running."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self, cast

from directory.net.agent import Agent, QuickAgent, QuickSearcher
from directory.net.busy_poll import BusyPoll, cores
from directory.net.connection import ClientSession
from directory.net.durability import GroupCommit
from directory.net.limits import BACKLOG, HASHING_THREADS, TLS_HANDSHAKE_TIMEOUT_S, ListenerLimits
from directory.net.listener import Client
from directory.net.outbox import Outbox
from directory.net.sweep import Sweep
from directory.net.turns import Turn

_log = logging.getLogger(__name__)

TlsProvider = Callable[[], ssl.SSLContext | None]
"""Called for each StartTLS and at start for LDAPS: a renewed certificate needs no restart."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener listens. Port 0 asks for any free one.

    ``is_global_catalog`` serves an AD's partial view of the forest, as its port 3268 does.
    """

    host: str
    port: int
    is_tls: bool = False
    is_global_catalog: bool = False

    @property
    def url(self) -> str:
        """As an LDAP URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'ldaps' if self.is_tls else 'ldap'}://{host}:{self.port}"


class DirectoryServer:
    """Serves an agent. ``start`` and ``stop`` belong to the event loop they are awaited in."""

    def __init__(
        self,
        agent: Agent,
        listen: Sequence[Address] = (Address("127.0.0.1", 0),),
        *,
        tls: ssl.SSLContext | TlsProvider | None = None,
        limits: ListenerLimits | None = None,
    ) -> None:
        self.agent = agent
        self.limits = limits or ListenerLimits()
        self.handshake_timeout_s = TLS_HANDSHAKE_TIMEOUT_S
        self.quick_search: QuickSearcher | None = None
        if hasattr(agent, "quick_search"):
            self.quick_search = cast("QuickAgent", agent).quick_search
        self.commits: GroupCommit
        self.turns: Turn
        self.outbox: Outbox
        self.busy_poll: BusyPoll | None = None
        self.hashing: Executor
        self._listen = tuple(listen)
        self._tls = tls
        self._servers: list[asyncio.Server] = []
        self._clients: set[Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._addresses: tuple[Address, ...] = ()
        self._sweep: Sweep | None = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, with the ports it got; in the order asked for."""
        return self._addresses

    @property
    def connection_count(self) -> int:
        """Clients connected now."""
        return len(self._clients)

    @property
    def last_request(self) -> float:
        """When a client asked something last, by the event loop's clock; 0 if none is connected."""
        return max((client.active_at for client in self._clients), default=0.0)

    def tls_context(self) -> ssl.SSLContext | None:
        """The context for the next handshake."""
        return self._tls() if callable(self._tls) else self._tls

    async def start(self) -> None:
        """Listen on every address.

        Raises:
            OSError: when an address cannot be had; none is then kept.
        """
        loop = asyncio.get_running_loop()
        self.attach(loop)
        self.hashing = ThreadPoolExecutor(HASHING_THREADS, "password hashing")
        addresses: list[Address] = []
        try:
            for address in self._listen:
                server = await self._serve(loop, address, None)
                self._servers.append(server)
                host, port = server.sockets[0].getsockname()[:2]
                addresses.append(replace(address, host=host, port=port))
        except BaseException:
            await self.stop()
            raise
        self._addresses = tuple(addresses)
        self._sweep = Sweep(loop, self._clients, self.limits)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Prepare what connections share in an event loop; ``start`` does."""
        self.commits = GroupCommit(self.agent, loop)
        self.turns = Turn(loop)
        self.outbox = Outbox(self.commits, loop.call_soon)
        if self.limits.busy_poll_s and cores() > 1:
            self.busy_poll = BusyPoll(loop.call_soon, self.limits.busy_poll_s)

    def let_go(self, number: int) -> socket.socket:
        """Accept no more at one of the addresses, by its place in ``addresses``.

        Nobody is hung up on; whoever takes the socket listens at the address from here on.
        """
        taken = self._servers[number].sockets[0].dup()
        self._servers[number].close()
        return taken

    async def listen_on(self, number: int, listening: socket.socket) -> None:
        """Serve what belongs to one of the addresses at another socket, which listens already."""
        loop = asyncio.get_running_loop()
        self._servers[number] = await self._serve(loop, self._listen[number], listening)

    async def _serve(
        self, loop: asyncio.AbstractEventLoop, address: Address, listening: socket.socket | None
    ) -> asyncio.Server:
        def connect() -> ClientSession:
            client = ClientSession(self, is_tls=address.is_tls)
            client.session.is_global_catalog = address.is_global_catalog
            return client

        context = self.tls_context() if address.is_tls else None
        if address.is_tls and context is None:
            raise ValueError("an LDAPS address needs a certificate")
        if context is not None and callable(self._tls):
            context.sni_callback = self._renew_context
        handshake_s = self.handshake_timeout_s if context is not None else None
        if listening is not None:
            return await loop.create_server(
                connect, sock=listening, backlog=BACKLOG, ssl=context,
                ssl_handshake_timeout=handshake_s,
            )  # fmt: skip
        return await loop.create_server(
            connect, address.host, address.port, backlog=BACKLOG, ssl=context,
            ssl_handshake_timeout=handshake_s,
        )  # fmt: skip

    def _renew_context(self, tls: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Serve the certificate of today; called at every handshake, with or without a name."""
        del name
        current = self.tls_context()
        if current is not None and current is not context:
            tls.context = current

    async def stop(self) -> None:
        """Stop listening, tell every client, and close."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        servers, self._servers = self._servers, []
        # First no more is accepted, then what was accepted a moment ago becomes a client, then the
        # server is closed: asyncio loses a socket that it accepted while its server was closed.
        loop = asyncio.get_running_loop()
        for listening in (sock for server in servers for sock in server.sockets):
            loop.remove_reader(listening.fileno())
        await asyncio.sleep(_STOP_TURN_S)
        for server in servers:
            server.close()
        for client in list(self._clients):
            client.disconnect("the server is stopping")
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._wait_for_clients()
        for client in list(self._clients):
            client.abort()
        await self._wait_for_clients()
        for server in servers:
            await server.wait_closed()
        self.hashing.shutdown(wait=False, cancel_futures=True)

    async def _wait_for_clients(self) -> None:
        for _ in range(_STOP_TURNS):
            if not self._clients:
                break
            await asyncio.sleep(_STOP_TURN_S)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    # what connections tell -------------------------------------------------------------------

    def admit(self, client: Client) -> bool:
        """Register a connection; false when there are too many."""
        self._clients.add(client)
        return len(self._clients) <= self.limits.connections

    def forget(self, client: Client) -> None:
        """A connection ended."""
        self._clients.discard(client)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a connection's coroutine (a TLS handshake) and keep hold of it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_STOP_TURN_S = 0.01
_STOP_TURNS = 100
"""A second for clients to take their last bytes, looked at every hundredth of it."""
