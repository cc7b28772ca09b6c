"""Watch the lines of our own packages that Python runs, with its own tracing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

OURS = ("directory", "edgesync")


@contextlib.contextmanager
def watched(seen: Callable[[FrameType, str], None]) -> Iterator[None]:
    """Tell of every ``line``, ``return`` and ``exception`` in our packages until the block ends.

    Whoever traced before, coverage or a debugger, goes on afterwards.
    """

    def inside(frame: FrameType, event: str, _: Any) -> Any:
        seen(frame, event)
        return inside

    def entered(frame: FrameType, _event: str, _: Any) -> Any:
        is_ours = frame.f_globals.get("__name__", "").startswith(OURS)
        return inside if is_ours else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        yield
    finally:
        sys.settrace(before)
