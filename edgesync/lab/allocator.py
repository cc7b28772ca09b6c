"""How the C library keeps the memory of a process that runs for long: in one arena.

glibc gives each new thread an arena of its own. A lab works in many threads, one after the other,
and what one frees the next cannot use: half an hour of use kept three times what was in use, and
a little more every minute. Threads of Python hold its lock while they allocate; there is nothing
to gain from more arenas than one.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""``M_ARENA_MAX`` of ``malloc.h`` (mallopt(3)); as if ``MALLOC_ARENA_MAX=1`` had been set."""


def keep_one_arena() -> bool:
    """Ask the C library for one arena, before threads are started; whether it does that.

    Only glibc has arenas: elsewhere there is nothing to ask, and nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS; nothing loaded; Windows
        return False
    return bool(mallopt(_M_ARENA_MAX, 1))
