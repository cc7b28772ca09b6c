"""A lab in real time: every listener on loopback, in one event loop of a thread of its own.

The rest of the lab stays synchronous: operations run in the caller's threads, one at a time,
and reach the servers through the same sockets as strangers do.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from directory.clock import Clock
from directory.net.loops import new_event_loop
from directory.net.server import Address, DirectoryServer
from edgesync.errors import ExitCode, Unreachable
from edgesync.lab.client_access import PORTS as CLIENT_ACCESS_PORTS
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.directories import AD
from edgesync.lab.faults.diversion import Diversions, Door
from edgesync.lab.lab import Lab
from edgesync.lab.network import SMTP_PORT, Network
from edgesync.lab.self_test import self_test
from edgesync.lab.stream_endpoint import SMTP, Manners, SessionFactory, StreamEndpoint
from edgesync.lab.tls_files import context_of
from edgesync.lab.unified_messaging import PORTS as UM_PORTS
from edgesync.lab.unified_messaging import UnifiedMessaging
from edgesync.lab.wire_counts import CountedAgent, WireCounts
from edgesync.transport.connector_choice import open_receiver
from edgesync.transport.receiver import Receiver
from edgesync.trust.channel import address_of

T = TypeVar("T")
LOOPBACK = "127.0.0.1"
_CATALOG_PORT = 3268
START_TIMEOUT_S = 60.0
"""Longest start of all listeners: a lab of a thousand servers needs seconds."""

AGENDA_INTERVAL_S = 0.2
"""How often due activities are looked at while lab time runs in real time."""


class PortInUse(Unreachable):
    """An address somebody else listens on."""

    exit_code = ExitCode.UNREACHABLE


class Listener(Protocol):
    """Something of the lab that listens: LDAP, SMTP, HTTP, POP, SIP."""

    async def start(self) -> None:
        """Listen."""
        ...

    async def stop(self) -> None:
        """Stop listening and close."""
        ...


@dataclass
class Started:
    """A listener with the place of its addresses in ``lab status``."""

    server: str
    listener: Listener
    addresses: Callable[[], dict[str, str]]
    doors: dict[str, Door]
    """What can be handed over to a relay, by the words of ``addresses``."""


@dataclass(frozen=True, slots=True)
class DirectoryDoor:
    """One address of a directory server."""

    server: DirectoryServer
    number: int

    def let_go(self) -> socket.socket:
        """Accept no more here; the socket goes on listening."""
        return self.server.let_go(self.number)

    async def listen_on(self, listening: socket.socket) -> None:
        """Accept at another socket from here on."""
        await self.server.listen_on(self.number, listening)

    def stands_for(self, ours: str, theirs: str) -> None:
        """Nothing: directories treat every caller on loopback alike."""


@dataclass
class RealtimeRunner:
    """Starts and stops a lab's listeners, and lets its clock run."""

    lab: Lab
    clock: Clock
    ports: str = "free"
    started: list[Started] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._run, name="lab listeners", daemon=True)
        self._files = tempfile.TemporaryDirectory(prefix="edgesync-")
        self._stopping = threading.Event()
        self.diversions = Diversions(self.lab, self.call)
        self._ticker = threading.Thread(target=self._tick, name="lab agenda", daemon=True)

    # life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start every listener and the clock, and try each once; all or nothing.

        Raises:
            PortInUse: when an address cannot be had.
            NotReady: when a listener does not answer as it should.
        """
        self._thread.start()
        try:
            for started in self._listeners():
                self._start_one(started)
        except BaseException:
            self.stop()
            raise
        self.lab.clock.run_with(self.clock)
        self.lab.addresses = self.addresses()
        try:
            self_test(self.lab, self.clock)
            # only now: a lab with faults is ready when it would be without
            doors = [(s.server, word, door) for s in self.started for word, door in s.doors.items()]
            self.diversions.start(doors)
        except BaseException:
            self.stop()
            raise
        self._ticker.start()

    def _start_one(self, started: Started) -> None:
        try:
            self.call(started.listener.start())
        except OSError as error:
            raise PortInUse(
                f"{started.server}: {error.strerror or error}",
                "another program listens there; use --ports free, or stop it",
            ) from error
        self.started.append(started)

    def stop(self) -> None:
        """Stop everything; the lab stays open and its clock stands still again."""
        self._stopping.set()
        if self._ticker.is_alive():
            self._ticker.join()
        if self.lab.clock.is_running:
            self.lab.clock.stop()
        self.lab.addresses = {}
        if self._thread.is_alive():
            self.diversions.stop()
        for started in reversed(self.started):
            self.call(started.listener.stop())
        self.started.clear()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()
        self._files.cleanup()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the listeners' loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_TIMEOUT_S)

    def addresses(self) -> dict[str, dict[str, str]]:
        """What listens where, by server: ``{"AD": {"ldap": "ldap://127.0.0.1:49152"}}``."""
        found: dict[str, dict[str, str]] = {}
        for started in self.started:
            found.setdefault(started.server, {}).update(started.addresses())
        return found

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _tick(self) -> None:
        while not self._stopping.wait(AGENDA_INTERVAL_S):
            with self.lab.changing, self.lab.exclusive:
                self.lab.run_due()

    # what listens ----------------------------------------------------------------------------

    def _listeners(self) -> list[Started]:
        found = [self._directory(AD, 389, 636)]
        found += [self._directory(name, 50389, 50636) for name in self.lab.edges]
        found += self._smtp()
        found += self._client_access()
        found += self._unified_messaging()
        return found

    def _directory(self, name: str, ldap: int, ldaps: int) -> Started:
        host = self._host(name)
        agent = self.lab.ad.agent if name == AD else self.lab.edges[name].agent
        plain = Address(host, self._port(ldap))
        secure = Address(host, self._port(ldaps), is_tls=True)
        listen = [plain, secure]
        if name == AD:
            listen.append(Address(host, self._port(_CATALOG_PORT), is_global_catalog=True))
        counted = CountedAgent(agent, name, self.lab.service(WireCounts))
        server = DirectoryServer(counted, listen, tls=lambda: self._context(name))

        def addresses() -> dict[str, str]:
            return {word: a.url for word, a in zip(words, server.addresses, strict=True)}

        words = ("ldap", "ldaps", "gc")[: len(listen)]
        doors: dict[str, Door] = {w: DirectoryDoor(server, i) for i, w in enumerate(words)}
        return Started(name, server, addresses, doors)

    def _context(self, name: str) -> ssl.SSLContext | None:
        presented = self.lab.service(Network).presented(name)
        return context_of(presented, Path(self._files.name)) if presented else None

    def _smtp(self) -> list[Started]:
        return [self._endpoint(server.name) for server in self.lab.servers("hub", "edge")]

    def _endpoint(self, name: str) -> Started:
        host = self.lab.service(Network).host(name)

        def accept(local: str, remote: str) -> Receiver | None:
            return open_receiver(host, local=local, remote=remote)

        return self._stream(name, "smtp", SMTP_PORT, accept, SMTP)

    def _client_access(self) -> list[Started]:
        access = self.lab.service(ClientAccess)

        def accepting(name: str, service: str) -> SessionFactory:
            return lambda _local, _remote: access.accept(name, service)

        return [
            self._stream(name, service, port, accepting(name, service))
            for name in access.servers()
            for service, port in CLIENT_ACCESS_PORTS.items()
        ]

    def _unified_messaging(self) -> list[Started]:
        voice = self.lab.service(UnifiedMessaging)

        def accepting(name: str, service: str) -> SessionFactory:
            return lambda _local, remote: voice.accept(name, service, address_of(remote))

        return [
            self._stream(name, service, port, accepting(name, service))
            for name in voice.servers()
            for service, port in UM_PORTS.items()
        ]

    def _stream(
        self,
        server: str,
        service: str,
        port: int,
        accept: SessionFactory,
        manners: Manners | None = None,
    ) -> Started:
        endpoint = StreamEndpoint(accept, self._host(server), self._port(port), manners=manners)

        def addresses() -> dict[str, str]:
            host, number = endpoint.address
            return {service: f"{service}://{host}:{number}"}

        return Started(server, endpoint, addresses, {service: endpoint})

    def _host(self, server: str) -> str:
        """Loopback; with Exchange's own ports every server needs an address of its own."""
        if self.ports == "free":
            return LOOPBACK
        names = [AD, *(item.name for item in self.lab.servers())]
        number = names.index(server) + 1
        return f"127.0.{number // 250 + 1}.{number % 250 + 1}"

    def _port(self, well_known: int) -> int:
        return 0 if self.ports == "free" else well_known
