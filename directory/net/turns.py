"""Fair turns: how long all clients together may keep the event loop from looking for others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from directory.net.limits import (
    CROWD,
    CROWDED_TURN_S,
    SLICE_REPLIES,
    SLICE_REPLIES_BRIEF,
    TURN_S,
)


class Turn:
    """One round of the event loop, shared by the clients of a server.

    Whoever asks something is answered one thing at once, so that a client with a single question
    never queues; who has more queues with all others, and the queue goes on while the turn lasts.
    Two thousand dumps take long then, and nobody else waits for them.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Final = loop
        self._until: float | None = None
        self._queue: Final[deque[Callable[[], None]]] = deque()

    def later(self, work: Callable[[], None]) -> None:
        """Do this when those who queue already have had their turn."""
        if not self._queue:
            self._loop.call_soon(self._go_on)
        self._queue.append(work)

    @property
    def is_crowded(self) -> bool:
        """Whether so many queue that each should do little at a time."""
        return len(self._queue) > CROWD

    @property
    def slice_replies(self) -> int:
        """Most replies one request may give before others have their turn."""
        return SLICE_REPLIES_BRIEF if self.is_crowded else SLICE_REPLIES

    def _go_on(self) -> None:
        queue = self._queue
        self._begin()
        try:
            until = self._loop.time() + CROWDED_TURN_S if self.is_crowded else None
            for _ in range(len(queue)):  # who queues anew meanwhile comes in another round
                queue[0]()
                queue.popleft()
                if self.is_over or (until is not None and self._loop.time() > until):
                    break
        except BaseException:
            queue.popleft()
            raise
        finally:
            if queue:
                self._loop.call_soon(self._go_on)

    @property
    def is_over(self) -> bool:
        """Whether the others should have their turn first; starts the turn when none is on."""
        if self._until is None:
            self._begin()
            return False
        return self._loop.time() > self._until

    def _begin(self) -> None:
        if self._until is None:
            self._until = self._loop.time() + TURN_S
            self._loop.call_soon(self._end)

    def _end(self) -> None:
        self._until = None
