"""Room in a journal's log before it is needed, so that a commit need not wait for a longer file.

To sync what was written behind a file's end takes another write for its length, and on most file
systems a transaction of theirs: half as long again as to sync what lies within, and with a busy
machine ten times as long, for others have to run first. SQLite's write-ahead log grows with every
commit until it starts anew. So zeros are written behind it; SQLite puts its frames over them, as it
does over those of before once a log has started anew. It goes by its own count and never by the
length of the file, and a frame of zeros is none (https://sqlite.org/walformat.html, section 4).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

AHEAD_MAX = 512 * 1024
"""Most octets written ahead at a time: some hundred small commits, half a millisecond."""

GROWN_MAX = 64 * 1024
"""A commit that made the log longer by more has enough to write: that it is longer costs it little,
and zeros would cost as much again."""


class LogSpace:
    """The room in one log; it belongs to whoever writes the log, between two commits."""

    def __init__(self, log: Path) -> None:
        """Nothing is written yet, for the log may never be used.

        Raises:
            OSError: when there is no such file.
        """
        # positions in the log only: SQLite's locks are on its other files, where to close would
        # let go of them
        self._file = os.open(log, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
        self._size = self._end()

    def committed(self) -> None:
        """Make room where the last commit left none: as much as there is, at first little."""
        size = self._end()
        grown, self._size = size - self._size, size
        if not 0 < grown <= GROWN_MAX:
            return
        with suppress(OSError):  # a full disk: the commit that needs room will say so
            self._size += os.pwrite(self._file, bytes(min(size, AHEAD_MAX)), size)

    def _end(self) -> int:
        """How long the log is, without a look at its times.

        fstat would have Linux 6.13 and newer write new times with each commit, and a synced commit
        would take 60 µs longer (https://docs.kernel.org/filesystems/multigrain-ts.html).
        """
        return os.lseek(self._file, 0, os.SEEK_END)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)
