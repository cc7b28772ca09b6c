"""The faults that lie upon one lab: cut, full, wrong or planned, and how often each struck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NoReturn
from uuid import UUID

from edgesync.lab.directories import AD, LabDirectory
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.port.port import DirectoryPort, Write
from edgesync.simulation.disk import FullDisk, lay, lift
from edgesync.simulation.faulty_link import BrokenLink, GarbledLink, StrippedLink
from edgesync.simulation.faulty_port import (
    FaultyPort,
    OtherController,
    PortFault,
    PortPlan,
    crash,
)
from edgesync.simulation.impostor import Impostor
from edgesync.simulation.skew import SkewedClock
from edgesync.transport.link import Link

OTHER_CONTROLLER = UUID("0dc20000-0000-4000-8000-000000000002")
"""Invocation of the controller that EdgeSync fails over to."""

Pair = tuple[str, str]


class CutPairs(set[frozenset[str]]):
    """Pairs of machines between which no packet passes; tells when one is tried."""

    def __init__(self, struck: Callable[[], None]) -> None:
        super().__init__()
        self._struck = struck

    def __contains__(self, pair: object) -> bool:
        is_cut = super().__contains__(pair)
        if is_cut:
            self._struck()
        return is_cut


@dataclass
class Faults:
    """The faults of one lab; the hooks see every session, write and connection."""

    lab: Lab
    on_session: Callable[[str, str, DirectoryPort], None] = lambda _hub, _edge, _port: None
    before_write: Callable[[str, str, Write], None] = lambda _hub, _edge, _write: None
    after_write: Callable[[str, str, Write], None] = lambda _hub, _edge, _write: None
    pause: Callable[[], None] = lambda: None
    """Called before each operation of a session: where another run may go on."""
    die: Callable[[], NoReturn] = crash
    """Ends everything; what is on disk stays."""
    perform: Callable[[str], None] = lambda _step: None
    """Does a step in the middle of a run."""
    active: dict[tuple[str, ...], None] = field(default_factory=dict)
    struck: Counter[str] = field(default_factory=Counter)
    """How often each fault really hit something, by name."""
    plans: dict[Pair, list[PortPlan]] = field(default_factory=dict)
    cut: CutPairs = field(init=False)
    stripped: set[frozenset[str]] = field(default_factory=set)
    garbled: set[frozenset[str]] = field(default_factory=set)
    breaking: dict[Pair, tuple[int, bool]] = field(default_factory=dict)
    impostors: dict[str, Impostor] = field(default_factory=dict)
    masked: set[str] = field(default_factory=set)
    """Servers in whose place an impostor answers now."""
    in_book: dict[frozenset[str], list[int]] = field(default_factory=dict)
    """Numbers of faults that the lab's own book has for us, by the pair they lie between."""
    full_disks: set[str] = field(default_factory=set)
    lost_mail_acks: int = 0
    """How often mail may rightly come twice: its receipt was lost (RFC 5321 section 4.5.3.2.6)."""
    other_controller: bool = False

    def __post_init__(self) -> None:
        self.cut = CutPairs(self.counting("cut"))

    def attach(self, lab: Lab) -> None:
        """Lie between this lab's machines from here on; what was cut or wrong stays so."""
        before, self.lab = self.lab, lab
        network, edge_sync = lab.service(Network), lab.service(EdgeSync)
        network.cut = self.cut
        network.through = self._link
        edge_sync.through = self._session
        edge_sync.source_through = self._source
        edge_sync.brought_nearer = self._brought_nearer
        if before is not lab:
            for name, clock in before.clocks.items():
                assert isinstance(clock, SkewedClock)
                self.set_clock(name, replace(clock, inner=lab.clock))
            for name in self.masked:
                network.impostors[name] = self.impostors[name].host
            for name in self.full_disks:
                self.fill_disk(name)

    def counting(self, name: str) -> Callable[[], None]:
        """What a fault of this name calls when it hits something."""

        def struck() -> None:
            self.struck[name] += 1

        return struck

    # what lies where -----------------------------------------------------------------------

    def directory(self, name: str) -> LabDirectory[ForestNames] | LabDirectory[EdgeNames]:
        """AD, or an Edge's ADAM."""
        return self.lab.ad if name.upper() == AD else self.lab.edge(name)

    def set_clock(self, name: str, clock: SkewedClock | None) -> None:
        """Give a machine a clock that is wrong, or the lab's again."""
        lab = self.lab
        lab.clocks.pop(name, None)
        if clock is not None:
            lab.clocks[name] = clock
        if name in {s.name for s in lab.servers("hub", "edge")}:
            lab.service(Network).host(name).server.clock = lab.clock_of(name)

    def fill_disk(self, name: str) -> None:
        """The disk of a directory takes nothing any more."""
        self.full_disks.add(name)
        store = self.directory(name).agent.store
        lift(store, FullDisk)
        lay(store, lambda journal: FullDisk(journal, self.counting("disk-full")))

    def free_disk(self, name: str) -> None:
        """And takes it again."""
        self.full_disks.discard(name)
        lift(self.directory(name).agent.store, FullDisk)

    # sessions and connections --------------------------------------------------------------

    def _session(self, hub: str, edge: str, port: DirectoryPort) -> DirectoryPort:
        self.on_session(hub, edge, port)
        return FaultyPort(
            port,
            self.plans.get((hub, edge), ()),
            lambda write: self.before_write(hub, edge, write),
            lambda write: self.after_write(hub, edge, write),
            self.pause,
            self.die,
        )

    def _brought_nearer(self, edge: str) -> int:
        """Writes that faults have counted which have not struck yet."""
        return sum(
            plan.seen
            for (_, target), plans in self.plans.items()
            for plan in plans
            if target == edge and not plan.is_spent
        )

    def plan(self, pair: Pair, fault: PortFault, at: int, step: str = "") -> None:
        """Let a fault hit the N-th write between two machines; ``step`` is done in its place."""

        def struck() -> None:
            self.struck[fault.value] += 1
            if step:
                self.perform(step)

        self.plans.setdefault(pair, []).append(PortPlan(fault, at, struck))

    def _source(self, _hub: str, _edge: str, port: DirectoryPort) -> DirectoryPort:
        if not self.other_controller:
            return port
        self.struck["failover-dc"] += 1
        return OtherController(port, OTHER_CONTROLLER, f"dc02.{self.lab.description.forest}")

    def _link(self, caller: str, target: str, link: Link) -> Link:
        pair = frozenset((caller, target))
        if target in self.masked:
            self.struck["impostor"] += 1
        if pair in self.stripped:
            self.struck["strip-tls"] += 1
            link = StrippedLink(link)
        if pair in self.garbled:
            self.struck["garble-tls"] += 1
            link = GarbledLink(link)
        broken = self.breaking.pop((caller, target), None)
        if broken is not None:
            answers, loses_ack = broken
            self.lost_mail_acks += loses_ack
            self.struck["lose-mail-ack" if loses_ack else "break-mail"] += 1
            link = BrokenLink(link, answers, loses_ack)
        return link
