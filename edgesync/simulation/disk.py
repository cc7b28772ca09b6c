"""What happens to a directory's disk: it is full, or everything dies at one of its writes.

A crash leaves what a killed process leaves: the files as they are at that instant, transactions
that were open included. They are copied then and there (``photograph``); what the dying process
still does afterwards is lost with it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, cast

from directory.errors import JournalError
from directory.store.entry import StoredEntry
from directory.store.journal import SqliteJournal
from directory.store.store import JournalPort, Store
from directory.store.verify import Disagreement
from directory.store.writer import Step
from edgesync.lab.paths import LOCK_FILE

FULL = "the journal cannot be written: database or disk is full"

_NOT_COPIED = shutil.ignore_patterns(LOCK_FILE, "*-shm")
"""A lock and SQLite's shared memory belong to the process, not to the disk."""


def photograph(root: Path) -> Path:
    """A copy of a lab's folder beside it: what a process that dies now leaves behind."""
    remains = root.with_name(root.name + ".remains")
    shutil.rmtree(remains, ignore_errors=True)
    shutil.copytree(root, remains, ignore=_NOT_COPIED)
    return remains


class PassedJournal:
    """Hands everything to the journal below; what befalls the disk overrides its writes."""

    def __init__(self, real: JournalPort | None) -> None:
        self.real = real

    def write(self, steps: Sequence[Step], meta: dict[str, str]) -> None:
        """Make steps durable."""
        if self.real is not None:
            self.real.write(steps, meta)

    def restored(self, store: Store, before: Store) -> None:
        """Make the file what a store became by going back."""
        if self.real is not None:
            self.real.restored(store, before)

    def earlier_versions(self, store: Store, version: StoredEntry) -> Iterator[StoredEntry]:
        """An entry's past."""
        return iter(()) if self.real is None else self.real.earlier_versions(store, version)

    def disagreements(self, store: Store) -> list[Disagreement]:
        """Where file and memory differ."""
        return self.real.disagreements(store) if self.real is not None else []

    def close(self) -> None:
        """Let go of the file."""
        if self.real is not None:
            self.real.close()


class FullDisk(PassedJournal):
    """A journal whose disk is full: nothing is durable, so nothing is done."""

    def __init__(self, real: JournalPort | None, struck: Callable[[], None]) -> None:
        super().__init__(real)
        self._struck = struck

    def write(self, steps: Sequence[Step], meta: dict[str, str]) -> None:  # noqa: ARG002 - nothing is written
        """Refuse, as SQLite does."""
        self._struck()
        raise JournalError(FULL)

    def restored(self, store: Store, before: Store) -> None:  # noqa: ARG002 - nothing is written
        """Refuse this too."""
        self._struck()
        raise JournalError(FULL)


class Moment(StrEnum):
    """When everything dies, seen from one write of a journal."""

    BEFORE = "before"
    WITHIN = "within"
    """Every row is written, the transaction is not committed."""
    AFTER = "after"
    """It is on disk; nobody was told."""


class Tripwire(PassedJournal):
    """Everything dies at the journal's N-th write from now, whoever writes: once."""

    def __init__(
        self, real: JournalPort | None, at: int, moment: Moment, die: Callable[[], NoReturn]
    ) -> None:
        super().__init__(real)
        self._left = at
        self._moment = moment
        self._die = die

    def write(self, steps: Sequence[Step], meta: dict[str, str]) -> None:
        """Write, unless this is the one."""
        self._passing(lambda: super(Tripwire, self).write(steps, meta))

    def restored(self, store: Store, before: Store) -> None:
        """Going back is a write like any other."""
        self._passing(lambda: super(Tripwire, self).restored(store, before))

    def _passing(self, call: Callable[[], None]) -> None:
        self._left -= 1
        if self._left != -1:
            call()
            return
        if self._moment is Moment.BEFORE:
            self._die()
        if self._moment is Moment.WITHIN:
            with self._dies_at_commit():
                call()
        else:
            call()
        self._die()

    @contextmanager
    def _dies_at_commit(self) -> Iterator[None]:
        journal = self.real
        while isinstance(journal, PassedJournal):
            journal = journal.real
        assert isinstance(journal, SqliteJournal), "a lab that crashes is kept on disk"
        whole = journal.db.conn
        journal.db.conn = cast("sqlite3.Connection", _Uncommitted(whole, self._die))
        try:
            yield
        finally:
            journal.db.conn = whole


class _Uncommitted:
    """A connection on which the process dies instead of committing."""

    def __init__(self, whole: Any, die: Callable[[], NoReturn]) -> None:
        self._whole = whole
        self._die = die

    def execute(self, sql: str, *parameters: Any) -> Any:
        """Run a statement; COMMIT is never reached."""
        if sql == "COMMIT":
            self._die()
        return self._whole.execute(sql, *parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


def lay(store: Store, wrap: Callable[[JournalPort | None], PassedJournal]) -> None:
    """Put something upon a directory's journal."""
    store.journal = wrap(store.journal)


def lift(store: Store, kind: type[PassedJournal]) -> None:
    """Take what lies upon a journal off again, other things stay."""
    kept: list[PassedJournal] = []
    journal = store.journal
    while isinstance(journal, PassedJournal):
        if not isinstance(journal, kind):
            kept.append(journal)
        journal = journal.real
    for passed in reversed(kept):
        passed.real = journal
        journal = passed
    store.journal = journal
