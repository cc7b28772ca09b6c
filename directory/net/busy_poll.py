"""Look for the next question instead of going to sleep, while a client asks one after the other.

A process that sleeps is woken by a message to another core, some 50 µs in a virtual machine: more
than the answer takes. Whoever asks question after question waits for that each time. So after an
answer the event loop keeps turning for a moment: it polls its sockets without waiting, which blocks
nobody, and finds the next question there and then. This only ever costs a core that would have been
idle: it begins when questions have come quickly, ends for good measure when one does not, and an
idle server uses no CPU. Where there is but one core to run on it is never begun.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Final

from directory.net.limits import (
    PREEMPTED_PAUSE_S,
    PREEMPTED_S,
    QUICK_QUESTIONS,
    QUICK_QUESTIONS_MAX,
)


def cores() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class BusyPoll:
    """Keeps one event loop awake between an answer and a question expected soon."""

    __slots__ = (
        "_answered_at", "_call_soon", "_clock", "_looked_at", "_needed", "_paused_until", "_quick",
        "_window_s", "is_polling", "is_waiting",
    )  # fmt: skip

    def __init__(
        self,
        call_soon: Callable[[Callable[[], None]], object],
        window_s: float,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """Poll for so many seconds after an answer.

        ``call_soon`` is the event loop's; while something waits there, the loop does not sleep.
        The loop's own clock would not do: uvloop's counts milliseconds.
        """
        self._call_soon: Final = call_soon
        self._clock: Final = clock
        self._window_s: Final = window_s
        self._needed = QUICK_QUESTIONS
        self._quick = 0
        self._answered_at = self._looked_at = self._paused_until = 0.0
        self.is_waiting = False
        """Whether everything asked is answered and nothing was asked since."""
        self.is_polling = False
        """Whether the loop is kept awake."""

    def asked(self) -> None:
        """A question came, the first since an answer."""
        self.is_waiting = False
        if self.is_polling:
            self._needed = max(self._needed - 1, QUICK_QUESTIONS)
            self._notice_preemption(self._clock())
        elif self._clock() - self._answered_at <= self._window_s:
            self._quick += 1
        else:
            self._quick = 0

    def answered(self) -> None:
        """An answer was sent."""
        self.is_waiting = True
        now = self._answered_at = self._clock()
        if self.is_polling:
            self._looked_at = now  # what took so long was the answer, its commit above all
        elif self._quick >= self._needed and now >= self._paused_until:
            self.is_polling = True
            self._looked_at = now
            self._call_soon(self._look)

    def _look(self) -> None:
        """Once in each turn of the loop, which has polled all sockets since the last time."""
        now = self._clock()
        self._notice_preemption(now)
        if now < self._paused_until:
            self._stop()
        elif now - self._answered_at > self._window_s:
            if self.is_waiting:  # in vain; else it is the answer that takes long
                self._needed = min(self._needed * 2, QUICK_QUESTIONS_MAX)
            self._stop()
        else:
            self._looked_at = now
            self._call_soon(self._look)

    def _notice_preemption(self, now: float) -> None:
        """Pause where the core went to somebody else: who sleeps is woken sooner than who polls."""
        if now - self._looked_at > PREEMPTED_S:
            self._paused_until = now + PREEMPTED_PAUSE_S

    def _stop(self) -> None:
        self.is_polling = False
        self._quick = 0
