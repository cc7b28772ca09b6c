"""The journal: one plain SQLite file per directory, written through, one transaction per group.

``entry`` holds every entry; ``change`` what each change replaced, so that the past is reached by
going back over it. A change of attributes alone says what it led to as well, and the row of its
entry is brought up to date later (``folding``): start-up reads ``entry``, and the few changes that
are not in it. sqlite-utils makes the tables and migrates them; the hot inserts are plain
``executemany``.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from sqlite_utils import Database, Migrations

from directory import file_lock
from directory.errors import JournalCorrupt, JournalError, JournalLocked, JournalTooNew
from directory.store.audit import audit
from directory.store.bulk import silent
from directory.store.checkpoint import Checkpoints
from directory.store.entry import Author, StoredEntry
from directory.store.folding import Folding
from directory.store.group import Group
from directory.store.journal_reader import FOLDED_KEY, FORMAT_KEY, JournalReader
from directory.store.log_space import LogSpace
from directory.store.rows import entry_row
from directory.store.store import Store
from directory.store.verify import Disagreement
from directory.store.writer import Step

Durability = Literal["full", "normal", "off"]
"""full: on disk before the answer. normal: survives the process, not the power. off: neither."""

FORMAT = 2
"""Version of the tables; a journal of a later one is refused."""

_log = logging.getLogger(__name__)

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


@migrations()
def changes_that_go_forward(db: Database) -> None:
    """Format 2: what a change led to, and which one came before it, instead of an index."""
    db.execute("ALTER TABLE change ADD COLUMN previous INTEGER")
    db.execute("ALTER TABLE change ADD COLUMN after BLOB")
    db.execute(
        "UPDATE change SET previous = (SELECT max(usn) FROM change AS earlier "
        "WHERE earlier.entry = change.entry AND earlier.usn < change.usn)"
    )
    db.execute("DROP INDEX idx_change_entry")
    db.execute("UPDATE meta SET value = '2' WHERE key = 'format'")


_ENTRY = f"INSERT OR REPLACE INTO entry VALUES ({','.join('?' * 14)})"  # noqa: S608 - only question marks go in
_CHANGE = f"INSERT INTO change VALUES ({','.join('?' * 14)})"  # noqa: S608
_ADDED = "INSERT INTO change (usn, entry, kind, at, author) VALUES (?, ?, 'add', ?, ?)"
_BRIEF = (
    "INSERT INTO change (usn, entry, kind, at, author, before, previous, after) "
    "VALUES (?, ?, 'modify', ?, ?, ?, ?, ?)"
)
_GONE = "DELETE FROM entry WHERE id = ?"
_META = "INSERT OR REPLACE INTO meta VALUES (?, ?)"

CHANGES_PER_PAGE = 16
"""Rows of changes in a page of the file: what they weigh for a checkpoint."""


class SqliteJournal:
    """An open journal; the only writer of its file as long as it lives."""

    def __init__(self, path: Path, durability: Durability = "full") -> None:
        self.path = path
        self._lock = _locked(path)
        self._authors: dict[Author, int] = {}
        self._folding = Folding()
        self._checkpoints = Checkpoints(path)
        self._space: LogSpace | None = None
        try:
            self.db = self._open(durability)
            if durability == "full" and hasattr(os, "pwrite"):  # Windows does without
                with suppress(OSError):  # so do file systems on which SQLite keeps no such log
                    self._space = LogSpace(path.with_name(path.name + "-wal"))
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
        try:
            self.fold()
        except JournalError as error:
            _log.warning("%s; the next start reads what changed beside the rows", error)
        self._checkpoints.finish()
        if self._space is not None:
            self._space.close()
        self.db.conn.close()
        os.close(self._lock)

    # writing ---------------------------------------------------------------------------------

    def write(self, steps: Sequence[Step], meta: dict[str, str]) -> None:
        """Make steps durable in one transaction.

        Raises:
            JournalError: when SQLite refuses; the file is as before.
        """
        folding = self._folding
        self._checkpoints.before_commit(self.db.conn)
        with self._transaction() as connection:
            group = Group(steps, self._author_id)
            portion = folding.portion(len(group.brief))
            rows = [folding.behind[id_] for id_ in portion if id_ in folding.behind]
            rows += group.whole.values()  # of two rows of an entry the newer is written last
            self._write_rows(rows)
            for statement, found in (
                (_ADDED, group.added), (_BRIEF, group.brief), (_CHANGE, group.changed),
                (_GONE, [(id_,) for id_ in group.gone]), (_META, meta.items()),
            ):  # fmt: skip
                if found:
                    connection.executemany(statement, found)
            if folding.is_last(portion):
                connection.execute(_META, (FOLDED_KEY, str(folding.through)))
        folding.wrote(portion, group)
        if self._space is not None:
            self._space.committed()
        self._checkpoints.wrote(1 + len(rows) + len(steps) // CHANGES_PER_PAGE)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what the block does, or undo it.

        Raises:
            JournalError: when SQLite refuses; the file is as before.
        """
        connection = self.db.conn
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                self._authors.clear()
                self._load_authors()
                raise
        except sqlite3.Error as error:
            raise JournalError(f"{self.path} cannot be written: {error}") from error

    def _write_rows(self, entries: Sequence[StoredEntry]) -> None:
        if entries:
            authors = self._authors
            self.db.conn.executemany(_ENTRY, [entry_row(entry, authors) for entry in entries])

    def _author_id(self, author: Author) -> int:
        id_ = self._authors.get(author)
        if id_ is None:
            id_ = len(self._authors) + 1
            self.db.conn.execute("INSERT INTO author VALUES (?, ?, ?)", (id_, *author))
            self._authors[author] = id_
        return id_

    def fold(self) -> None:
        """Bring every row up to date, so that whoever reads the file sees entries as they are.

        Raises:
            JournalError: when SQLite refuses; nothing is lost, the rows are as before.
        """
        folding = self._folding
        if not folding.behind:
            return
        with self._transaction() as connection:
            self._write_rows(list(folding.behind.values()))
            connection.execute(_META, (FOLDED_KEY, str(folding.usn)))
        folding.start({}, folding.usn)

    # reading ---------------------------------------------------------------------------------

    @property
    def _reader(self) -> JournalReader:
        return JournalReader(self.path, self.db.conn, self._authors)

    def load(self, store: Store, report: Callable[[str], None] = silent) -> None:
        """Fill an empty store with every acknowledged change; ``report`` is told how far it is.

        Raises:
            JournalCorrupt: when the file does not agree with itself.
        """
        try:
            self._load_authors()
        except sqlite3.DatabaseError as error:
            raise JournalCorrupt(f"{self.path} does not agree with itself: {error}") from error
        reader = self._reader
        reader.load(store, report)
        self._folding.start(reader.unfolded, store.usn)

    def _load_authors(self) -> None:
        for id_, identity, note in self.db.conn.execute("SELECT id, identity, note FROM author"):
            self._authors[Author(identity, note)] = id_

    def earlier_versions(self, store: Store, version: StoredEntry) -> Iterator[StoredEntry]:
        """Versions of an entry before one of them, newest first, from what each change replaced.

        Raises:
            JournalCorrupt: the past of this entry cannot be read; its present is not affected.
        """
        return self._reader.earlier_versions(store, version)

    def disagreements(self, store: Store) -> list[Disagreement]:
        """What the file says differently from memory: entries, and what changes lead to them."""
        self.fold()
        return audit(self.db.conn, store, self._authors)

    def restored(self, store: Store, before: Store) -> None:
        """Make the file what a store became by going back: changes after it are forgotten."""
        behind = self._folding.behind
        old = {e.id: e for e in before.dit.entries if e is not None}
        new = {e.id: e for e in store.dit.entries if e is not None}
        changed = [e for id_, e in new.items() if old.get(id_) is not e or id_ in behind]
        gone = [(id_,) for id_ in old if id_ not in new]
        with self._transaction() as connection:
            for entry in changed:
                self._author_id(entry.created_by)
                self._author_id(entry.changed_by)
            self._write_rows(changed)
            connection.executemany(_GONE, gone)
            connection.execute("DELETE FROM change WHERE usn > ?", (store.usn,))
            connection.execute("DELETE FROM meta WHERE key <> ?", (FORMAT_KEY,))
            meta = {**store.meta, FOLDED_KEY: str(store.usn)}
            meta.pop(FORMAT_KEY, None)
            connection.executemany(_META, meta.items())
        self._folding.start({}, store.usn)


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
