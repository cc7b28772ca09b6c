"""The garbage collector, kept from stopping clients: it does its long work when nobody asks.

A full collection looks at every object there is; with a hundred thousand answers kept that is some
50 ms, and by default it comes in the middle of a search. What dies young is collected as ever, and
most of what a directory lets go of needs no collector at all: entries are in no cycles.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

YOUNG = 10_000
"""Objects made before the youngest are looked at: a millisecond's work."""

MIDDLE = 4
"""Collections of the youngest before those of middle age are looked at: some milliseconds' work,
but twice as many where they hang together with entries that the processor has not seen lately."""

NEVER = 1 << 30
"""Collections before Python looks at everything by itself."""

QUIET_S = 0.5
"""Without a request for so long, nobody is expected to notice a full collection."""

LOUD_MAX = 250
"""Collections of middle age after which everything is looked at though clients never pause."""


class Collector:
    """Chooses the moment of full collections for a process that serves."""

    def __init__(self, loop: asyncio.AbstractEventLoop, last_request: Callable[[], float]) -> None:
        """Take over; ``last_request`` is when, by the loop's clock, a client asked something."""
        self._loop = loop
        self._last_request = last_request
        self._before = gc.get_threshold()
        gc.set_threshold(YOUNG, MIDDLE, NEVER)
        self._timer = loop.call_later(QUIET_S, self._look)

    def stop(self) -> None:
        """Leave the collector as it was."""
        self._timer.cancel()
        gc.set_threshold(*self._before)

    def _look(self) -> None:
        survivors = gc.get_count()[2]
        is_quiet = self._loop.time() - self._last_request() >= QUIET_S
        if survivors and (is_quiet or survivors > LOUD_MAX):
            gc.collect()
        self._timer = self._loop.call_later(QUIET_S, self._look)
