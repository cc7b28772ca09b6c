"""Log files as Exchange keeps them: a new one each day and when one is full, the oldest gone.

Every service logs so (certificate-facts 5.4, edgesync-facts 4.6); only rows and limits differ.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

VALUE_MAX = 8192
"""Longest value in a row; a peer decides how long its lines are."""
SOFTWARE = "#Software: Microsoft Exchange Server"


@dataclass(frozen=True, slots=True)
class LogLimits:
    """When a file is full and when the oldest goes; Exchange's defaults, in bytes."""

    file_size: int = 10 * 1024 * 1024
    folder_size: int = 250 * 1024 * 1024
    age: timedelta = timedelta(days=30)


def log_instant(at: datetime) -> str:
    """An instant as log rows have it: UTC with milliseconds."""
    at = at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def log_row(*values: str) -> str:
    """Comma-separated values on one line, quoted where they must be, without line end."""
    return ",".join(_quoted(value) for value in values)


def _quoted(value: str) -> str:
    value = value.replace("\r", " ").replace("\n", " ")
    if len(value) > VALUE_MAX:
        value = value[:VALUE_MAX] + "..."
    if "," in value or '"' in value:
        return '"' + value.replace('"', '""') + '"'
    return value


class LogFiles:
    """The files of one log, ``PREFIXyyyymmdd-N.LOG`` in a folder of their own.

    Not safe for threads: whoever writes holds a lock.
    """

    def __init__(
        self,
        folder: Path,
        prefix: str,
        header: Callable[[datetime], tuple[str, ...]],
        limits: LogLimits | None = None,
        *,
        hourly: bool = False,
    ) -> None:
        self._folder, self._prefix, self._header = folder, prefix, header
        self.limits = limits or LogLimits()
        self._hourly = hourly
        self._stem = ""
        self._number = 0
        self._size = 0

    def append(self, at: datetime, row: str) -> None:
        """One row, in the file of its day."""
        path = self._place(at)
        is_new = not path.exists()
        lines = (*self._header(at), row) if is_new else (row,)
        text = "".join(line + "\r\n" for line in lines)
        # opened for each row: nothing to close when a lab ends, and others may read along
        with open(path, "a", encoding="utf-8", newline="", opener=_private) as file:
            file.write(text)
        self._size += len(text.encode())
        if is_new:
            self._prune(path, at)

    def _place(self, at: datetime) -> Path:
        """The file a row goes into: a new one each day (or hour), and when one is full."""
        stem = self._prefix + at.astimezone(UTC).strftime("%Y%m%d%H" if self._hourly else "%Y%m%d")
        if stem != self._stem:
            self._stem, self._number = stem, 1
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif self._size >= self.limits.file_size:
            self._number += 1
        else:
            return self._folder / f"{stem}-{self._number}.LOG"
        path = self._folder / f"{stem}-{self._number}.LOG"
        while path.exists() and path.stat().st_size >= self.limits.file_size:
            self._number += 1
            path = self._folder / f"{stem}-{self._number}.LOG"
        self._size = path.stat().st_size if path.exists() else 0
        return path

    def _prune(self, current: Path, at: datetime) -> None:
        """Circular logging: the oldest files go when all are too many or too old."""
        files = [p for p in self._folder.glob(f"{self._prefix}*-*.LOG") if p != current]
        files.sort(key=_order)
        total = sum(p.stat().st_size for p in files)
        for path in files:
            day = self._day(path)
            is_young = day is None or at - day <= self.limits.age
            if total <= self.limits.folder_size and is_young:
                continue
            total -= path.stat().st_size
            path.unlink()

    def _day(self, path: Path) -> datetime | None:
        digits = path.stem.removeprefix(self._prefix)[:8]
        try:
            return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC)
        except ValueError:
            return None


def _private(path: str, flags: int) -> int:
    """Who wrote to whom is for the owner only."""
    return os.open(path, flags, 0o600)


def _order(path: Path) -> tuple[str, int]:
    stem, _, number = path.stem.rpartition("-")
    return stem, int(number) if number.isdecimal() else 0
