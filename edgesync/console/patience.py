"""How long the console waits for strangers: uvicorn itself waits for a request's head for ever."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

CONNECTIONS_MAX = 256
"""Connections at once: a browser opens six, a script one. When one more comes, who has been keeping
us waiting for a request longest is hung up on, so that silence cannot lock others out."""

REQUEST_TIMEOUT_S = 20.0
"""Longest time for a whole request to arrive, from its first byte; the largest, 8 MiB from this
machine, takes a fraction of a second."""

STALLED_TIMEOUT_S = 60.0
"""How long a reader may leave an answer unread before it is cut off."""


class SentAhead:
    """Requests that came before their turn, behind others of their connection: one a round.

    Thirty clients who send hundreds at once would else fill every round of the event loop, and a
    question from outside takes some ten rounds from its connection to its answer.
    """

    def __init__(self) -> None:
        self._queue: Final[deque[Callable[[], None]]] = deque()

    def later(self, loop: asyncio.AbstractEventLoop, begin: Callable[[], None]) -> None:
        """Begin this when those who queue already have begun."""
        if not self._queue:
            loop.call_soon(self._go_on, loop)
        self._queue.append(begin)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        begin = self._queue.popleft()
        if self._queue:
            loop.call_soon(self._go_on, loop)
        begin()


class PatientProtocol(H11Protocol):
    """One HTTP connection that is given up when its peer does not go on."""

    request_timeout_s = REQUEST_TIMEOUT_S
    stalled_timeout_s = STALLED_TIMEOUT_S
    connections_max = CONNECTIONS_MAX

    def __init__(self, *args: Any, sent_ahead: SentAhead, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sent_ahead = sent_ahead
        self._waiting: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self.since = self.loop.time()
        """When it connected, or its last answer ended."""

    @property
    def is_waited_for(self) -> bool:
        """Whether the next move is the peer's: no request, or not all of it."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A peer connected."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            others = (c for c in self.connections if isinstance(c, PatientProtocol))
            slowest = min((c for c in others if c.is_waited_for), key=lambda c: c.since)
            slowest.transport.abort()
        self._look()

    def data_received(self, data: bytes) -> None:
        """Bytes from the peer."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """An answer ended; the next request may take its time again."""
        self._forget_waiting()
        self.since = self.loop.time()
        if self.conn.trailing_data[0]:
            self._sent_ahead.later(self.loop, self._go_on)
        else:
            self._go_on()

    def _go_on(self) -> None:
        super().on_response_complete()
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._forget_waiting()
        self._forget_stalled()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer does not read."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stalled_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        self._forget_stalled()
        super().resume_writing()

    def _look(self) -> None:
        if not self.is_waited_for:
            self._forget_waiting()
        elif self._waiting is None and not self.transport.is_closing():
            self._waiting = self.loop.call_later(self.request_timeout_s, self.transport.abort)

    def _forget_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _forget_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
