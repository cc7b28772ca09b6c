"""One question about trust, asked and answered in full: the door for everybody above."""

from __future__ import annotations

from dataclasses import dataclass

from directory.clock import Clock
from edgesync.lab.lab import Lab
from edgesync.lab.network import SMTP_PORT
from edgesync.organization.connectors import list_receive_connectors
from edgesync.planning.ask import Asker
from edgesync.planning.cause import cause_of, events_of
from edgesync.planning.changelog import Provenance, last_modification
from edgesync.planning.classify import Finding, classify
from edgesync.planning.commands import Fork, Runner
from edgesync.planning.explain import (
    Explanation,
    Step,
    not_applicable,
    steps_of,
)
from edgesync.planning.fixes import Fixes, find_fixes
from edgesync.planning.matrix import Cell, Matrix, build_matrix
from edgesync.planning.observation import Observation, Path
from edgesync.planning.pairs import Pair, Topology, all_pairs, pair
from edgesync.planning.replication import replica_state
from edgesync.planning.truths import FourTruths, Kind, Truth, four_truths
from edgesync.trust.pkix import validate


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks a lab about trust. ``clock`` measures handshakes only; lab time is the lab's."""

    lab: Lab
    clock: Clock

    def pair(self, verifier: str, peer: str, path: Path) -> Pair:
        """Two servers as a cell of the matrix; whether direct trust applies between them.

        Raises:
            NoSuchThing: a server the lab has not.
        """
        first, second = self.lab.server(verifier), self.lab.server(peer)
        return pair(Topology.of(self.lab), first.name, second.name, path)

    def check(self, asked: Pair) -> Cell:
        """Make the connections of one cell and judge them."""
        if not asked.applies:
            return Cell(asked)
        seen = Asker(self.lab, self.clock)(asked.verifier, asked.peer, asked.path)
        return Cell(asked, classify(seen), seen)

    def matrix(self) -> Matrix:
        """Every cell, now."""
        pairs = all_pairs(Topology.of(self.lab))
        return build_matrix(pairs, Asker(self.lab, self.clock), now=self.lab.clock.now())

    def explain(
        self, asked: Pair, *, fork: Fork | None = None, runner: Runner | None = None
    ) -> Explanation:
        """A cell with its chain of reasons; with a runner also the fix, tried on forks."""
        cell = self.check(asked)
        if cell.finding is None or cell.seen is None:
            return not_applicable(asked.verifier, asked.peer, asked.path.value, asked.why_not)
        truths = self.truths(asked.peer, cell.seen)
        fixes = Fixes()
        if fork is not None and runner is not None:
            fixes = find_fixes(
                self.lab, cell.seen, cell.finding, fork=fork, runner=runner, clock=self.clock
            )
        own = four_truths(self.lab, asked.verifier)
        changed = self._connector_change(asked.verifier, asked.peer)
        cause = cause_of(cell.seen, cell.finding, truths, own, changed)
        replica = replica_state(self.lab, asked.verifier) if cell.seen.verifier_is_edge else ()
        steps = steps_of(cell.seen, cell.finding, truths, replica)
        return _explanation(cell.seen, cell.finding, truths, fixes, self._pkix(cell), cause, steps)

    def truths(self, server: str, seen: Observation | None = None) -> FourTruths:
        """The four truths of a server; with an observation also what was presented."""
        presented: list[Truth] = []
        for approach in seen.approaches if seen else ():
            if approach.presented is not None and seen is not None:
                as_what = f"{seen.path.value} {approach.direction.value} of {seen.verifier}"
                presented.append(Truth(Kind.PRESENTED, as_what, approach.presented))
        return four_truths(self.lab, server, *presented)

    def _connector_change(self, *servers: str) -> tuple[str, Provenance] | None:
        """The latest change of a Receive connector on port 25 of these servers."""
        found: list[tuple[str, Provenance]] = []
        for server in servers:
            names = self.lab.names_of(server)
            for connector in list_receive_connectors(self.lab.port_of(server), names, server):
                changed = last_modification(self.lab.directory_of(server), connector.dn)
                if connector.port == SMTP_PORT and changed is not None:
                    found.append((f"{server}\\{connector.name}", changed))
        return max(found, key=lambda item: (item[1].at, item[1].usn), default=None)

    def _pkix(self, cell: Cell) -> str:
        """What path validation would have said on the verifier's machine, for comparison."""
        presented = cell.presented()
        if presented is None:
            return "nothing was presented"
        store = self.lab.store(cell.pair.verifier).state
        verdict = validate((presented,), store, now=self.lab.clock.now())
        return f"{verdict.status.value}: {verdict.detail}"


def _explanation(
    seen: Observation,
    finding: Finding,
    truths: FourTruths,
    fixes: Fixes,
    pkix: str,
    cause: str,
    steps: tuple[Step, ...],
) -> Explanation:
    return Explanation(
        seen.verifier,
        seen.peer,
        seen.path.value,
        finding.verdict.value,
        finding.reason.value,
        steps,
        events_of(seen, finding),
        pkix,
        cause,
        fixes.fix,
        fixes.alternatives,
        truths,
    )
