"""The journal: one plain SQLite file per directory, written through, one transaction per group.

``entry`` holds every entry as it is; ``change`` what each change replaced, so that start-up reads
only ``entry`` and the past is reached by going back over ``change``. sqlite-utils makes the
tables and migrates them; the hot inserts are plain ``executemany``.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from sqlite_utils import Database, Migrations

from directory import file_lock
from directory.errors import JournalCorrupt, JournalError, JournalLocked, JournalTooNew
from directory.model.dn import DN
from directory.store.audit import audit
from directory.store.bulk import PROGRESS_ENTRIES, silent, without_collector
from directory.store.changes import VERSIONS_MAX, Removal
from directory.store.checkpoint import Checkpoints
from directory.store.dit import TOP
from directory.store.entry import Author, Place, StoredEntry
from directory.store.history import versions
from directory.store.rows import (
    ChangeRow,
    change_row,
    entry_from_row,
    entry_row,
    version_before,
)
from directory.store.store import Store
from directory.store.verify import Disagreement
from directory.store.writer import Step

Durability = Literal["full", "normal", "off"]
"""full: on disk before the answer. normal: survives the process, not the power. off: neither."""

RECENT_CHANGES = 2000
"""Changes whose earlier versions are read at start-up; older ones are when somebody asks."""

FORMAT = 1
"""Version of the tables; a journal of a later one is refused."""

migrations = Migrations("directory.journal")


@migrations()
def first_tables(db: Database) -> None:
    """Tables of format 1."""
    db.table("meta").create({"key": str, "value": str}, pk="key", strict=True)
    db.table("author").create({"id": int, "identity": str, "note": str}, pk="id", strict=True)
    db.table("entry").create(
        {
            "id": int, "parent": int, "rdn": str, "rdn_key": str, "guid": bytes, "created": int,
            "changed": int, "created_at": int, "changed_at": int, "created_by": int,
            "changed_by": int, "flags": int, "stamps": str, "body": bytes,
        },
        pk="id", strict=True,
    )  # fmt: skip
    db.table("change").create(
        {
            "usn": int, "entry": int, "kind": str, "at": int, "author": int, "dn_before": str,
            "parent_before": int, "rdn_before": str, "key_before": str, "flags_before": int,
            "guid": bytes, "before": bytes,
        },
        pk="usn", strict=True,
    )  # fmt: skip
    db.table("change").create_index(["entry"])


_ENTRY = f"INSERT OR REPLACE INTO entry VALUES ({','.join('?' * 14)})"  # noqa: S608 - only question marks go in
_CHANGE = f"INSERT INTO change VALUES ({','.join('?' * 12)})"  # noqa: S608


class SqliteJournal:
    """An open journal; the only writer of its file as long as it lives."""

    def __init__(self, path: Path, durability: Durability = "full") -> None:
        self.path = path
        self._lock = _locked(path)
        self._authors: dict[Author, int] = {}
        self._checkpoints = Checkpoints(path)
        try:
            self.db = self._open(durability)
        except BaseException:
            os.close(self._lock)
            raise

    def _open(self, durability: Durability) -> Database:
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
            db = Database(connection)
            self._refuse_later_format(db)
            self.path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {durability}")
            connection.execute("PRAGMA wal_autocheckpoint = 0")  # store/checkpoint.py does it
            migrations.apply(db)
            # when a table was made is no content: the same seed gives the same bytes on any day
            connection.execute("UPDATE _sqlite_migrations SET applied_at = ''")
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.OperationalError | OSError):
                raise JournalError(f"{self.path} cannot be opened: {error}") from error
            if isinstance(error, sqlite3.DatabaseError | ValueError):
                raise JournalCorrupt(f"{self.path} cannot be read: {error}") from error
            raise
        return db

    def _refuse_later_format(self, db: Database) -> None:
        """Look before anything is written, the header's journal mode included."""
        if "meta" not in db.table_names():
            return
        found = db.conn.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        if found is not None and int(found[0]) > FORMAT:
            raise JournalTooNew(
                f"{self.path} has format {found[0]}; this version reads up to {FORMAT}"
            )

    def close(self) -> None:
        """Close the file and let go of it."""
        self._checkpoints.finish()
        self.db.conn.close()
        os.close(self._lock)

    # writing ---------------------------------------------------------------------------------

    def write(self, steps: Sequence[Step], meta: dict[str, str]) -> None:
        """Make steps durable in one transaction.

        Raises:
            JournalError: when SQLite refuses; the file is as before.
        """
        connection = self.db.conn
        last: dict[int, Step] = {}
        for step in steps:
            entry = step.new if step.new is not None else step.old
            assert entry is not None
            last[entry.id] = step
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._keep_authors(steps)
                kept = [s.new for s in last.values() if s.new is not None]
                gone = [(s.old.id,) for s in last.values() if s.new is None and s.old is not None]
                rows = (entry_row(entry, self._authors) for entry in kept)
                connection.executemany(_ENTRY, rows)
                if gone:
                    connection.executemany("DELETE FROM entry WHERE id = ?", gone)
                changes = (change_row(step, self._authors) for step in steps if step.usn)
                connection.executemany(_CHANGE, changes)
                if meta:
                    connection.executemany(
                        "INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items()
                    )
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                self._authors.clear()
                self._load_authors()
                raise
        except sqlite3.Error as error:
            raise JournalError(f"{self.path} cannot be written: {error}") from error
        self._checkpoints.wrote(len(last) + len(steps))

    def _keep_authors(self, steps: Sequence[Step]) -> None:
        for step in steps:
            self._keep_author(step.author)
            if step.new is not None:
                self._keep_author(step.new.created_by)
                self._keep_author(step.new.changed_by)

    def _keep_author(self, author: Author) -> None:
        if author not in self._authors:
            id_ = len(self._authors) + 1
            self.db.conn.execute("INSERT INTO author VALUES (?, ?, ?)", (id_, *author))
            self._authors[author] = id_

    # reading ---------------------------------------------------------------------------------

    def load(self, store: Store, report: Callable[[str], None] = silent) -> None:
        """Fill an empty store with every acknowledged change; ``report`` is told how far it is.

        Raises:
            JournalCorrupt: when the file does not agree with itself.
        """
        connection = self.db.conn
        try:
            store.meta.update(connection.execute("SELECT key, value FROM meta").fetchall())
            self._load_authors()
            with without_collector(lambda: store.count):
                self._load_entries(store, report)
            highest = connection.execute("SELECT max(usn), max(at) FROM change").fetchone()
            store.usn = store.committed_usn = highest[0] or 0
            store.last_at = highest[1] or 0
            self._load_log(store)
            self._load_recent_versions(store)
        except (sqlite3.DatabaseError, KeyError, IndexError, ValueError, TypeError) as error:
            raise JournalCorrupt(f"{self.path} does not agree with itself: {error}") from error

    def _load_authors(self) -> None:
        for id_, identity, note in self.db.conn.execute("SELECT id, identity, note FROM author"):
            self._authors[Author(identity, note)] = id_

    def _load_entries(self, store: Store, report: Callable[[str], None]) -> None:
        """Superiors may have higher ids than what was moved below them: those wait their turn."""
        authors = {id_: author for author, id_ in self._authors.items()}
        waiting: dict[int, list[Any]] = {}
        for row in self.db.conn.execute("SELECT * FROM entry ORDER BY id"):
            ready = [row]
            while ready:
                row = ready.pop()  # noqa: PLW2901 - the rows that waited for this one follow it
                parent = None if row[1] == TOP else store.dit.by_id(row[1])
                if parent is None and row[1] != TOP:
                    waiting.setdefault(row[1], []).append(row)
                    continue
                place = store.dit.place_below(parent)
                entry = entry_from_row(row, place, store.shapes, authors)
                store.insert(entry)
                if not store.count % PROGRESS_ENTRIES:
                    report(f"{self.path.name}: {store.count} entries")
                ready += waiting.pop(entry.id, [])
        if waiting:
            raise JournalCorrupt(
                f"{self.path}: superiors {sorted(waiting)} of some entries are missing"
            )

    def _load_log(self, store: Store) -> None:
        for usn, id_ in self.db.conn.execute("SELECT usn, entry FROM change ORDER BY usn"):
            store.log.append(usn, id_)
            store.dit.reserve(id_)
        store.log.compact(store.dit.entries)
        authors = {id_: author for author, id_ in self._authors.items()}
        rows = self.db.conn.execute(
            "SELECT * FROM change WHERE guid IS NOT NULL ORDER BY usn DESC LIMIT ?", (VERSIONS_MAX,)
        ).fetchall()
        for row in reversed(rows):
            entry = self._removed_entry(store, row, authors)
            store.log.append_removal(Removal(row[0], entry, row[3], authors[row[4]]))

    def _load_recent_versions(self, store: Store) -> None:
        """Earlier versions of what was changed last, so that a fork can tell of them too.

        A past that cannot be read does not keep the present from being served; ``verify`` names it.
        """
        recent = self.db.conn.execute(
            "SELECT DISTINCT entry FROM (SELECT entry FROM change WHERE kind <> 'add' "
            "AND guid IS NULL ORDER BY usn DESC LIMIT ?)", (RECENT_CHANGES,)
        ).fetchall()  # fmt: skip
        for (id_,) in recent:
            entry = store.dit.by_id(id_)
            if entry is not None:
                with suppress(JournalCorrupt):
                    self.earlier_versions(store, entry)

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
        first = self.db.conn.execute(
            "SELECT min(usn), min(at) FROM change WHERE entry = ?", (row[1],)
        ).fetchone()
        entry.created, entry.created_at = first
        entry.changed = first[0]
        return entry

    def earlier_versions(self, store: Store, entry: StoredEntry) -> None:
        """Complete the chain of an entry's earlier versions from what each change replaced.

        Raises:
            JournalCorrupt: the past of this entry cannot be read; its present is not affected.
        """
        oldest = list(versions(entry))[-1]
        if oldest.changed == oldest.created:
            return
        try:
            self._go_back(store, entry, oldest)
        except (sqlite3.DatabaseError, KeyError, IndexError, ValueError) as error:
            raise JournalCorrupt(
                f"{self.path}: the past of {entry.name.decode()!r} cannot be read: {error}"
            ) from error

    def _go_back(self, store: Store, entry: StoredEntry, oldest: StoredEntry) -> None:
        authors = {id_: author for author, id_ in self._authors.items()}
        rows: Iterator[ChangeRow] = self.db.conn.execute(
            "SELECT * FROM change WHERE entry = ? AND usn <= ? ORDER BY usn DESC",
            (entry.id, oldest.changed),
        )
        version = oldest
        after = next(rows, None)
        for row in rows:
            assert after is not None
            place = None
            if after[6] is not None and after[6] != version.place.parent:
                place = store.dit.place_below(store.dit.by_id(after[6]))
            earlier = version_before(version, after, place, store.shapes)
            earlier.changed, earlier.changed_at, earlier.changed_by = (
                row[0],
                row[3],
                authors[row[4]],
            )
            version.previous = earlier
            version, after = earlier, row

    def disagreements(self, store: Store) -> list[Disagreement]:
        """What the file says differently from memory: entries, and what changes lead to them."""
        return audit(self.db.conn, store, self._authors)

    def restored(self, store: Store, before: Store) -> None:
        """Make the file what a store became by going back: changes after it are forgotten."""
        connection = self.db.conn
        old = {e.id: e for e in before.dit.entries if e is not None}
        new = {e.id: e for e in store.dit.entries if e is not None}
        changed = [entry for id_, entry in new.items() if old.get(id_) is not entry]
        gone = [(id_,) for id_ in old if id_ not in new]
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for entry in changed:
                    self._keep_author(entry.created_by)
                    self._keep_author(entry.changed_by)
                connection.executemany(_ENTRY, (entry_row(e, self._authors) for e in changed))
                connection.executemany("DELETE FROM entry WHERE id = ?", gone)
                connection.execute("DELETE FROM change WHERE usn > ?", (store.usn,))
                connection.execute("DELETE FROM meta WHERE key <> 'format'")
                meta = [(k, v) for k, v in store.meta.items() if k != "format"]
                connection.executemany("INSERT INTO meta VALUES (?, ?)", meta)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                self._authors.clear()
                self._load_authors()
                raise
        except sqlite3.Error as error:
            raise JournalError(f"{self.path} cannot be written: {error}") from error


def _locked(path: Path) -> int:
    """Hold a lock beside the file, so that no second process writes it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise JournalError(f"{path} cannot be opened: {error.strerror}") from error
    try:
        file_lock.hold(lock)
    except OSError as error:
        os.close(lock)
        raise JournalLocked(
            f"{path} is in use by another process; stop it, or work through it"
        ) from error
    return lock
