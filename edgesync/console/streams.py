"""The lab's events as server-sent events: from where the reader left off, then as they happen."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from edgesync.console.protection import RequestRefused, refusal
from edgesync.events import Event
from edgesync.lab.lab import Lab

STREAMS_MAX = 64
"""Most readers at once; a browser opens one per page."""

BATCH = 500
"""Events read from the ledger at once."""

HEARTBEAT_S = 15.0
"""A comment this often shows proxies and readers that the stream lives."""

RETRY_MS = 2000
"""How long a browser waits before it connects again."""


class EventStreams:
    """Wakes every reader when something happens; the ledger holds what it was.

    Readers take events from the ledger by number, so a slow reader loses nothing and a
    reader that comes back goes on where it left off.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lock = threading.Lock()
        self._readers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._is_closed = False
        lab.listeners.append(self.notify)

    def notify(self, _event: Event | None = None) -> None:
        """Wake the readers; called in whatever thread an event happened."""
        with self._lock:
            for wake, loop in self._readers.items():
                if not loop.is_closed():
                    loop.call_soon_threadsafe(wake.set)

    def close(self) -> None:
        """End every stream."""
        self._is_closed = True
        if self.notify in self._lab.listeners:
            self._lab.listeners.remove(self.notify)
        self.notify()

    def latest(self) -> int:
        """Number of the latest event, 0 when there is none."""
        return next((number for number, _ in self._lab.ledger.events(limit=1)), 0)

    def has_room(self) -> bool:
        """Whether one more reader may come."""
        with self._lock:
            return len(self._readers) < STREAMS_MAX and not self._is_closed

    async def read(self, after: int) -> AsyncIterator[str]:
        """The text of a stream from the event after this number on."""
        wake = asyncio.Event()
        with self._lock:
            self._readers[wake] = asyncio.get_running_loop()
        try:
            yield f"retry: {RETRY_MS}\n\n"
            while not self._is_closed:
                wake.clear()
                for number, text in self._since(after):
                    after = number
                    yield text
                try:
                    await asyncio.wait_for(wake.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            with self._lock:
                self._readers.pop(wake, None)

    def _since(self, after: int) -> list[tuple[int, str]]:
        """The latest events after a number: the ledger gives the newest when there are many."""
        found = self._lab.ledger.events(after=after, limit=BATCH)
        return [(number, event_text(number, event)) for number, event in found]


def event_text(number: int, event: Event) -> str:
    """One event in the stream's format. JSON has no raw line breaks, so no value ends a field."""
    return f"id: {number}\ndata: {json.dumps(event.document())}\n\n"


async def events(request: Request) -> Response:
    """``GET /api/v1/events``: from ``after`` or ``Last-Event-ID`` on, else only what comes."""
    streams: EventStreams = request.app.state.streams
    start = request.headers.get("last-event-id") or request.query_params.get("after")
    if start is not None and not (start.isascii() and start.isdigit() and len(start) < 19):
        return refusal(RequestRefused(400, "after must be the number of an event", "leave it out"))
    if not streams.has_room():
        return refusal(
            RequestRefused(503, f"{STREAMS_MAX} readers follow the lab's events", "close a page")
        )
    after = streams.latest() if start is None else int(start)
    return StreamingResponse(
        streams.read(after), media_type="text/event-stream", headers={"x-accel-buffering": "no"}
    )
