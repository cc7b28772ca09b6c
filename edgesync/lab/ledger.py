"""What a lab remembers besides its directories: its clock, its commands, its events.

One SQLite file, readable by the sqlite3 and sqlite-utils tools while the lab is down.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlite_utils

from edgesync.errors import LabError
from edgesync.events import CATALOGUE, Event

EVENTS_MAX = 100_000
"""Events kept; older ones are dropped, as a circular Windows log does."""

_TRIM_EVERY = 1000


@dataclass(frozen=True, slots=True)
class Command:
    """One command that changed the lab."""

    id: int
    at: datetime
    text: str


class Ledger:
    """The lab's memory. Safe to use from the lab's threads."""

    def __init__(self, path: Path | None, *, durability: str = "full") -> None:
        self._lock = threading.RLock()
        try:
            if path is None:
                connection = sqlite3.connect(":memory:", check_same_thread=False)
            else:
                path.touch(mode=0o600)  # SQLite's companion files take the mode of the first
                connection = sqlite3.connect(path, check_same_thread=False, timeout=5.0)
            self._db = sqlite_utils.Database(connection)
            if path is not None:
                self._db.conn.execute("PRAGMA journal_mode=WAL")
                self._db.conn.execute(f"PRAGMA synchronous={durability}")
            self._migrate()
        except sqlite3.DatabaseError as error:
            raise LabError(
                f"{path} is not the ledger of a lab: {error}",
                "restore it from a snapshot, or remove it: only history and events are lost",
            ) from error
        self._since_trim = 0

    def _migrate(self) -> None:
        self._db.table("state").create({"key": str, "value": str}, pk="key", if_not_exists=True)
        self._db.table("command").create(
            {"id": int, "at": str, "text": str}, pk="id", if_not_exists=True
        )
        self._db.table("event").create(
            {"id": int, "at": str, "server": str, "name": str, "data": str},
            pk="id",
            if_not_exists=True,
        )
        self._db.conn.commit()

    def get(self, key: str) -> Any:
        """A remembered value, or None."""
        with self._lock:
            row = self._db.conn.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def set(self, **values: Any) -> None:
        """Remember values, all at once."""
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        with self._lock, self._db.conn:
            self._db.conn.executemany(
                "INSERT INTO state VALUES (?, ?) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                rows,
            )

    def begin_command(self, at: datetime, text: str) -> None:
        """Record a command before it changes anything."""
        with self._lock, self._db.conn:
            self._db.conn.execute(
                "INSERT INTO command (at, text) VALUES (?, ?)", (at.isoformat(), text)
            )

    def commands(self, *, since: datetime | None = None) -> Iterator[Command]:
        """Commands in order, from an instant on."""
        start = since.isoformat() if since else ""
        with self._lock:
            rows = self._db.conn.execute(
                "SELECT id, at, text FROM command WHERE at >= ? ORDER BY id", (start,)
            ).fetchall()
        for row in rows:
            yield Command(row[0], datetime.fromisoformat(row[1]), row[2])

    def emit(self, event: Event) -> None:
        """Record an event."""
        with self._lock, self._db.conn:
            self._db.conn.execute(
                "INSERT INTO event (at, server, name, data) VALUES (?, ?, ?, ?)",
                (
                    event.at.isoformat(),
                    event.server,
                    event.kind.name,
                    json.dumps(dict(event.data)),
                ),
            )
            self._since_trim += 1
            if self._since_trim >= _TRIM_EVERY:
                self._since_trim = 0
                self._db.conn.execute(
                    "DELETE FROM event WHERE id <= (SELECT max(id) FROM event) - ?", (EVENTS_MAX,)
                )

    def events(
        self, *, after: int = 0, server: str = "", limit: int = EVENTS_MAX
    ) -> list[tuple[int, Event]]:
        """The latest events with their numbers, oldest first."""
        with self._lock:
            rows = self._db.conn.execute(
                "SELECT id, at, server, name, data FROM event "
                "WHERE id > ? AND (? = '' OR server = ? COLLATE NOCASE) ORDER BY id DESC LIMIT ?",
                (after, server, server, limit),
            ).fetchall()
        return [
            (
                row[0],
                Event(
                    CATALOGUE[row[3]], datetime.fromisoformat(row[1]), row[2], json.loads(row[4])
                ),
            )
            for row in reversed(rows)
            if row[3] in CATALOGUE
        ]

    def copy(self) -> Ledger:
        """An independent ledger in memory with the same content: for a fork."""
        twin = Ledger(None)
        with self._lock:
            self._db.conn.backup(twin._db.conn)
        return twin

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._db.conn.close()
