"""A machine's clock that is wrong: ahead, behind, too fast or too slow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from directory.clock import Clock

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class SkewedClock:
    """Another clock's time, off by a span and by a rate (parts per million) from ``since`` on."""

    inner: Clock
    offset: timedelta
    since: datetime
    drift_ppm: float = 0.0

    def now(self) -> datetime:
        """What this machine takes for the time."""
        true = self.inner.now()
        return true + self.offset + (true - self.since) * (self.drift_ppm / PPM)

    def true(self, shown: datetime) -> datetime:
        """The instant at which this clock shows ``shown``."""
        passed = shown - self.offset - self.since
        return self.since + passed / (1 + self.drift_ppm / PPM)

    def monotonic(self) -> float:
        """Seconds that the machine has counted."""
        return self.inner.monotonic() * (1 + self.drift_ppm / PPM)
