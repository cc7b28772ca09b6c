"""One process at a time: a lock on an open file that is gone with the process, however it ends."""

from __future__ import annotations

try:
    import fcntl
except ImportError:  # Windows
    import msvcrt

    def hold(handle: int) -> None:
        """Hold an open file for this process until it closes it.

        Raises:
            OSError: another process holds it.
        """
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # Windows
else:

    def hold(handle: int) -> None:
        """Hold an open file for this process until it closes it.

        Raises:
            OSError: another process holds it.
        """
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
