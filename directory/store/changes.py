"""What happened, in the order of USNs: for replication by id, for people with values."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from directory.store.entry import Author, StoredEntry

COMPACT_MIN = 4096
"""Superseded positions kept before the log is worth compacting."""

VERSIONS_MAX = 20_000
"""Earlier versions of entries kept, over all entries, where there is no journal to read them from:
some ten MiB."""

VERSIONS_BESIDE_JOURNAL = 2_000
"""The same where there is one: as many as a start reads, so that a fork can tell of them too."""

REMOVALS_MAX = 100_000
"""Removed entries remembered for content synchronization; older cookies get a full refresh."""


class ChangeKind(StrEnum):
    """What a change did."""

    ADD = "add"
    MODIFY = "modify"
    MODIFY_DN = "modifyDN"
    DELETE = "delete"


class ValueChange(NamedTuple):
    """One attribute before and after."""

    before: tuple[bytes, ...]
    after: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change: what, to which entry, when, by whom, doing what."""

    usn: int
    kind: ChangeKind
    guid: UUID
    dn: str
    attributes: Mapping[str, ValueChange]
    at: datetime
    author: Author
    dn_before: str | None = None


class Removal(NamedTuple):
    """An entry that is gone for good, and when."""

    usn: int
    entry: StoredEntry
    at: int
    author: Author


class ChangeLog:
    """USNs and the entries they went to. An entry changed again is skipped at its old position."""

    def __init__(self) -> None:
        self._usns = array("Q")
        self._ids = array("I")
        self.removals: deque[Removal] = deque(maxlen=REMOVALS_MAX)
        self.removals_forgotten_to = 0
        self._versions: deque[StoredEntry] = deque()
        self.cuts = 0
        """How often changes were undone: their USNs are given again."""

    def copy(self) -> ChangeLog:
        """A log that can grow without this one noticing."""
        other = ChangeLog()
        other._usns = self._usns[:]
        other._ids = self._ids[:]
        other.removals = self.removals.copy()
        other.removals_forgotten_to = self.removals_forgotten_to
        other._versions = self._versions.copy()
        return other

    def append(self, usn: int, id_: int) -> None:
        """Note that a change of this USN went to an entry."""
        self._usns.append(usn)
        self._ids.append(id_)

    def extend(self, usns: Iterable[int], ids: Iterable[int]) -> None:
        """Note changes of many entries, one USN each."""
        self._usns.extend(usns)
        self._ids.extend(ids)

    def append_removal(self, removal: Removal) -> None:
        """Note that an entry is gone."""
        if len(self.removals) == self.removals.maxlen:
            self.removals_forgotten_to = self.removals[0].usn
        self.removals.append(removal)

    def remember(self, entry: StoredEntry, at_most: int) -> None:
        """Keep an entry's earlier version, and let go of the oldest when there are too many."""
        if entry.previous is not None:
            entry.previous.cached = None  # nobody searches the past; a fork makes it again
        self._versions.append(entry)
        while len(self._versions) > at_most:
            self._versions.popleft().previous = None

    def cut(self, usn: int) -> None:
        """Forget everything above a USN: those changes were undone."""
        self.cuts += 1
        keep = bisect_right(self._usns, usn)
        del self._usns[keep:]
        del self._ids[keep:]
        while self.removals and self.removals[-1].usn > usn:
            self.removals.pop()
        while self._versions and self._versions[-1].changed > usn:
            self._versions.pop()

    def since(self, usn: int, through: int) -> Iterator[tuple[int, int]]:
        """(USN, id) of changes above ``usn`` up to ``through``, oldest first."""
        usns, ids = self._usns, self._ids
        for at in range(bisect_right(usns, usn), len(usns)):
            if usns[at] > through:
                return
            yield usns[at], ids[at]

    def newest_first(self) -> Iterator[int]:
        """Ids of changed entries, the latest change first."""
        return reversed(self._ids)

    def removed_since(self, usn: int, through: int) -> Iterator[Removal]:
        """Entries that went for good above ``usn`` up to ``through``."""
        for removal in self.removals:
            if usn < removal.usn <= through:
                yield removal

    def compact(self, entries: list[StoredEntry | None]) -> None:
        """Drop positions that a later change of the same entry superseded, when they are many."""
        if len(self._usns) < 2 * len(entries) + COMPACT_MIN:
            return
        usns = array("Q")
        ids = array("I")
        for usn, id_ in zip(self._usns, self._ids, strict=True):
            entry = entries[id_]
            if entry is not None and entry.changed == usn:
                usns.append(usn)
                ids.append(id_)
        self._usns, self._ids = usns, ids
