"""One job, once: read what changed, project, plan, apply, commit. The engine never sleeps.

The order that keeps everything safe: the cursor is read *before* the objects; the new cursor is
written *after* them, by the Modify that proves the lease is still ours. What is lost in between
is read again, and found equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID

from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import And, Equality, Filter, Or
from directory.model.messages import SearchRequest
from directory.store.bulk import without_collector
from edgesync.errors import LeaseLost, RefusedByRule, SourceRefused
from edgesync.port.port import DirectoryIdentity, DirectoryPort, pages
from edgesync.sync.alike import AlikeProjector, ProjectedTable
from edgesync.sync.context import StopRequested
from edgesync.sync.cursor import Cursor, FeedKind, RefreshReason, refresh_reason
from edgesync.sync.feed import Feed, RefreshRequired, SourceChange, in_pages
from edgesync.sync.kinds import Identity, ReplicatedKind
from edgesync.sync.plan import Change, PlannedChange, plan
from edgesync.sync.project import Projection, Projector, key_of
from edgesync.sync.report import EntryError, Mode, Tally
from edgesync.sync.source import choose_feed
from edgesync.sync.target import Additions, Step, Target

GUIDS_PER_SEARCH = 200
"""Alternatives in one filter when changed objects are read again."""

BATCH = 500
"""Changes written between two looks at the lease, the clock and a request to stop."""

PAGES_MAX = 100_000
"""Most pages of one incremental run: 10^8 changes; a feed that never ends is broken."""

Progress = Callable[[Mapping[str, Any]], None]


@dataclass(slots=True)
class JobRun:
    """One job in the making: what it may use, and what it has counted so far."""

    job: str
    kinds: tuple[ReplicatedKind, ...]
    source: DirectoryPort
    target_port: DirectoryPort
    now: datetime
    cookie_valid: timedelta
    what_if: bool = False
    delete_threshold: int | None = None
    on_error: Callable[[EntryError], None] = lambda _error: None
    between: Callable[[], None] = lambda: None
    """Called between batches: renews the lease, or raises to stop."""
    save: Callable[[Cursor], None] = lambda _cursor: None
    """Called when a page of changes is done and the cursor may move with it."""
    progress: Progress = lambda _step: None
    stopwatch: Callable[[], float] = lambda: 0.0
    """Seconds from any start, for the rate and the time that is left."""
    tally: Tally = field(default_factory=Tally)
    planned: list[PlannedChange] = field(default_factory=list)
    mode: Mode = Mode.INCREMENTAL
    reason: RefreshReason | None = None
    cursor: Cursor | None = None
    """Where the source stood; only to be kept if nothing failed."""
    saved: Cursor | None = None
    """The last cursor that moved with its page, while the run went on."""
    _target: Target | None = None
    _projectors: dict[str, Projector] = field(default_factory=dict)
    _started_s: float = 0.0
    _expected: int = 0
    """Objects a full comparison will look at, as far as the target tells; 0: nobody knows."""
    _by_entry_uuid: bool = False
    """Whether the feed knows objects by entryUUID (RFC 4530) and not by objectGUID."""

    @property
    def target(self) -> Target:
        """The target, through this run's counters."""
        if self._target is None:
            self._target = Target(self.target_port, self.tally, self.on_error)
        return self._target

    def _projector(self, kind: ReplicatedKind) -> Projector:
        if kind.name not in self._projectors:
            self._projectors[kind.name] = Projector(kind)
        return self._projectors[kind.name]

    def execute(self, stored: Mapping[tuple[str, DN], Cursor], *, full: bool = False) -> None:
        """Bring the target up to date, incrementally if the stored cursor allows.

        Raises:
            RefusedByRule: the delete threshold; nothing was written.
            SourceRefused, TargetRefused, PortUnavailable: what was written stays, the cursor
                does not move.
        """
        self._started_s = self.stopwatch()
        feed, identity = self._feed()
        self._by_entry_uuid = feed.kind is FeedKind.CONTENT_SYNC
        before = stored.get((self.job, feed.base))
        self.reason = (
            RefreshReason.REQUESTED
            if full
            else refresh_reason(before, feed.kind, identity, self.now, self.cookie_valid)
        )
        try:
            if self.reason is None:
                assert before is not None
                self.reason = self._incremental(feed, before)
            if self.reason is not None:
                self._full(feed)
        except (StopRequested, LeaseLost, SourceRefused):
            self.target.settle()  # what was on its way is counted too
            raise

    def _feed(self) -> tuple[Feed, DirectoryIdentity]:
        base = self.kinds[0].source_base
        for kind in self.kinds[1:]:
            while not kind.source_base.is_within(base):
                base = base.parent
        watched = dict.fromkeys(
            name
            for kind in self.kinds
            for name in (*kind.source_attributes, *attributes_of(kind.source_filter))
        )
        return choose_feed(self.source, self.job, base, tuple(watched))

    # incremental ---------------------------------------------------------------------------

    def _incremental(self, feed: Feed, cursor: Cursor) -> RefreshReason | None:
        self.mode = Mode.INCREMENTAL
        held: list[Step] = []
        for _ in range(PAGES_MAX):
            page = feed.read(cursor, self.now)
            if isinstance(page, RefreshRequired):
                return page.reason
            for changes in in_pages(page.changes):
                steps = list(self._steps(changes))
                if self.delete_threshold is None:
                    self._write(steps)
                else:
                    held += steps
            if page.present is not None:
                held += self._absent(page.present)
            cursor = self.cursor = page.cursor
            self.target.settle()
            if not page.more:
                self._write(held)
                self._finish()
                return None
            if not (held or self.tally.failed or self.target.blocked or self.what_if):
                self.save(cursor)
                self.saved = cursor
        raise SourceRefused(
            f"the source's changes did not end after {PAGES_MAX} pages", "look at its log"
        )

    def _steps(self, changes: Sequence[SourceChange]) -> Iterator[Step]:
        guids = [change.guid for change in changes]
        alive = [change.guid for change in changes if not change.deleted]
        self.tally.scanned += len(guids)
        for kind in self.kinds:
            wanted = self._read_again(kind, alive)
            if kind.identity is Identity.FIXED:
                if not wanted:
                    continue
                desired = next(iter(wanted.values()))
                current = self.target.by_keys(kind, ()).get(b"")
                step = plan(kind, current, desired)
                if step is not None:
                    yield kind, step, desired
                continue
            keys = dict.fromkeys(key_of(kind, guid) for guid in guids)
            present = self.target.by_keys(kind, tuple(keys))
            for key in keys:
                desired_or_none = wanted.get(key)
                step = plan(kind, present.get(key), desired_or_none)
                if step is not None:
                    yield kind, step, desired_or_none

    def _read_again(self, kind: ReplicatedKind, guids: Sequence[UUID]) -> dict[bytes, Projection]:
        """The present state of changed objects that are in a kind's scope, by key."""
        found: dict[bytes, Projection] = {}
        projector = self._projector(kind)
        for start in range(0, len(guids), GUIDS_PER_SEARCH):
            some = tuple(
                Equality("entryUUID", str(guid).encode())
                if self._by_entry_uuid
                else Equality("objectGUID", guid.bytes_le)
                for guid in guids[start : start + GUIDS_PER_SEARCH]
            )
            request = SearchRequest(
                kind.source_base, kind.source_scope, And((kind.source_filter, Or(some))),
                kind.source_attributes,
            )  # fmt: skip
            for entry in self._source_entries(request):
                desired = projector.project(entry)
                found[desired.key] = desired
        return found

    def _absent(self, present: frozenset[UUID]) -> list[Step]:
        """Replicas whose objects a present phase did not name."""
        steps: list[Step] = []
        for kind in self.kinds:
            if kind.identity is Identity.FIXED:
                continue
            left = {key_of(kind, guid) for guid in present}
            for key, entry in self.target.all(kind).items():
                if key not in left:
                    step = plan(kind, entry, None)
                    if step is not None:
                        steps.append((kind, step, None))
        return steps

    # full ----------------------------------------------------------------------------------

    def _full(self, feed: Feed) -> None:
        self.mode = Mode.FULL
        cursor = feed.position(self.now)
        held: list[Step | Additions] = []
        with without_collector(lambda: self.tally.added):
            for kind in self.kinds:
                for steps in self._compare(kind):
                    if self.delete_threshold is None:
                        self._write(steps)
                    else:
                        held += steps
            self._write(held)
            self._finish()
        self.cursor = cursor

    def _compare(self, kind: ReplicatedKind) -> Iterator[list[Step | Additions]]:
        """Mark and sweep: every source object against its replica, then what is left over."""
        have = self.target.all(kind)
        self._expected = self.tally.scanned + len(have)
        request = SearchRequest(
            kind.source_base, kind.source_scope, kind.source_filter, kind.source_attributes
        )
        projector = AlikeProjector(self._projector(kind))
        steps: list[Step | Additions] = []
        for page in self._source_pages(request):
            self.tally.scanned += len(page)
            for projected in projector.project(page):
                if isinstance(projected, ProjectedTable):
                    steps += self._compare_alike(kind, projected, have)
                    continue
                step = plan(kind, have.pop(projected.key, None), projected)
                if step is not None:
                    steps.append((kind, step, projected))
            if _entries_of(steps) >= BATCH:
                yield steps
                steps = []
            else:
                self._report()  # comparing takes time too, with nothing to write
        if kind.identity is not Identity.FIXED:
            # Sweeping first frees names for objects that were deleted and made anew.
            for left in have.values():
                step = plan(kind, left, None)
                if step is not None:
                    steps.append((kind, step, None))
        yield steps

    def _compare_alike(
        self, kind: ReplicatedKind, table: ProjectedTable, have: dict[bytes, Entry]
    ) -> Iterator[Step | Additions]:
        """What to do about objects that are alike: in a first run all are added."""
        missing: list[int] | None = None
        if have or len(set(table.keys)) < len(table.keys):
            missing = []
            for at, key in enumerate(table.keys):
                current = have.pop(key, None)
                if current is None:
                    missing.append(at)
                    continue
                desired = table.row(at)
                step = plan(kind, current, desired)
                if step is not None:
                    yield kind, step, desired
        left = table if missing is None else table.only(missing)
        for start in range(0, len(left.keys), BATCH):
            yield Additions(kind, left.part(start, start + BATCH))

    def _source_entries(self, request: SearchRequest) -> Iterator[Entry]:
        return chain.from_iterable(self._source_pages(request))

    def _source_pages(self, request: SearchRequest) -> Iterator[Sequence[Entry]]:
        try:
            yield from pages(self.source, request)
        except LdapError as error:
            if error.code is ResultCode.NO_SUCH_OBJECT:
                hint = "nothing was deleted for it; check the base of the job"
            else:
                hint = "the account may lack rights, or the source may be busy"
            raise SourceRefused(f"reading {request.base}: {error}", hint) from error

    # writing -------------------------------------------------------------------------------

    def _write(self, steps: Sequence[Step | Additions]) -> None:
        if self.what_if:
            changes = [change for step in steps for change in _changes(step)]
            self.planned += changes
            for change in changes:
                self.tally.done(change.change)
            self._check_threshold(sum(c.change is Change.DELETE for c in self.planned))
            return
        single = [step for step in steps if not isinstance(step, Additions)]
        self._check_threshold(sum(change.change is Change.DELETE for _, change, _ in single))
        for start in range(0, len(single), BATCH):
            self._apply(single[start : start + BATCH], ())
        together: list[Additions] = []
        for step in steps:
            if isinstance(step, Additions):
                together.append(step)
                if _entries_of(together) >= BATCH:
                    self._apply((), together)
                    together = []
        if together:
            self._apply((), together)

    def _apply(self, steps: Sequence[Step], additions: Sequence[Additions]) -> None:
        self.target.apply(steps, additions)
        self._report()
        self.between()

    def _finish(self) -> None:
        """Resolve names that blocked each other, once everything else is written."""
        self.target.finish()

    def _report(self) -> None:
        """Tell how far it is, how fast, and how long it will take if that can be known."""
        done, seconds = self.tally.scanned, self.stopwatch() - self._started_s
        step: dict[str, Any] = {"phase": self.job, "done": done, "written": self.tally.written}
        rate = done / seconds if seconds > 0 else 0.0
        if rate:
            step["rate"] = round(rate, 1)
        if self._expected > done:
            step["total"] = self._expected
            if rate:
                step["remaining_s"] = round((self._expected - done) / rate, 1)
        self.progress(step)

    def _check_threshold(self, deletes: int) -> None:
        if self.delete_threshold is not None and deletes > self.delete_threshold:
            raise RefusedByRule(
                f"{deletes} deletes are more than the threshold of {self.delete_threshold}",
                "edgesync sync plan shows them; raise --delete-threshold if they are right",
            )


def _entries_of(steps: Sequence[Step | Additions]) -> int:
    return sum(len(step.table.keys) if isinstance(step, Additions) else 1 for step in steps)


def _changes(step: Step | Additions) -> Iterator[PlannedChange]:
    for _, change, _ in step.steps() if isinstance(step, Additions) else (step,):
        yield change


def attributes_of(filter_: Filter) -> Iterator[str]:
    """Attribute names a filter looks at: a change of one can change who is in scope."""
    if isinstance(filter_, And | Or):
        for part in filter_.filters:
            yield from attributes_of(part)
    elif hasattr(filter_, "filter"):
        yield from attributes_of(filter_.filter)
    elif (name := getattr(filter_, "name", None)) is not None:
        yield name
