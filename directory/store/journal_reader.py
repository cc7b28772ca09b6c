"""Read a journal back: entries as they are, what changed them since, and their past when asked."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from directory.errors import JournalCorrupt
from directory.model.dn import DN
from directory.store.bulk import PROGRESS_ENTRIES, silent, without_collector
from directory.store.changes import VERSIONS_MAX, Removal
from directory.store.dit import TOP
from directory.store.entry import Author, Place, StoredEntry
from directory.store.rows import ChangeRow, bring_forward, entry_from_row, version_before
from directory.store.store import Store

RECENT_CHANGES = 2000
"""Changes whose earlier versions are read at start-up; older ones are when somebody asks."""

FORMAT_KEY, FOLDED_KEY = "format", "folded"
"""What the journal keeps about itself among the directory's own facts: the version of the tables,
and the USN up to which every change is in its entry's row."""

_Later = dict[int, list[tuple[int, int, int, bytes]]]
"""By entry: USN, time, author and what was changed, oldest first."""


class JournalReader:
    """Reads one journal's file; nothing is written."""

    def __init__(
        self, path: Path, connection: sqlite3.Connection, authors: Mapping[Author, int]
    ) -> None:
        self._path = path
        self._connection = connection
        self._authors = authors
        self.unfolded: dict[int, StoredEntry] = {}
        """Entries whose rows are behind what was loaded."""

    def load(self, store: Store, report: Callable[[str], None] = silent) -> None:
        """Fill an empty store with every acknowledged change; ``report`` is told how far it is.

        Raises:
            JournalCorrupt: when the file does not agree with itself.
        """
        connection = self._connection
        try:
            meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
            folded = int(meta.pop(FOLDED_KEY, 0))
            store.meta.update(meta)
            later = self._later(folded)
            with without_collector(lambda: store.count):
                self._load_entries(store, later, report)
            highest = connection.execute("SELECT max(usn), max(at) FROM change").fetchone()
            store.usn = store.committed_usn = highest[0] or 0
            store.last_at = highest[1] or 0
            self._load_log(store)
            self._load_recent_versions(store)
        except (sqlite3.DatabaseError, KeyError, IndexError, ValueError, TypeError) as error:
            raise JournalCorrupt(f"{self._path} does not agree with itself: {error}") from error

    def _later(self, folded: int) -> _Later:
        """Changes that are not in their entries' rows, or were not when this was last looked at."""
        later: _Later = defaultdict(list)
        for usn, id_, at, author, after in self._connection.execute(
            "SELECT usn, entry, at, author, after FROM change "
            "WHERE usn > ? AND after IS NOT NULL ORDER BY usn", (folded,)
        ):  # fmt: skip
            later[id_].append((usn, at, author, after))
        return later

    def _bring_forward(
        self, store: Store, entry: StoredEntry, later: _Later, authors: Mapping[int, Author]
    ) -> None:
        for usn, at, author, after in later.get(entry.id, ()):
            if usn > entry.changed:  # what is older was written with the row
                bring_forward(entry, usn, at, authors[author], after, store.shapes)
                self.unfolded[entry.id] = entry

    def _load_entries(self, store: Store, later: _Later, report: Callable[[str], None]) -> None:
        """Superiors may have higher ids than what was moved below them: those wait their turn."""
        authors = {id_: author for author, id_ in self._authors.items()}
        waiting: dict[int, list[Any]] = {}
        for row in self._connection.execute("SELECT * FROM entry ORDER BY id"):
            ready = [row]
            while ready:
                row = ready.pop()  # noqa: PLW2901 - the rows that waited for this one follow it
                parent = None if row[1] == TOP else store.dit.by_id(row[1])
                if parent is None and row[1] != TOP:
                    waiting.setdefault(row[1], []).append(row)
                    continue
                place = store.dit.place_below(parent)
                entry = entry_from_row(row, place, store.shapes, authors)
                if later:
                    self._bring_forward(store, entry, later, authors)
                store.insert(entry)
                if not store.count % PROGRESS_ENTRIES:
                    report(f"{self._path.name}: {store.count} entries")
                ready += waiting.pop(entry.id, [])
        if waiting:
            raise JournalCorrupt(
                f"{self._path}: superiors {sorted(waiting)} of some entries are missing"
            )

    def _load_log(self, store: Store) -> None:
        for usn, id_ in self._connection.execute("SELECT usn, entry FROM change ORDER BY usn"):
            store.log.append(usn, id_)
            store.dit.reserve(id_)
        store.log.compact(store.dit.entries)
        authors = {id_: author for author, id_ in self._authors.items()}
        rows = self._connection.execute(
            "SELECT * FROM change WHERE guid IS NOT NULL ORDER BY usn DESC LIMIT ?", (VERSIONS_MAX,)
        ).fetchall()
        for row in reversed(rows):
            entry = self._removed_entry(store, row, authors)
            store.log.append_removal(Removal(row[0], entry, row[3], authors[row[4]]))

    def _load_recent_versions(self, store: Store) -> None:
        """Earlier versions of what was changed last, so that a fork can tell of them too.

        A past that cannot be read does not keep the present from being served; ``verify`` names it.
        """
        recent = self._connection.execute(
            "SELECT entry, usn FROM change WHERE kind <> 'add' AND guid IS NULL "
            "ORDER BY usn DESC LIMIT ?", (RECENT_CHANGES,)
        ).fetchall()  # fmt: skip
        for id_ in dict.fromkeys(id_ for id_, _ in recent):
            version = store.dit.by_id(id_)
            if version is None or version.changed == version.created:
                continue
            with suppress(JournalCorrupt):
                for earlier in self.earlier_versions(store, version):
                    version.previous = earlier
                    if earlier.changed < recent[-1][1]:
                        break
                    version = earlier

    def _removed_entry(
        self, store: Store, row: ChangeRow, authors: dict[int, Author]
    ) -> StoredEntry:
        above = row[5][len(row[7]) :].removeprefix(",")
        place = Place((row[6],), above.encode(), DN.parse(above).normal)
        author = authors[row[4]]
        body = (
            row[1], row[6], row[7], row[8], row[10], 0, 0, row[3], row[3], row[4], row[4],
            row[9] or 0, None, row[11],
        )  # fmt: skip
        entry = entry_from_row(body, place, store.shapes, {row[4]: author})
        first = self._connection.execute(_FIRST, (row[0],)).fetchone()
        entry.created, entry.created_at = first
        entry.changed = first[0]
        return entry

    def earlier_versions(self, store: Store, version: StoredEntry) -> Iterator[StoredEntry]:
        """Versions of an entry before one of them, newest first, from what each change replaced.

        Raises:
            JournalCorrupt: the past of this entry cannot be read; its present is not affected.
        """
        try:
            yield from self._going_back(store, version)
        except (sqlite3.DatabaseError, KeyError, IndexError, ValueError) as error:
            raise JournalCorrupt(
                f"{self._path}: the past of {version.name.decode()!r} cannot be read: {error}"
            ) from error

    def _going_back(self, store: Store, version: StoredEntry) -> Iterator[StoredEntry]:
        authors = {id_: author for author, id_ in self._authors.items()}
        row = self._change(version, version.changed)
        while row[12] is not None:
            place = None
            if row[6] is not None and row[6] != version.place.parent:
                place = store.dit.place_below(store.dit.by_id(row[6]))
            earlier = version_before(version, row, place, store.shapes)
            row = self._change(version, row[12], before=row[0])
            earlier.changed, earlier.changed_at = row[0], row[3]
            earlier.changed_by = authors[row[4]]
            yield earlier
            version = earlier

    def _change(self, entry: StoredEntry, usn: int, before: int | None = None) -> ChangeRow:
        row: ChangeRow | None = self._connection.execute(
            "SELECT * FROM change WHERE usn = ?", (usn,)
        ).fetchone()
        if row is None or row[1] != entry.id or (before is not None and usn >= before):
            raise ValueError(f"change {usn} is no change of it")
        return row


_FIRST = """
WITH RECURSIVE past (usn, at, previous) AS (
    SELECT usn, at, previous FROM change WHERE usn = ?
    UNION SELECT earlier.usn, earlier.at, earlier.previous
    FROM change AS earlier JOIN past ON earlier.usn = past.previous
)
SELECT min(usn), min(at) FROM past"""
"""When the entry of a change came. UNION, not UNION ALL, ends where a damaged file goes round."""
