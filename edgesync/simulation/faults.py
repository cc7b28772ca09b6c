"""Faults that can be put into a lab and taken out again, by name; one table says them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from directory.errors import JournalError
from directory.store.entry import StoredEntry
from directory.store.store import JournalPort, Store
from directory.store.verify import Disagreement
from directory.store.writer import Step
from edgesync.errors import UsageError
from edgesync.lab.directories import LabDirectory
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.port.port import DirectoryPort
from edgesync.simulation.faulty_link import BrokenLink, GarbledLink, StrippedLink
from edgesync.simulation.faulty_port import (
    FaultyPort,
    OtherController,
    PortFault,
    PortPlan,
    Write,
)
from edgesync.simulation.impostor import Impostor
from edgesync.simulation.scenario import parse_span
from edgesync.simulation.skew import SkewedClock
from edgesync.transport.link import Link

OTHER_CONTROLLER = UUID("0dc20000-0000-4000-8000-000000000002")
"""Invocation of the controller that EdgeSync fails over to."""


class FullDisk:
    """A journal whose disk is full: nothing is durable, so nothing is done."""

    def __init__(self, real: JournalPort | None) -> None:
        self.real = real

    def write(self, steps: Sequence[Step], meta: dict[str, str]) -> None:  # noqa: ARG002
        """Refuse, as SQLite does."""
        raise JournalError("the journal cannot be written: database or disk is full")

    def restored(self, store: Store, before: Store) -> None:  # noqa: ARG002
        """Refuse this too."""
        raise JournalError("the journal cannot be written: database or disk is full")

    def earlier_versions(self, store: Store, entry: StoredEntry) -> None:
        """Reading works."""
        if self.real is not None:
            self.real.earlier_versions(store, entry)

    def disagreements(self, store: Store) -> list[Disagreement]:
        """Reading works."""
        return self.real.disagreements(store) if self.real is not None else []

    def close(self) -> None:
        """Let go of the file."""
        if self.real is not None:
            self.real.close()


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault: its words, and what it does to a lab."""

    name: str
    usage: str
    gist: str
    begin: Callable[[Faults, Sequence[str]], None]
    end: Callable[[Faults, Sequence[str]], None]


@dataclass
class Faults:
    """The faults of one lab. ``spy`` sees every session and connection that is opened."""

    lab: Lab
    on_session: Callable[[str, str, DirectoryPort], None] = lambda _hub, _edge, _port: None
    before_write: Callable[[str, str, Write], None] = lambda _hub, _edge, _write: None
    after_write: Callable[[str, str, Write], None] = lambda _hub, _edge, _write: None
    active: dict[tuple[str, ...], None] = field(default_factory=dict)
    plans: dict[tuple[str, str], list[PortPlan]] = field(default_factory=dict)
    stripped: set[frozenset[str]] = field(default_factory=set)
    garbled: set[frozenset[str]] = field(default_factory=set)
    breaking: dict[tuple[str, str], tuple[int, bool]] = field(default_factory=dict)
    impostors: dict[str, Impostor] = field(default_factory=dict)
    lost_mail_acks: int = 0
    """How often mail may rightly come twice: its receipt was lost (RFC 5321 section 4.5.3.2.6)."""
    other_controller: bool = False

    def attach(self, lab: Lab) -> None:
        """Lie between this lab's machines from here on; what was cut or wrong stays so."""
        before, self.lab = self.lab, lab
        network, edge_sync = lab.service(Network), lab.service(EdgeSync)
        if before is not lab:
            network.cut |= before.service(Network).cut
            lab.clocks.update(before.clocks)
        network.through = self._link
        edge_sync.through = self._session
        edge_sync.source_through = self._source

    def begin(self, words: Sequence[str]) -> None:
        """Put a fault in: its name and operands.

        Raises:
            UsageError: nobody knows it, or it needs other words.
        """
        fault = _find(words)
        try:
            fault.begin(self, words[1:])
        except (IndexError, ValueError) as error:
            raise UsageError(f"fault {' '.join(words)!r}", f"usage: {fault.usage}") from error
        self.active[tuple(words)] = None

    def heal(self, words: Sequence[str]) -> None:
        """Take a fault out, or ``all`` of them."""
        for known in [w for w in self.active if list(words) in (["all"], list(w))]:
            _find(known).end(self, known[1:])
            del self.active[known]

    def _session(self, hub: str, edge: str, port: DirectoryPort) -> DirectoryPort:
        self.on_session(hub, edge, port)
        return FaultyPort(
            port,
            self.plans.get((hub, edge), ()),
            lambda write: self.before_write(hub, edge, write),
            lambda write: self.after_write(hub, edge, write),
        )

    def _source(self, _hub: str, _edge: str, port: DirectoryPort) -> DirectoryPort:
        if not self.other_controller:
            return port
        return OtherController(port, OTHER_CONTROLLER, f"dc02.{self.lab.description.forest}")

    def _link(self, caller: str, target: str, link: Link) -> Link:
        if frozenset((caller, target)) in self.stripped:
            link = StrippedLink(link)
        if frozenset((caller, target)) in self.garbled:
            link = GarbledLink(link)
        broken = self.breaking.pop((caller, target), None)
        if broken is not None:
            answers, loses_ack = broken
            self.lost_mail_acks += loses_ack
            link = BrokenLink(link, answers, loses_ack)
        return link


def _cut(faults: Faults, words: Sequence[str]) -> None:
    first, second = _servers(faults, words)
    faults.lab.service(Network).cut.add(frozenset((first.casefold(), second.casefold())))


def _join(faults: Faults, words: Sequence[str]) -> None:
    first, second = _servers(faults, words)
    faults.lab.service(Network).cut.discard(frozenset((first.casefold(), second.casefold())))


def _plan(fault: PortFault) -> Callable[[Faults, Sequence[str]], None]:
    def begin(faults: Faults, words: Sequence[str]) -> None:
        pair = _servers(faults, words)
        at = int(words[2]) if len(words) > 2 else 0
        faults.plans.setdefault(pair, []).append(PortPlan(fault, at))

    return begin


def _unplan(faults: Faults, words: Sequence[str]) -> None:
    faults.plans.pop(_servers(faults, words), None)


def _skew(faults: Faults, words: Sequence[str]) -> None:
    clock = faults.lab.clock
    _set_clock(faults, words[0], SkewedClock(clock, parse_span(words[1]), clock.now()))


def _drift(faults: Faults, words: Sequence[str]) -> None:
    clock = faults.lab.clock
    _set_clock(faults, words[0], SkewedClock(clock, parse_span("0s"), clock.now(), float(words[1])))


def _set_clock(faults: Faults, server: str, clock: SkewedClock | None) -> None:
    lab = faults.lab
    name = lab.server(server).name
    lab.clocks.pop(name, None)
    if clock is not None:
        lab.clocks[name] = clock
    if name in {s.name for s in lab.servers("hub", "edge")}:
        lab.service(Network).host(name).server.clock = lab.clock_of(name)


def _other_controller(faults: Faults, _words: Sequence[str]) -> None:
    faults.other_controller = True


def _own_controller(faults: Faults, _words: Sequence[str]) -> None:
    faults.other_controller = False


def _fill_disk(faults: Faults, words: Sequence[str]) -> None:
    store = _directory(faults.lab, words[0]).agent.store
    if not isinstance(store.journal, FullDisk):
        store.journal = FullDisk(store.journal)


def _free_disk(faults: Faults, words: Sequence[str]) -> None:
    store = _directory(faults.lab, words[0]).agent.store
    if isinstance(store.journal, FullDisk):
        store.journal = store.journal.real


def _strip(faults: Faults, words: Sequence[str]) -> None:
    faults.stripped.add(frozenset(_servers(faults, words)))


def _unstrip(faults: Faults, words: Sequence[str]) -> None:
    faults.stripped.discard(frozenset(_servers(faults, words)))


def _garble(faults: Faults, words: Sequence[str]) -> None:
    faults.garbled.add(frozenset(_servers(faults, words)))


def _ungarble(faults: Faults, words: Sequence[str]) -> None:
    faults.garbled.discard(frozenset(_servers(faults, words)))


def _impersonate(faults: Faults, words: Sequence[str]) -> None:
    name = faults.lab.server(words[0]).name
    network = faults.lab.service(Network)
    impostor = Impostor(faults.lab, name, network.host(name))
    faults.impostors[name] = impostor
    network.impostors[name] = impostor.host


def _unmask(faults: Faults, words: Sequence[str]) -> None:
    faults.lab.service(Network).impostors.pop(faults.lab.server(words[0]).name, None)


def _break_mail(*, loses_ack: bool) -> Callable[[Faults, Sequence[str]], None]:
    def begin(faults: Faults, words: Sequence[str]) -> None:
        faults.breaking[_servers(faults, words)] = (int(words[2]), loses_ack)

    return begin


def _mend_mail(faults: Faults, words: Sequence[str]) -> None:
    faults.breaking.pop(_servers(faults, words), None)


def _directory(lab: Lab, name: str) -> LabDirectory[ForestNames] | LabDirectory[EdgeNames]:
    return lab.ad if name.casefold() == "ad" else lab.edge(name)


def _servers(faults: Faults, words: Sequence[str]) -> tuple[str, str]:
    return faults.lab.server(words[0]).name, faults.lab.server(words[1]).name


def _find(words: Sequence[str]) -> Fault:
    found = next((fault for fault in FAULTS if words and fault.name == words[0]), None)
    if found is None:
        known = ", ".join(fault.name for fault in FAULTS)
        raise UsageError(f"there is no fault {' '.join(words)!r}", f"faults are {known}")
    return found


FAULTS: tuple[Fault, ...] = (
    Fault("cut", "cut HUB01 EDGE01", "no packet passes between two machines", _cut, _join),
    *(
        Fault(fault.value, f"{fault.value} HUB01 EDGE01 [N]", gist, _plan(fault), _unplan)
        for fault, gist in (
            (PortFault.LOSE_REQUEST, "the N-th write of the Hub's sessions never arrives"),
            (PortFault.LOSE_ACK, "the N-th write is done, its acknowledgement is lost"),
            (PortFault.REPEAT, "the N-th write arrives twice"),
            (PortFault.CRASH, "everything dies before the N-th write, and starts again"),
            (PortFault.CRASH_AFTER, "everything dies right after the N-th write"),
        )
    ),
    Fault("skew", "skew HUB01 2h", "a machine's clock is off by a span", _skew,
          lambda f, w: _set_clock(f, w[0], None)),
    Fault("drift", "drift EDGE01 500", "a machine's clock runs too fast by parts per million",
          _drift, lambda f, w: _set_clock(f, w[0], None)),
    Fault("failover-dc", "failover-dc", "EdgeSync reads AD from another domain controller",
          _other_controller, _own_controller),
    Fault("disk-full", "disk-full EDGE01", "the journal of AD or of an Edge's ADAM takes nothing",
          _fill_disk, _free_disk),
    Fault("strip-tls", "strip-tls HUB01 EDGE01", "a firewall removes STARTTLS and X-ANONYMOUSTLS",
          _strip, _unstrip),
    Fault("garble-tls", "garble-tls HUB01 EDGE01", "something spoils TLS between two machines",
          _garble, _ungarble),
    Fault("impostor", "impostor EDGE01", "a machine in the middle re-signs TLS with its own key",
          _impersonate, _unmask),
    Fault("break-mail", "break-mail EDGE01 HUB01 N", "the next SMTP connection breaks",
          _break_mail(loses_ack=False), _mend_mail),
    Fault("lose-mail-ack", "lose-mail-ack EDGE01 HUB01 N",
          "the next SMTP connection breaks after the N-th answer was sent",
          _break_mail(loses_ack=True), _mend_mail),
)  # fmt: skip
"""Every fault there is."""
