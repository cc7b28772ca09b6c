"""What is due when: the one loop that makes lab time pass, virtual or real."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from edgesync.lab.clock import LabClock

ACTIVITIES_MAX = 10_000_000
"""Most activities of one advance: a year of a large organisation stays below; more is a loop."""

STALLED_MAX = 10_000
"""Most activities at one instant before an activity that never moves on is called broken."""


@dataclass(frozen=True, slots=True)
class Activity:
    """Something a server does by itself: when next, and how. ``run`` gets the due instant."""

    name: str
    due: datetime
    run: Callable[[datetime], None]


Source = Callable[[], Iterable[Activity]]
"""Asked anew before every step, since each step may change what is due next."""


class Agenda:
    """Runs due activities in order of time, ties by name."""

    def __init__(self, clock: LabClock) -> None:
        self._clock = clock
        self._sources: list[Source] = []
        self._disturbing: list[Source] = []
        self.until: datetime | None = None
        """Where the advance under way ends; None between advances."""
        self.epoch = 0
        """Counts advances and what disturbed them: knowledge of one epoch ends with it."""

    def add_source(self, source: Source, *, disturbs: bool = False) -> None:
        """Let somebody say what is due; ``disturbs``: it may change directories or machines."""
        self._sources.append(source)
        if disturbs:
            self._disturbing.append(source)

    def horizon(self) -> datetime | None:
        """How far the advance under way goes before anything disturbs; None outside of one."""
        if self.until is None:
            return None
        coming = (item.due for source in self._disturbing for item in source())
        return min((self.until, *coming))

    def next(self) -> Activity | None:
        """The earliest activity of all."""
        return min(
            (activity for source in self._sources for activity in source()),
            key=lambda activity: (activity.due, activity.name),
            default=None,
        )

    def advance_to(self, until: datetime) -> int:
        """Move the clock forward, running what falls due on the way; returns how many ran."""
        before, self.until = self.until, until
        self.epoch += 1
        try:
            return self._advance_to(until)
        finally:
            self.until = before

    def _advance_to(self, until: datetime) -> int:
        ran = stalled = 0
        while ran < ACTIVITIES_MAX:
            activity = self.next()
            if activity is None or activity.due > until:
                break
            moved = activity.due > self._clock.now()
            if moved:
                self._clock.set(activity.due)
            stalled = 0 if moved else stalled + 1
            if stalled > STALLED_MAX:
                raise AssertionError(f"{activity.name} stays due at {activity.due}")
            activity.run(self._clock.now())
            ran += 1
        if until > self._clock.now():
            self._clock.set(until)
        return ran

    def advance(self, by: timedelta) -> int:
        """Move the clock forward by a span."""
        return self.advance_to(self._clock.now() + by)
