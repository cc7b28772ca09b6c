"""The target's side of a job: what is there now, and writing what should be.

Writes go out in the order deletes, moves, changes, adds, so that a name is free before it is
taken. An entry the target refuses is an error of that entry; the others go on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from directory.errors import LdapError, ResultCode
from directory.model.controls import TreeDelete
from directory.model.dn import DN
from directory.model.encoded import EncodedEntry
from directory.model.entry import Entry
from directory.model.filter import And, Equality, Or
from directory.model.messages import (
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    Scope,
    SearchRequest,
)
from directory.model.modification import add
from edgesync.errors import TargetRefused
from edgesync.port.port import (
    DirectoryPort,
    Write,
    WriteOutcomes,
    iterate,
    read,
    start_adds,
    start_writes,
    write,
)
from edgesync.sync.alike import ProjectedTable
from edgesync.sync.kinds import Identity, ReplicatedKind
from edgesync.sync.plan import Change, PlannedChange, differences, plan
from edgesync.sync.project import Projection
from edgesync.sync.report import EntryError, Tally

KEYS_PER_SEARCH = 200
"""Alternatives in one filter: far below any server's limit, few enough round trips."""

CONSECUTIVE_FAILURES_MAX = 100
"""Refusals in a row with one code until the target itself counts as unwilling."""

STARTED_MAX = 2
"""Batches of adds on their way while the next is made ready: with one the target would have
answered all it was sent before a page of the source is read and projected."""

_ORDER = (Change.DELETE, Change.MOVE, Change.MODIFY, Change.ADD)
"""A name is free before it is taken."""

_NONE: tuple[ResultCode | None, int] = (None, 0)
"""No refusal since the last success."""

Step = tuple[ReplicatedKind, PlannedChange, Projection | None]
"""A planned change with what it is to bring about; None for a delete."""


class Additions(NamedTuple):
    """Objects of one kind that are in the source and not in the target, all alike."""

    kind: ReplicatedKind
    table: ProjectedTable

    def steps(self) -> Iterator[Step]:
        """The same as changes of one entry each."""
        for desired in self.table.rows():
            change = plan(self.kind, None, desired)
            assert change is not None
            yield self.kind, change, desired


Outcomes = Callable[[], WriteOutcomes]


class Target:
    """One session on the target, counting what it refuses."""

    def __init__(
        self, port: DirectoryPort, tally: Tally, on_error: Callable[[EntryError], None]
    ) -> None:
        self._port = port
        self._tally = tally
        self._on_error = on_error
        self._failures = _NONE
        self._touched: set[str] = set()
        self._added: list[ProjectedTable] = []
        """What was added and is not among the names yet: most runs never ask for them."""
        self.blocked: list[Step] = []
        """Adds and moves whose name another object's replica still has; see ``finish``."""
        self._started: deque[tuple[Sequence[Step] | Sequence[Additions], Outcomes]] = deque()
        """Adds on their way, those started first in front."""

    @property
    def touched(self) -> set[str]:
        """Normal names of entries written in this run: a sweep must leave them."""
        for table in self._added:
            self._touched.update(row.normal for row in table.rows())
        self._added.clear()
        return self._touched

    def all(self, kind: ReplicatedKind) -> dict[bytes, Entry]:
        """Every replica of a kind by key. Entries of the kind without a key count as foreign."""
        if kind.identity is Identity.FIXED:
            return self._fixed(kind)
        request = SearchRequest(
            kind.target_base, Scope.SUBTREE, kind.target_filter, self._attributes(kind)
        )
        found: dict[bytes, Entry] = {}
        for number, entry in enumerate(self._below(kind, request)):
            key = entry.first(kind.key) or f"foreign {number}".encode()
            if key in found:  # two replicas of one object: keep the first, sweep the other
                key = f"double {number}".encode()
            found[key] = entry
        return found

    def by_keys(self, kind: ReplicatedKind, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """The replicas with these keys."""
        if kind.identity is Identity.FIXED:
            return self._fixed(kind)
        found: dict[bytes, Entry] = {}
        for start in range(0, len(keys), KEYS_PER_SEARCH):
            some = tuple(Equality(kind.key, key) for key in keys[start : start + KEYS_PER_SEARCH])
            request = SearchRequest(
                kind.target_base, Scope.SUBTREE, And((kind.target_filter, Or(some))),
                self._attributes(kind),
            )  # fmt: skip
            for entry in self._below(kind, request):
                key = entry.first(kind.key)
                if key is not None:
                    found[key] = entry
        return found

    def _below(self, kind: ReplicatedKind, request: SearchRequest) -> Iterator[Entry]:
        below = b"," + str(kind.target_base).encode()
        for entry in iterate(self._port, request):
            # the container may be of the kind's class itself
            is_below = isinstance(entry, EncodedEntry) and entry.name.endswith(below)
            if is_below or entry.dn != kind.target_base:
                yield entry

    def _fixed(self, kind: ReplicatedKind) -> dict[bytes, Entry]:
        entry = read(self._port, kind.target_base, self._attributes(kind))
        return {} if entry is None else {b"": entry}

    @staticmethod
    def _attributes(kind: ReplicatedKind) -> tuple[str, ...]:
        return tuple(dict.fromkeys((kind.key, kind.rdn, *kind.managed)))

    def apply(self, changes: Sequence[Step], additions: Sequence[Additions] = ()) -> None:
        """Write planned changes; refusals are counted and reported, the rest goes on.

        Adds may still be on their way afterwards: ``settle`` waits for them.

        Raises:
            TargetRefused: the target refuses everything.
            PortUnavailable: the connection is gone.
        """
        for change in _ORDER:
            steps = [step for step in changes if step[1].change is change]
            if steps and change is Change.DELETE:
                # A name that another object took meanwhile is not to be deleted any more.
                touched = self.touched
                steps = [step for step in steps if step[1].dn.normal not in touched]
            if not steps:
                continue
            if change is not Change.ADD:
                self.settle()
            outcomes = start_writes(self._port, [step[1].requests[0] for step in steps])
            self._go_on(steps, outcomes)
            if change is not Change.ADD:
                self.settle()
        if additions:
            tables = [one.table.added() for one in additions]
            self._go_on(additions, start_adds(self._port, tables))

    def _go_on(self, started: Sequence[Step] | Sequence[Additions], outcomes: Outcomes) -> None:
        """Settle what was started long ago, now that more is on its way."""
        self._started.append((started, outcomes))
        while len(self._started) > STARTED_MAX:
            self._settle(*self._started.popleft())

    def settle(self) -> None:
        """Wait for the answers to adds that are still on their way, and count them.

        Adds depend on nothing but what was there before, so the next ones are made ready meanwhile.
        """
        while self._started:
            self._settle(*self._started.popleft())

    def _settle(self, started: Sequence[Step] | Sequence[Additions], outcomes: Outcomes) -> None:
        found = outcomes()
        tables = [one.table for one in started if isinstance(one, Additions)]
        if tables and not any(found):
            self._failures = _NONE
            self._tally.added += len(found)
            self._added += [table.without_attributes() for table in tables]
            return
        steps = chain.from_iterable(
            one.steps() if isinstance(one, Additions) else (one,) for one in started
        )
        for step, error in zip(steps, found, strict=True):
            if error is None and len(step[1].requests) == 1:
                self._done(step)  # nearly all of them
            else:
                self._conclude(step, error)

    def _done(self, step: Step) -> None:
        _, change, desired = step
        self._failures = _NONE
        self._tally.done(change.change)
        if desired is not None:
            self._touched.add(desired.normal)

    def _conclude(self, step: Step, error: LdapError | None) -> None:
        """What follows a step's first request: the others, a way out, or the count."""
        kind, change, desired = step
        try:
            if error is not None:
                if not self._recover(kind, change, desired, error):
                    self.blocked.append(step)
                    return
            else:
                for request in change.requests[1:]:
                    write(self._port, request)
        except LdapError as refusal:
            self._refused(change, refusal)
            return
        self._done(step)

    def _recover(
        self, kind: ReplicatedKind, change: PlannedChange, desired: Projection | None,
        error: LdapError,
    ) -> bool:  # fmt: skip
        """Take the way out of a refusal, if there is one; False: try again when names are free."""
        if change.change is Change.DELETE:
            if error.code is ResultCode.NO_SUCH_OBJECT:
                return True  # gone already: that is what was wanted
            if error.code is ResultCode.NOT_ALLOWED_ON_NON_LEAF:
                write(self._port, change.requests[0], (TreeDelete(critical=True),))
                return True
        if error.code is ResultCode.ENTRY_ALREADY_EXISTS and desired is not None:
            return self._adopt(kind, change, desired, error)
        raise error

    def finish(self) -> None:
        """Give blocked adds and moves their names, now that every other change is made.

        Objects that swapped names block each other, so all step aside first. A run that breaks
        off here leaves replicas under their keys as names; the next one finds and moves them.
        """
        self.settle()
        blocked, self.blocked = self.blocked, []
        aside = [(step, self._step_aside(step)) for step in blocked]
        for step, requests in aside:
            try:
                for request in requests:
                    write(self._port, request)
            except LdapError as error:
                self._refused(step[1], error)
            else:
                self._done(step)

    def _step_aside(self, step: Step) -> tuple[Write, ...]:
        """Move a blocked replica to a name nobody wants; returns what is then to be done."""
        kind, change, desired = step
        first = change.requests[0]
        if not isinstance(first, ModifyDnRequest) or desired is None:
            return change.requests
        name = desired.key.decode() if kind.key_is_text else desired.key.hex()
        parked = DN(()).child(first.new_rdn.rdn.type, name)
        try:
            write(self._port, replace(first, new_rdn=parked))
        except LdapError:
            return change.requests  # then the move itself will say why
        dn = DN(parked.rdns + (first.new_superior or first.dn.parent).rdns)
        return (replace(first, dn=dn), *change.requests[1:])

    def _adopt(
        self, kind: ReplicatedKind, change: PlannedChange, desired: Projection, error: LdapError
    ) -> bool:
        """Take over an entry that somebody made by hand; another object's replica is not ours."""
        entry = read(self._port, desired.dn, ("objectClass", *self._attributes(kind)))
        if entry is None:
            raise error
        if entry.first(kind.key) not in {None, desired.key}:
            return False
        if change.change is Change.MOVE:
            old = change.requests[0]
            assert isinstance(old, ModifyDnRequest)
            write(self._port, DeleteRequest(old.dn))
        modifications = differences(kind, entry, desired)
        present = {value.lower() for value in entry.values("objectClass")}
        missing = tuple(name for name in kind.classes if name.lower() not in present)
        if missing:
            modifications = (add("objectClass", *missing), *modifications)
        if modifications:
            write(self._port, ModifyRequest(desired.dn, modifications))
        return True

    def _refused(self, change: PlannedChange, error: LdapError) -> None:
        entry_error = EntryError(str(change.dn), error.code.rfc_name, error.diagnostic)
        self._tally.refuse(entry_error)
        self._on_error(entry_error)
        code, count = self._failures
        count = count + 1 if code is error.code else 1
        self._failures = (error.code, count)
        if count >= CONSECUTIVE_FAILURES_MAX:
            raise TargetRefused(
                f"the target refused {count} entries in a row: {error}",
                "it may be read-only, full, or the account may lack rights",
            ) from error
