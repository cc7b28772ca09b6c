"""Copy the write-ahead log of a journal into its file, beside the thread that writes.

SQLite would do so within a commit: some 100 ms for 64 MiB, in which nobody is answered. A second
connection does the same while writers and readers go on (https://sqlite.org/wal.html, section 3).
The log starts anew at its beginning only when a commit finds all of it copied, which under a steady
load is never, since more has come meanwhile. So the last and shortest part is copied by the
writer itself, between two commits: a log that grew on and on would fill the disk, and every
commit would make it longer, which takes more than to write over what is there.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path

ROWS = 16_384
"""Rows written between two checkpoints, each in a page of its own at worst (64 MiB of log).
SQLite's own thousand pages are filled by a few group commits."""

REST_FRAMES = 256
"""Pages that may be left to the writer: some 3 ms, and two syncs."""

PASSES_MAX = 8
"""How often what came meanwhile is copied beside the writer; each time it is a fraction."""

BUSY_S = 5.0
"""How long a checkpoint waits for another one."""

_COPY = "PRAGMA wal_checkpoint(PASSIVE)"

_log = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of one journal; at most one runs at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: threading.Thread | None = None
        self._rows = 0
        self._is_nearly_done = False

    def before_commit(self, connection: sqlite3.Connection) -> None:
        """Copy the last of the log, if everything before it has been: then it starts anew."""
        if self._is_nearly_done:
            self._is_nearly_done = False
            self._copy(connection)

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
        except sqlite3.Error as error:
            self._failed(error)
            return
        try:
            before = 0
            for _ in range(PASSES_MAX):
                frames = self._copy(connection)
                if frames is None:
                    return
                if frames - before <= REST_FRAMES:  # what came during this one is less still
                    self._is_nearly_done = True
                    return
                before = frames
        finally:
            connection.close()

    def _copy(self, connection: sqlite3.Connection) -> int | None:
        """Copy what is in the log now; how long it is, or None when not all of it was copied."""
        try:
            busy, frames, copied = connection.execute(_COPY).fetchone()
        except sqlite3.Error as error:
            self._failed(error)
            return None
        return None if busy or copied < frames else int(frames)

    def _failed(self, error: sqlite3.Error) -> None:
        # nothing is lost: the log keeps what was not copied, and the next one tries again
        _log.warning("journal %s: checkpoint failed: %s", self._path, error)
