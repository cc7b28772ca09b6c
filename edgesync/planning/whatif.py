"""Tries commands on a fork in virtual time: the matrix and the mail after each, nothing changed.

The fork has the same directories, stores, clock and schedule; commands follow each other at the
administrator's pace, and what the schedule does in between is done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from directory.clock import Clock
from edgesync.lab.lab import Lab
from edgesync.planning.commands import Fork, Ran, Runner
from edgesync.planning.fingerprint import Fingerprint, Key
from edgesync.planning.flow import FlowNow, flows_now
from edgesync.planning.inquiry import Inquiry
from edgesync.planning.matrix import Cell, Matrix
from edgesync.planning.pairs import Topology, all_pairs
from edgesync.planning.search import Held, Pace, pass_time
from edgesync.planning.world import Flow

SCHEMA = "edgesync.trust-whatif/1"

STEPS_MAX = 100
"""Most commands of one rehearsal."""


@dataclass(frozen=True, slots=True)
class Stage:
    """How things stand at one moment of a rehearsal."""

    at: datetime
    what: str
    """The command, or the words for what only the clock did."""
    ran: Ran | None
    matrix: Matrix
    flows: tuple[FlowNow, ...]
    delay_s: float
    """Longest delay of any message so far, seconds."""
    lost: bool

    def document(self) -> dict[str, Any]:
        """The stage as JSON."""
        return {
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "command": self.ran.command if self.ran else None,
            "what": self.what,
            "exit_code": int(self.ran.exit_code) if self.ran else None,
            "message": self.ran.message if self.ran else "",
            "trusted": not self.matrix.bad,
            "matrix": self.matrix.document(),
            "mail": [{"flow": f.name, "state": f.flow.value} for f in self.flows],
            "mail_delay_s": self.delay_s,
            "mail_lost": int(self.lost),
        }


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What would happen."""

    stages: tuple[Stage, ...]

    @property
    def last(self) -> Stage:
        """How it ends."""
        return self.stages[-1]

    @property
    def failed(self) -> Ran | None:
        """The command that could not be run, after which the rest was left out."""
        return next((s.ran for s in self.stages if s.ran and not s.ran.went_well), None)

    def document(self) -> dict[str, Any]:
        """The rehearsal as JSON."""
        return {
            "schema": SCHEMA,
            "trusted": not self.last.matrix.bad,
            "mail_delay_s": self.last.delay_s,
            "mail_lost": int(self.last.lost),
            "stages": [stage.document() for stage in self.stages],
        }


class _Course:
    """The fork on its way through the steps."""

    def __init__(self, lab: Lab, clock: Clock, pace: Pace) -> None:
        self.lab = lab
        self._inquiry = Inquiry(lab, clock)
        self._pace = pace
        self._delay, self._lost = 0.0, False
        self._asked: dict[Key, Cell] = {}
        self._seen = Fingerprint.of(lab)
        self.matrix = self._ask()
        self.flows = flows_now(lab, self.matrix)
        self._held: Held = (0.0,) * len(self.flows)
        self.stages: list[Stage] = []
        self._account(0.0)

    def look(self, *, anew: bool = False) -> None:
        """Ask every cell that something happened to; ``anew``: every cell, since time passed."""
        self._seen = Fingerprint.of(self.lab)
        if anew:
            self._asked.clear()
        known = {flow.name: held for flow, held in zip(self.flows, self._held, strict=True)}
        self.matrix = self._ask()
        self.flows = flows_now(self.lab, self.matrix)
        self._held = tuple(known.get(flow.name, 0.0) for flow in self.flows)
        self._account(0.0)

    def _ask(self) -> Matrix:
        cells = []
        for pair in all_pairs(Topology.of(self.lab)):
            key = self._seen.of_pair(pair)
            if key not in self._asked:
                self._asked[key] = self._inquiry.check(pair)
            cells.append(self._asked[key])
        return Matrix(self.lab.clock.now(), tuple(cells))

    def note(self, what: str, ran: Ran | None = None) -> None:
        """Remember how things stand."""
        self.stages.append(
            Stage(self.lab.clock.now(), what, ran, self.matrix, self.flows, self._delay, self._lost)
        )

    def pass_until(self, until: datetime) -> None:
        """Let time pass, and the schedule run; what changed anything is looked at."""
        while (activity := self.lab.agenda.next()) is not None and activity.due <= until:
            self._account((activity.due - self.lab.clock.now()).total_seconds())
            self.lab.agenda.advance_to(max(activity.due, self.lab.clock.now()))
            if Fingerprint.of(self.lab) != self._seen:
                self.look()
        self._account((until - self.lab.clock.now()).total_seconds())
        self.lab.agenda.advance_to(until)

    def _account(self, seconds: float) -> None:
        pace = self._pace
        retries = [pace.hub_retry_s if f.is_outbound else pace.edge_retry_s for f in self.flows]
        lost, self._held, longest = pass_time(
            [f.flow for f in self.flows], retries, self._held, max(0.0, seconds)
        )
        self._lost, self._delay = self._lost or lost, max(self._delay, longest)

    @property
    def is_disturbed(self) -> bool:
        """Whether any mail does not flow."""
        return any(f.flow is not Flow.OK for f in self.flows)


def rehearse(
    lab: Lab,
    commands: Sequence[str],
    *,
    fork: Fork,
    runner: Runner,
    clock: Clock,
    pace: Pace,
    settle: bool = True,
) -> Rehearsal:
    """Run commands on a fork and say how trust and mail fare after each.

    Every command is checked before any is run. One that is refused on the fork ends the
    rehearsal. With ``settle`` the clock then goes on until the next scheduled sync of every Edge.

    Raises:
        EdgeSyncError: a command nobody knows, or about servers the lab has not.
    """
    for command in commands[:STEPS_MAX]:
        runner.check(lab, command)
    twin = fork(lab)
    try:
        return _rehearse(twin, commands[:STEPS_MAX], runner, clock, pace, settle=settle)
    finally:
        twin.close()


def _rehearse(
    twin: Lab, commands: Sequence[str], runner: Runner, clock: Clock, pace: Pace, *, settle: bool
) -> Rehearsal:
    course = _Course(twin, clock, pace)
    course.note("before")
    for command in commands:
        course.pass_until(twin.clock.now() + timedelta(seconds=pace.command_s))
        ran = runner.run(twin, command)
        course.look()
        course.note(command, ran)
        if not ran.went_well:
            return Rehearsal(tuple(course.stages))
    if settle:
        interval = twin.description.profile.sync.configuration_interval
        course.pass_until(twin.clock.now() + interval)
        course.look(anew=True)
        course.note("after the next scheduled sync")
    return Rehearsal(tuple(course.stages))
