"""One lab: an organisation with its directories, machines, clock and memory.

The same object is driven in virtual time (``agenda.advance``) or in real time
(``edgesync.lab.realtime``), in memory or in a folder.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol, Self, TypeVar, cast, runtime_checkable

from directory.clock import Clock
from directory.entropy import Entropy, SeededEntropy
from edgesync.certificates.authority_store import AuthorityStore
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.keys import BundledKeys, KeySource
from edgesync.certificates.store import MachineStore
from edgesync.errors import NoSuchThing
from edgesync.events import Emit, Event
from edgesync.lab.agenda import Agenda
from edgesync.lab.clock import LabClock, WrongClock
from edgesync.lab.description import LabDescription, ServerDescription
from edgesync.lab.directories import LabDirectory
from edgesync.lab.ledger import Ledger
from edgesync.organization.connectors import list_send_connectors
from edgesync.organization.domains import list_accepted_domains
from edgesync.organization.names import ConfigurationNames, EdgeNames, ForestNames
from edgesync.organization.voice import read_um_server
from edgesync.port.embedded import EmbeddedPort

S = TypeVar("S")
COMMAND_TICK = timedelta(seconds=1)
"""How far a changing command moves a standing clock, so that no two share an instant."""

KEYS_STRIDE = 9
"""How far each opening moves on in the pool of 64 test keys, so that commands get different ones;
odd, so that all starting points come up."""


@runtime_checkable
class Closing(Protocol):
    """A part that holds something open until the lab is closed."""

    def close(self) -> None:
        """Let it go."""
        ...


class Lab:
    """An organisation one can look at, change, break and mend."""

    def __init__(
        self,
        description: LabDescription,
        clock: LabClock,
        ledger: Ledger,
        ad: LabDirectory[ForestNames],
        edges: dict[str, LabDirectory[EdgeNames]],
        machines: dict[str, MachineStore],
        *,
        root: Path | None = None,
        release: Callable[[], None] = lambda: None,
        generation: int = 0,
        authorities: AuthorityStore | None = None,
    ) -> None:
        self.description = description
        self.clock = clock
        self.ledger = ledger
        self.ad = ad
        self.edges = edges
        self.machines = machines
        self.root = root
        self.generation = generation
        self.note = "setup"
        self.agenda = Agenda(clock)
        self.addresses: dict[str, dict[str, str]] = {}
        """Where servers listen, while the lab is up: ``{"AD": {"ldap": "ldap://..."}}``."""
        self.control = ""
        """Address of the control API, while the lab is up."""
        self.keys: KeySource = BundledKeys(description.seed, generation * KEYS_STRIDE)
        self.authorities = authorities or AuthorityStore()
        self.clocks: dict[str, WrongClock] = {}
        """Machines whose clock is wrong, by name; all others show the lab's time."""
        self.listeners: list[Emit] = []
        self.exclusive = threading.RLock()
        self.changing = threading.RLock()
        """Held over a whole change, taken first; ``exclusive`` may be let go between its steps, for
        those who only look."""
        self._release = release
        self._streams: dict[str, Entropy] = {}
        self._services: dict[object, object] = {}

    # who and where --------------------------------------------------------------------------

    def server(self, name: str) -> ServerDescription:
        """A server by name, any case.

        Raises:
            NoSuchThing: when the lab has no such server.
        """
        for server in self.description.servers:
            if server.name.casefold() == name.casefold():
                return server
        known = ", ".join(server.name for server in self.description.servers)
        raise NoSuchThing(f"no server {name!r} in this lab", f"servers are {known}")

    def servers(self, *roles: str) -> tuple[ServerDescription, ...]:
        """All servers, or those of some roles (``hub``, ``edge``, ...)."""
        return tuple(s for s in self.description.servers if not roles or s.role in roles)

    def edge(self, name: str) -> LabDirectory[EdgeNames]:
        """An Edge's ADAM.

        Raises:
            NoSuchThing: when the server is unknown or no Edge.
        """
        server = self.server(name)
        if server.role != "edge":
            edges = ", ".join(self.edges) or "none"
            raise NoSuchThing(f"{server.name} is not an Edge Transport server", f"Edges: {edges}")
        return self.edges[server.name]

    @property
    def directories(self) -> list[LabDirectory[ForestNames] | LabDirectory[EdgeNames]]:
        """AD and every Edge's ADAM."""
        return [self.ad, *self.edges.values()]

    def directory_of(self, server: str) -> LabDirectory[ForestNames] | LabDirectory[EdgeNames]:
        """Where a server reads its configuration: its own ADAM on an Edge, AD elsewhere."""
        name = self.server(server).name
        return self.edges.get(name, self.ad)

    def names_of(self, server: str) -> ConfigurationNames:
        """DN shapes in a server's directory."""
        return self.directory_of(server).names

    def ad_port(self) -> EmbeddedPort:
        """AD, as administrator, under the present command's note."""
        return self.ad.port(self.note)

    def edge_port(self, name: str) -> EmbeddedPort:
        """An Edge's ADAM, as administrator, under the present command's note."""
        return self.edge(name).port(self.note)

    def port_of(self, server: str) -> EmbeddedPort:
        """A server's own directory, as administrator."""
        return self.directory_of(server).port(self.note)

    def store(self, server: str) -> MachineStore:
        """A server's certificate store."""
        return self.machines[self.server(server).name]

    # certificates ---------------------------------------------------------------------------

    def host(self, name: str) -> CertificateHost:
        """A server as the certificate cmdlets see it."""
        server = self.server(name)
        directory = self.directory_of(name)
        return CertificateHost(
            name=server.name,
            fqdn=server.fqdn,
            roles=server.roles,
            profile=self.description.profile,
            policy=self.description.trust_policy,
            store=self.store(name),
            directory=self.port_of(name),
            server_dn=directory.names.server(server.name),
            clock=self.clock_of(server.name),
            entropy=self.entropy(f"certificates/{server.name}"),
            keys=self.keys,
            emit=self.emit,
            accepted_domains=self._accepted_domains,
            connector_certificates=lambda: self._connector_certificates(server.name),
            crls=self.authorities.crls(self.clock),
            um_startup_mode=lambda: (
                read_um_server(self.ad_port(), self.ad.names, server.name).startup_mode.value
            ),
        )

    def _accepted_domains(self) -> tuple[str, ...]:
        found = list_accepted_domains(self.ad_port(), self.ad.names)
        return tuple(item.domain for item in found)

    def _connector_certificates(self, server: str) -> tuple[tuple[str, str], ...]:
        found = list_send_connectors(self.port_of(server), self.names_of(server))
        return tuple((c.name, c.tls_certificate_name) for c in found if c.tls_certificate_name)

    # time, randomness, memory ---------------------------------------------------------------

    def clock_of(self, machine: str) -> Clock:
        """What a machine takes for the time."""
        return self.clocks.get(machine, self.clock)

    def entropy(self, label: str) -> Entropy:
        """Reproducible randomness for one purpose; never the same stream after a reopening."""
        return self._streams.setdefault(
            label, SeededEntropy(self.description.seed, f"{label}/{self.generation}")
        )

    def service(self, kind: Callable[[Lab], S]) -> S:
        """The one instance of a part that works on this lab (its network, its EdgeSync, ...)."""
        if kind not in self._services:
            self._services[kind] = kind(self)
        return cast("S", self._services[kind])

    def emit(self, event: Event) -> None:
        """Record an event and tell whoever listens."""
        self.ledger.emit(event)
        for listener in list(self.listeners):
            listener(event)

    def begin_command(self, text: str) -> None:
        """Say what is being done; every change until the next call is logged under it."""
        if not self.clock.is_running:
            self.clock.set(self.clock.now() + COMMAND_TICK)
        self.note = text
        self.ledger.begin_command(self.clock.now(), text)

    @contextmanager
    def doing(self, note: str) -> Iterator[None]:
        """Log changes under another note for a while: what servers do by themselves."""
        before, self.note = self.note, note
        try:
            yield
        finally:
            self.note = before

    def take(self) -> None:
        """Take the lab for a change; the caller gives it back."""
        self.changing.acquire()
        self.exclusive.acquire()

    def give_back(self) -> None:
        """Let others have it."""
        self.exclusive.release()
        self.changing.release()

    def run_due(self) -> None:
        """Run what has fallen due by now."""
        self.agenda.advance_to(self.clock.now())

    def save(self) -> None:
        """Remember the clock."""
        self.ledger.set(now=self.clock.now().isoformat())

    def close(self) -> None:
        """Let everything go, whatever refuses; acknowledged changes are on disk already."""
        with ExitStack() as last_first:
            last_first.callback(self._release)
            last_first.callback(self.ledger.close)
            for directory in self.directories:
                last_first.callback(directory.agent.shutdown)
            for service in self._services.values():
                if isinstance(service, Closing):
                    last_first.callback(service.close)
            last_first.callback(self.save)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
