"""The event loop that servers run on: uvloop's where it is installed, the same, a little faster."""

from __future__ import annotations

import asyncio


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An event loop for sockets, not yet running."""
    try:
        import uvloop  # noqa: PLC0415 - an optional extra
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
