"""Time as an argument. The only module of the directory that asks the machine for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What code may ask about time. There is deliberately no sleep()."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; for timeouts only."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is set."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock starts at an aware datetime")
        self._start = start
        self._now = start

    def now(self) -> datetime:
        """The instant it was set to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since its start."""
        return (self._now - self._start).total_seconds()

    def set(self, now: datetime) -> None:
        """Move to a later instant."""
        if now < self._now:
            raise ValueError(f"clock cannot go back from {self._now} to {now}")
        self._now = now

    def advance(self, by: timedelta) -> datetime:
        """Move forward by a span and return the new instant."""
        self.set(self._now + by)
        return self._now
