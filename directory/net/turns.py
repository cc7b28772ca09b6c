"""Fair turns: how long all clients together may keep the event loop from looking for others."""

from __future__ import annotations

import asyncio
from typing import Final

from directory.net.limits import TURN_S


class Turn:
    """One round of the event loop, shared by the clients of a server.

    Whoever has something to do does one thing, whatever the hour, so that a client with a single
    question never queues; who has more goes on only while the turn is not over.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Final = loop
        self._until: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether the others should have their turn first; starts the turn when none is on."""
        now = self._loop.time()
        if self._until is None:
            self._until = now + TURN_S
            self._loop.call_soon(self._end)
            return False
        return now > self._until

    def _end(self) -> None:
        self._until = None
