"""Find keys that contain a piece: one long byte string of all keys, searched in C.

Costs nothing per write: keys that came since the last build are kept aside and scanned, and the
arena is built anew when they are more than a twentieth.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator

SEPARATOR = b"\x00"
"""Stands between keys; string preparation maps it to nothing, so no prepared key contains it."""

OVERFLOW_MIN = 256
"""Keys kept aside before the twentieth matters."""


class Arena:
    """The keys of one index at the time it was built, and those added since."""

    def __init__(self, keys: Collection[bytes]) -> None:
        self._keys = list(keys)
        self._text = SEPARATOR.join(self._keys)
        offsets = array("Q")
        at = 0
        for key in self._keys:
            offsets.append(at)
            at += len(key) + 1
        self._offsets = offsets
        self._added: dict[bytes, None] = {}

    @property
    def is_stale(self) -> bool:
        """Whether it should be built anew before it is asked."""
        return len(self._added) > max(OVERFLOW_MIN, len(self._keys) // 20)

    def add(self, key: bytes) -> None:
        """Note a key that came; keys that went are left in, so look up what is found."""
        self._added[key] = None

    def containing(self, piece: bytes) -> Iterator[bytes]:
        """Keys that contain a piece, each once; some may be gone from the index."""
        text, offsets = self._text, self._offsets
        at = text.find(piece)
        while at >= 0:
            index = bisect_right(offsets, at) - 1
            key = self._keys[index]
            yield key
            at = text.find(piece, offsets[index] + len(key))
        for key in self._added:
            if piece in key:
                yield key
