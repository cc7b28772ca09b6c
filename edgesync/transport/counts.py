"""How often a server's receiving sessions heard and said what, in words of ours only."""

from __future__ import annotations

import threading
from collections import Counter


class SessionCounts:
    """Counts by kind and word. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, kind: str, word: str) -> None:
        """One more: ``count("command", "MAIL")``."""
        with self._lock:
            self._counts[kind, word] += 1

    def of(self, kind: str) -> dict[str, int]:
        """How many of each word of a kind."""
        with self._lock:
            return {word: number for (one, word), number in self._counts.items() if one == kind}
