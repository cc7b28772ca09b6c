"""Listening in on what a lab's servers log while something is tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgesync.events import Event
from edgesync.lab.lab import Lab


@contextmanager
def recorded(lab: Lab) -> Iterator[list[Event]]:
    """What the lab's servers log meanwhile, oldest first."""
    logged: list[Event] = []
    keep = logged.append
    lab.listeners.append(keep)
    try:
        yield logged
    finally:
        lab.listeners.remove(keep)
