"""How the C library keeps the memory of a process that runs for long: no more than is used.

glibc gives each new thread an arena of its own. A lab works in many threads, one after the other,
and what one frees the next cannot use: half an hour of use kept three times what was in use, and
a little more every minute. Threads of Python hold its lock while they allocate; there is nothing
to gain from more arenas than one.

It also keeps what was large once, in case it is wanted again. scrypt takes 16 MiB to check a
password: two at once, and the second was never given back.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""Parameters of mallopt(3), from ``malloc.h``."""

LARGE = 1024 * 1024
"""Octets from which memory is mapped for itself and goes back to the system when it is freed, and
free octets at the end of the heap that go back: a message or a page of a directory is smaller."""


def keep_little() -> bool:
    """Ask the C library to keep little, before threads are started; whether it does that.

    Only glibc knows these parameters: elsewhere nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # musl and macOS; nothing loaded; Windows
        return False
    wanted = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, LARGE), (_M_TRIM_THRESHOLD, LARGE))
    return all(mallopt(parameter, value) for parameter, value in wanted)
