"""Every run, kept: one SQLite file that the sqlite3 and sqlite-utils tools read."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlite_utils

from edgesync.errors import SyncError
from edgesync.sync.report import JobReport, instant

RETENTION = timedelta(days=30)
"""How long runs are kept: LogMaxAge's default (edgesync-facts 8.4)."""

_PRUNE_EVERY = 100
"""Runs between two prunings: often enough to stay small, rarely enough to cost nothing."""


class History:
    """Runs and the entries that failed in them. Safe to use from several threads."""

    def __init__(self, path: Path | None = None, *, retention: timedelta = RETENTION) -> None:
        self._lock = threading.RLock()
        self._retention = retention
        self._since_prune = 0
        try:
            connection = sqlite3.connect(path or ":memory:", check_same_thread=False, timeout=5.0)
            self._db = sqlite_utils.Database(connection)
            if path is not None:
                connection.execute("PRAGMA journal_mode=WAL")
                # a power cut may take the last rows: no run rests on them
                connection.execute("PRAGMA synchronous=NORMAL")
            self._migrate()
        except sqlite3.DatabaseError as error:
            raise SyncError(
                f"{path} is not a history of runs: {error}",
                "move it away: only the list of past runs is lost",
            ) from error

    def _migrate(self) -> None:
        text = dict.fromkeys(
            ("edge", "hub", "job", "mode", "result", "reason", "started_at", "cookie_before",
             "cookie_after", "lease_holder"), str
        )  # fmt: skip
        counts = dict.fromkeys(("scanned", "added", "updated", "moved", "deleted", "failed"), int)
        self._db.table("run").create(
            {"id": int, **text, **counts, "duration_s": float}, pk="id", if_not_exists=True
        )
        self._db.table("run_error").create(
            {"run": int, "dn": str, "code": str, "message": str},
            foreign_keys=[("run", "run", "id")],
            if_not_exists=True,
        )
        self._db.table("run_error").create_index(["run"], if_not_exists=True)
        self._db.conn.commit()

    def record(self, run: JobReport) -> None:
        """Keep one report, whole or not at all."""
        tally = run.tally
        row = {
            "edge": run.edge, "hub": run.hub, "job": run.job, "mode": run.mode.value,
            "result": run.result.value, "reason": run.reason,
            "started_at": instant(run.started_at), "cookie_before": run.cookie_before,
            "cookie_after": run.cookie_after,
            "lease_holder": run.lease.holder if run.lease else None,
            "scanned": tally.scanned, "added": tally.added, "updated": tally.updated,
            "moved": tally.moved, "deleted": tally.deleted, "failed": tally.failed,
            "duration_s": run.duration_s,
        }  # fmt: skip
        with self._lock, self._db.conn:
            names = ", ".join(row)
            marks = ", ".join(f":{name}" for name in row)
            cursor = self._db.conn.execute(f"INSERT INTO run ({names}) VALUES ({marks})", row)  # noqa: S608 - names are ours
            self._db.conn.executemany(
                "INSERT INTO run_error (run, dn, code, message) VALUES (?, ?, ?, ?)",
                [(cursor.lastrowid, e.dn, e.code, e.message) for e in tally.errors],
            )
        self._since_prune += 1
        if self._since_prune >= _PRUNE_EVERY:
            self.prune(run.started_at)

    def runs(
        self, *, edge: str | None = None, job: str | None = None, limit: int = 50
    ) -> list[dict[str, Any]]:
        """The latest runs, newest first, each with its errors."""
        sql = (
            "SELECT * FROM run WHERE (:edge IS NULL OR edge = :edge COLLATE NOCASE)"
            " AND (:job IS NULL OR job = :job) ORDER BY id DESC LIMIT :limit"
        )
        with self._lock:
            rows = list(self._db.query(sql, {"edge": edge, "job": job, "limit": limit}))
            for row in rows:
                row["errors"] = list(self._errors(row["id"]))
        return rows

    def _errors(self, run: int) -> Iterator[dict[str, Any]]:
        return self._db.query("SELECT dn, code, message FROM run_error WHERE run = ?", [run])

    def prune(self, now: datetime) -> int:
        """Drop runs older than the retention; returns how many."""
        oldest = instant(now - self._retention)
        with self._lock, self._db.conn:
            self._db.conn.execute(
                "DELETE FROM run_error WHERE run IN (SELECT id FROM run WHERE started_at < ?)",
                (oldest,),
            )
            gone = self._db.conn.execute("DELETE FROM run WHERE started_at < ?", (oldest,))
        self._since_prune = 0
        return gone.rowcount

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.conn.close()
