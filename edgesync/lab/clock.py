"""The lab's own time: it stands still while the lab is down and runs while it is up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from directory.clock import Clock


class WrongClock(Clock, Protocol):
    """A machine's clock that does not show the lab's time."""

    def true(self, shown: datetime) -> datetime:
        """The lab's instant at which this clock shows ``shown``."""
        ...


class LabClock:
    """Lab time. Virtual unless a real clock drives it."""

    def __init__(self, start: datetime) -> None:
        self._base = start
        self._origin = start
        self._driver: Clock | None = None
        self._driven_from = 0.0

    def now(self) -> datetime:
        """The lab's instant, aware, UTC."""
        if self._driver is None:
            return self._base
        elapsed = self._driver.monotonic() - self._driven_from
        return self._base + timedelta(seconds=elapsed)

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return (self.now() - self._origin).total_seconds()

    def set(self, now: datetime) -> None:
        """Move to a later instant; the past is refused."""
        if now < self.now():
            raise ValueError(f"the lab's clock cannot go back from {self.now()} to {now}")
        self._base = now
        if self._driver is not None:
            self._driven_from = self._driver.monotonic()

    def run_with(self, driver: Clock) -> None:
        """Let a real clock drive lab time from here."""
        self._driver = driver
        self._driven_from = driver.monotonic()

    @property
    def is_running(self) -> bool:
        """Whether a real clock drives it."""
        return self._driver is not None

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Stand still for a while, so that time moves only as it is set; then run on, if it ran."""
        driver = self._driver
        if driver is not None:
            self.stop()
        try:
            yield
        finally:
            if driver is not None:
                self.run_with(driver)

    def stop(self) -> None:
        """Stand still at the present instant."""
        self._base = self.now()
        self._driver = None
