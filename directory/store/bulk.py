"""Let Python's garbage collector rest while many entries come into memory at once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LARGE = 10_000
"""Entries that are worth being left out of all later collections."""

PROGRESS_ENTRIES = 20_000
"""Entries between two lines of progress: about one a second."""


def silent(_: str) -> None:
    """Report nothing."""


@contextmanager
def without_collector(count: Callable[[], int]) -> Iterator[None]:
    """Entries have no cycles: looking for some again and again is half the cost of a large load.

    What nobody refers to goes at once as ever. ``count`` says how many entries came. Many are then
    set aside (``gc.freeze``): a collection that looks at a million entries would stop everybody for
    a second.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if count() >= LARGE:
            gc.freeze()  # nothing is collected first: that would look at every entry once
        if was_enabled:
            gc.enable()
