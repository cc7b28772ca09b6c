"""Copy the write-ahead log of a journal into its file, beside the thread that writes.

SQLite would do so within a commit: some 100 ms for 64 MiB, in which nobody is answered. A second
connection does the same while writers and readers go on (https://sqlite.org/wal.html, section 3).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

ROWS = 16_384
"""Rows written between two checkpoints, each in a page of its own at worst (64 MiB of log).
SQLite's own thousand pages are filled by a few group commits."""

BUSY_S = 5.0
"""How long a checkpoint waits for another one."""

_log = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one journal; at most one runs at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: threading.Thread | None = None
        self._rows = 0

    def wrote(self, rows: int) -> None:
        """Note a commit; start a checkpoint when enough has been written since the last."""
        self._rows += rows
        if self._rows < ROWS or (self._thread is not None and self._thread.is_alive()):
            return
        self._rows = 0
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait for the one that runs."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            connection = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
            try:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                connection.close()
        except sqlite3.Error as error:
            # nothing is lost: the log keeps what was not copied, and the next one tries again
            _log.warning("journal %s: checkpoint failed: %s", self._path, error)
