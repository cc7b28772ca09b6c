"""The store: entries in a tree, indexes, a change log, one writer, and a journal behind it.

It has no rules about content; schema and access are the DSA's business. A write is *apply,
journal, publish*: versions are immutable, so that what the journal refuses is undone by putting
the old versions back. Nothing above ``committed_usn`` is shown to readers of the change log.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Protocol

from directory.errors import JournalError
from directory.model.dn import DN
from directory.model.filter import Filter
from directory.model.messages import Scope
from directory.schema.profiles import SchemaProfile
from directory.schema.schema import Attribute
from directory.store.candidates import Certainty, Plan
from directory.store.changes import (
    VERSIONS_BESIDE_JOURNAL,
    VERSIONS_MAX,
    Change,
    ChangeLog,
    Removal,
)
from directory.store.computed import ComputedAttributes
from directory.store.dit import TOP, Dit
from directory.store.entry import DELETED, REFERRAL, Author, Shapes, StoredEntry
from directory.store.history import all_versions, as_of, change_of_removal, changes_of, versions
from directory.store.index import IndexSet
from directory.store.planner import plan_filter
from directory.store.verify import Disagreement, verify
from directory.store.writer import Step, Writer

COMMON_SYNTAXES = frozenset((
    "1.3.6.1.4.1.1466.115.121.1.38", "1.3.6.1.4.1.1466.115.121.1.27",
    "1.3.6.1.4.1.1466.115.121.1.7", "1.2.840.113556.1.4.906",
))  # fmt: skip
"""Object identifiers, integers and booleans: few values, much repeated."""


class JournalPort(Protocol):
    """What the store needs of a journal."""

    def write(self, steps: Sequence[Step], meta: dict[str, str]) -> None:
        """Make steps durable, all or none; raise JournalError otherwise."""
        ...

    def earlier_versions(self, store: Store, version: StoredEntry) -> Iterator[StoredEntry]:
        """Versions of an entry before one of them, newest first, read as they are asked for."""
        ...

    def disagreements(self, store: Store) -> list[Disagreement]:
        """What the file says differently from memory."""
        ...

    def restored(self, store: Store, before: Store) -> None:
        """Make the file what the store became by going back to a snapshot."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


class Store:
    """Everything one directory holds."""

    def __init__(self, profile: SchemaProfile, computed: ComputedAttributes) -> None:
        self.profile = profile
        self.schema = profile.schema
        self.computed = computed
        self.unsearchable = profile.secret
        self.dit = Dit()
        self.indexes = IndexSet(
            self._attributes(profile.indexed), self._attributes(profile.on_demand), self.dit.live
        )
        self.shapes = Shapes(
            frozenset(a.name for a in self.schema.attributes if a.type.syntax in COMMON_SYNTAXES)
        )
        self.log = ChangeLog()
        self.guids: dict[bytes, int] = {}
        self.deleted: dict[int, None] = {}
        self.referrals: dict[int, None] = {}
        self.meta: dict[str, str] = {}
        self.usn = 0
        self.committed_usn = 0
        self.last_at = 0
        self.journal: JournalPort | None = None
        self.lock = threading.RLock()
        self.watchers: list[Callable[[Sequence[Step]], None]] = []
        self._pending: list[Step] = []
        self._pending_meta: dict[str, str] = {}

    def _attributes(self, names: Iterable[str]) -> list[Attribute]:
        found = [self.schema.attribute(name) for name in names]
        return [attribute for attribute in found if attribute is not None]

    # reading ---------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many entries there are, tombstones included."""
        return self.dit.count

    def find(self, dn: DN) -> StoredEntry | None:
        """The entry of a name."""
        return self.dit.find(dn.normal)

    def by_guid(self, guid: bytes) -> StoredEntry | None:
        """The entry of an objectGUID in AD's byte order."""
        id_ = self.guids.get(guid)
        return None if id_ is None else self.dit.by_id(id_)

    def parent(self, entry: StoredEntry) -> StoredEntry | None:
        """The entry above; None for the top of a naming context."""
        return self.dit.by_id(entry.place.parent)

    def uses(self, name: str) -> bool:
        """Whether an attribute is, or ever was, in an entry: cheap, and never wrong with no."""
        return self.shapes.uses(name)

    def explain(self, filter: Filter) -> Plan:  # noqa: A002 - the noun of RFC 4511
        """How a filter would be answered."""
        with self.lock:
            return plan_filter(self, filter)

    def collect(
        self,
        base: StoredEntry | None,
        scope: Scope,
        filter: Filter,  # noqa: A002
    ) -> tuple[list[StoredEntry], Filter | None]:
        """Entries in scope that may match at this moment, and what is left to test, if anything.

        Entries are versions that stay as they are, so testing them can take its time.
        """
        with self.lock:
            top = TOP if base is None else base.id
            if scope is Scope.BASE:
                return ([base] if base is not None else []), filter
            plan = plan_filter(self, filter)
            candidates = plan.candidates
            if candidates.certainty is Certainty.ALL_IDS:
                return self._in_scope(base, scope), filter
            exact = candidates.certainty is Certainty.EXACT
            rest = None if exact else plan.rest or filter
            entries = self.dit.entries
            found = [entry for id_ in candidates.ids if (entry := entries[id_]) is not None]
            if scope is Scope.ONE:
                found = [entry for entry in found if entry.place.parent == top]
            elif top != TOP:
                found = [e for e in found if top in e.place.path or e.id == top]
                if scope is Scope.CHILDREN:
                    found = [entry for entry in found if entry.id != top]
            return found, rest

    def _in_scope(self, base: StoredEntry | None, scope: Scope) -> list[StoredEntry]:
        id_ = TOP if base is None else base.id
        if scope is Scope.ONE:
            return list(self.dit.children(id_))
        own = [] if base is None or scope is Scope.CHILDREN else [base]
        return own + self.dit.subtree(id_)

    def forward_link(self, name: str) -> str | None:
        """The forward link of a back link."""
        return next((f for f, back in self.profile.links.items() if back == name), None)

    def link_sources(self, id_: int, name: str) -> list[int]:
        """Ids of entries whose attribute names this entry."""
        target = self.dit.by_id(id_)
        index = self.indexes.index(name)
        if target is None or index is None:
            return []
        return list(index.ids(target.normal.encode()))

    def link_targets(self, id_: int, name: str) -> list[int]:
        """Ids of entries that this entry's attribute names."""
        source = self.dit.by_id(id_)
        if source is None:
            return []
        targets = [self.find(DN.parse(value.decode())) for value in source.values(name)]
        return [target.id for target in targets if target is not None]

    # the past --------------------------------------------------------------------------------

    def changes_since(self, usn: int) -> Iterator[StoredEntry]:
        """Entries as they are now whose last committed change is above a USN, in USN order.

        Costs what changed, not what is there. Only durable changes are shown.
        """
        entries = self.dit.entries
        for changed, id_ in self.log.since(usn, self.committed_usn):
            entry = entries[id_]
            if entry is not None and entry.changed == changed:
                yield entry

    def _past(self, entry: StoredEntry) -> Iterator[StoredEntry]:
        if self.journal is None:
            return versions(entry)
        return all_versions(entry, partial(self.journal.earlier_versions, self), self.lock)

    def latest_changes(self, entry: StoredEntry) -> Iterator[Change]:
        """Changes of an entry, the latest first; costs what the caller looks at."""
        return changes_of(self._past(entry), self.unsearchable)

    def history(self, entry: StoredEntry) -> list[Change]:
        """Every change of an entry, oldest first: attributes before and after, when, by whom."""
        with self.lock:
            return [*self.latest_changes(entry)][::-1]

    def changes(self, since: int = 0) -> list[Change]:
        """Every committed change above a USN, oldest first."""
        with self.lock:
            touched = {id_ for _, id_ in self.log.since(since, self.committed_usn)}
            present = [entry for id_ in sorted(touched) if (entry := self.dit.entries[id_])]
            found = [change for entry in present for change in self.history(entry)]
            removed = list(self.log.removed_since(since, self.committed_usn))
            for removal in removed:
                earlier = changes_of(versions(removal.entry), self.unsearchable)
                found += [change for change in earlier if change.usn != removal.usn]
                found.append(change_of_removal(removal, self.unsearchable))
            return sorted((c for c in found if c.usn > since), key=lambda change: change.usn)

    def as_of(self, entry: StoredEntry, usn: int) -> StoredEntry | None:
        """An entry as it was right after a USN; None when it was not there yet."""
        return as_of(self._past(entry), usn) if entry.created <= usn else None

    # writing ---------------------------------------------------------------------------------

    def write(self, author: Author, at: int, *, commit: bool = True) -> Writer:
        """Change entries in a ``with`` block: all changes of the block happen, or none.

        With ``commit=False`` they are in memory, and durable after the next ``flush``.
        """
        return Writer(self, author, at, commit=commit)

    def keep(self, writer: Writer) -> None:
        """Take over what a block wrote."""
        self._pending += writer.steps
        if writer.meta:
            self._pending_meta.update(writer.meta)
            self.meta.update(writer.meta)
        if writer.commit:
            self.flush()

    def flush(self) -> None:
        """Make every change durable and show it to readers of the change log.

        Raises:
            JournalError: when the journal refuses; everything not yet durable is undone.
        """
        with self.lock:
            steps, self._pending = self._pending, []
            meta, self._pending_meta = self._pending_meta, {}
            if not steps and not meta:
                return
            if self.journal is not None:
                try:
                    self.journal.write(steps, meta)
                except JournalError:
                    self.undo(steps)
                    raise
            self.committed_usn = self.usn
            self.log.compact(self.dit.entries)
            for watcher in self.watchers:
                watcher(steps)

    def rollback(self) -> None:
        """Undo every change that is not durable yet (a file that loads as a whole or not)."""
        with self.lock:
            steps, self._pending = self._pending, []
            self._pending_meta = {}
            self.undo(steps)

    @property
    def has_pending(self) -> bool:
        """Whether changes wait for a flush."""
        return bool(self._pending or self._pending_meta)

    def insert(self, entry: StoredEntry) -> None:
        """Bring a new entry into memory."""
        self.dit.put(None, entry)
        self.indexes.insert(entry)
        self.guids[entry.guid] = entry.id
        if entry.flags:
            self._note_flags(entry, 0, entry.flags)

    def apply(self, step: Step) -> None:
        """Bring memory from the old version of an entry to the new one."""
        old, new = step.old, step.new
        if old is None:
            assert new is not None
            self.insert(new)
            return
        self.dit.put(old, new)
        self.indexes.update(old, new)
        after = 0
        if new is None:
            self.guids.pop(old.guid, None)
        else:
            after = new.flags
        if old.flags != after:
            self._note_flags(old, old.flags, after)

    def replace(self, step: Step) -> None:
        """``apply`` and ``record`` a change of values alone, to be made durable by ``flush``."""
        old, new = step.old, step.new
        assert old is not None
        assert new is not None
        self.dit.entries[new.id] = new
        self.indexes.update(old, new)
        self.record(step)
        self._pending.append(step)

    def _note_flags(self, entry: StoredEntry, before: int, after: int) -> None:
        for flag, ids in ((DELETED, self.deleted), (REFERRAL, self.referrals)):
            if after & flag:
                ids[entry.id] = None
            elif before & flag:
                ids.pop(entry.id, None)

    def record(self, step: Step) -> None:
        """Note a step that has a USN of its own in the change log."""
        if step.new is None:
            assert step.old is not None
            self.log.append_removal(Removal(step.usn, step.old, step.at, step.author))
            return
        self.log.append(step.usn, step.new.id)
        if step.new.previous is not None:
            beside = self.journal is not None
            self.log.remember(step.new, VERSIONS_BESIDE_JOURNAL if beside else VERSIONS_MAX)

    def undo(self, steps: Sequence[Step]) -> None:
        """Bring memory back to before these steps."""
        for step in reversed(steps):
            self.apply(Step(step.new, step.old, 0, 0, step.author))
        usns = [step.usn for step in steps if step.usn]
        if usns:
            self.usn = min(usns) - 1
            self.log.cut(self.usn)

    # copies ----------------------------------------------------------------------------------

    def fork(self) -> Store:
        """A store that goes its own way, in memory only. Entries are shared, never copied."""
        with self.lock:
            other = Store(self.profile, self.computed)
            other.become(self)
            other.dit = self.dit.copy()
            other.indexes = self.indexes.copy(other.dit.live)
            other.log = self.log.copy()
            other.guids, other.meta = self.guids.copy(), self.meta.copy()
            other.deleted, other.referrals = self.deleted.copy(), self.referrals.copy()
            other.committed_usn = self.usn
            return other

    def restore(self, snapshot: Store) -> None:
        """Become what a snapshot (a fork) was; the snapshot stays good for another time.

        Raises:
            JournalError: when the journal refuses; nothing has changed then.
        """
        with self.lock:
            self.flush()
            journal = self.journal
            copy = snapshot.fork()
            if journal is not None:
                journal.restored(copy, self)
            self.become(copy)

    def become(self, other: Store) -> None:
        """Hold the very objects another store does; journal, lock and watchers are one's own."""
        # by name: compiled classes have no __dict__; tests/unit/store/test_copies.py counts them
        self.profile, self.schema, self.computed = other.profile, other.schema, other.computed
        self.unsearchable, self.dit, self.indexes = other.unsearchable, other.dit, other.indexes
        self.shapes, self.log, self.guids = other.shapes, other.log, other.guids
        self.deleted, self.referrals, self.meta = other.deleted, other.referrals, other.meta
        self.usn, self.committed_usn, self.last_at = other.usn, other.committed_usn, other.last_at
        self._pending, self._pending_meta = [], {}

    def verify(self) -> list[Disagreement]:
        """Every place where memory, indexes and journal disagree; none is the good answer."""
        return verify(self)

    def close(self) -> None:
        """Flush, and let go of the journal."""
        with self.lock:
            try:
                self.flush()
            finally:
                if self.journal is not None:
                    self.journal.close()
                    self.journal = None
