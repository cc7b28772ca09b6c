"""One process at a time: a lock on an open file that is gone with the process, however it ends."""

from __future__ import annotations

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # Windows
else:

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold(handle: int) -> None:
    """Hold an open file for this process until it closes it.

    Raises:
        OSError: another process holds it.
    """
    _lock(handle)
