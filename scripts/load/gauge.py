"""Memory and descriptors of a process, read from /proc while somebody else works."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

EVERY_S = 0.25
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds since the start, resident bytes, open descriptors."""

    at_s: float
    resident: int
    descriptors: int


def look(pid: int, at_s: float = 0.0) -> Sample:
    """What a process has now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return Sample(at_s, pages * _PAGE, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()))


@dataclass
class Gauge:
    """Looks at a process in a thread until the block ends."""

    pid: int
    every_s: float = EVERY_S
    samples: list[Sample] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def most_resident(self) -> int:
        """The most memory seen, bytes."""
        return max(sample.resident for sample in self.samples)

    @property
    def most_descriptors(self) -> int:
        """The most descriptors seen."""
        return max(sample.descriptors for sample in self.samples)

    def _run(self) -> None:
        started = time.monotonic()
        while True:
            try:
                self.samples.append(look(self.pid, round(time.monotonic() - started, 2)))
            except (FileNotFoundError, ProcessLookupError):
                return
            if self._over.wait(self.every_s):
                return
