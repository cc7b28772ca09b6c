"""How much key derivation a PFX asks for: told before it is done.

A file names its own iteration counts (RFC 7292 appendix B, RFC 8018 appendix A), and the library
obeys: 2^31 of them keep a machine busy for a quarter of an hour. Counts inside an encrypted part
cannot be seen before it is opened; whoever made that part knew the password.
"""

from __future__ import annotations

ITERATIONS_MAX = 5_000_000
"""Most rounds of derivation in one file, all parts together, some seconds: Windows writes 2,000,
OpenSSL 2,048, the most careful tools 600,000."""

DEPTH_MAX = 24
"""Deepest nesting looked at: a PFX's parameters stand 12 deep."""

ELEMENTS_MAX = 50_000
"""Most elements looked at: a PFX with a long chain has some hundreds."""

_INTEGER, _OCTET_STRING, _CONSTRUCTED = 0x02, 0x04, 0x20
_END_OF_CONTENTS = b"\0\0"


def iterations_of(data: bytes) -> int:
    """The sum of all iteration counts that can be read in a PFX; 0 for what is none.

    What is too deep or too long to be looked at whole counts as more than ``ITERATIONS_MAX``: the
    library would go on reading where we stopped.
    """
    counter = _Counter()
    try:
        counter.walk(data, 0, len(data), 0)
    except _BeyondLimits:
        return ITERATIONS_MAX + 1
    return counter.total


class _BeyondLimits(Exception):
    """More than is looked at."""


class _Counter:
    """Walks BER; wherever an INTEGER follows an OCTET STRING, these are a salt and its count."""

    def __init__(self) -> None:
        self.total = 0
        self._elements = 0

    def walk(self, data: bytes, at: int, end: int, depth: int) -> int:
        """Look at the elements of a range; where it ends, which only BER's long way leaves open."""
        before = 0
        while at + 2 <= end and data[at : at + 2] != _END_OF_CONTENTS:
            self._count(depth)
            tag, start, stop = _header(data, at, end)
            if tag == _OCTET_STRING | _CONSTRUCTED:
                joined, at = self._joined(data, start, end, stop, depth + 1)
                self.walk(joined, 0, len(joined), depth + 1)
            elif tag & _CONSTRUCTED:
                stopped = self.walk(data, start, end if stop < 0 else stop, depth + 1)
                at = stopped + 2 if stop < 0 else stop
            else:
                if stop < 0:
                    return end
                if tag == _OCTET_STRING:
                    self.walk(data, start, stop, depth + 1)
                elif tag == _INTEGER and before & ~_CONSTRUCTED == _OCTET_STRING:
                    self.total += int.from_bytes(data[start:stop][:9], "big")
                at = stop
            before = tag
        return at

    def _joined(self, data: bytes, at: int, end: int, stop: int, depth: int) -> tuple[bytes, int]:
        """An octet string written in pieces, and in pieces of pieces; and what follows it."""
        pieces = []
        last = end if stop < 0 else stop
        while at + 2 <= last and data[at : at + 2] != _END_OF_CONTENTS:
            self._count(depth)
            tag, start, piece_stop = _header(data, at, last)
            if tag & _CONSTRUCTED:
                piece, at = self._joined(data, start, last, piece_stop, depth + 1)
            else:
                piece, at = data[start:piece_stop], last if piece_stop < 0 else piece_stop
            pieces.append(piece)
        return b"".join(pieces), at + 2 if stop < 0 else stop

    def _count(self, depth: int) -> None:
        self._elements += 1
        if self._elements > ELEMENTS_MAX or depth > DEPTH_MAX:
            raise _BeyondLimits


def _header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """Tag, start and end of an element; the end is -1 when its contents are to be followed."""
    length = data[at + 1]
    start = at + 2
    if length == 0x80:
        return data[at], start, -1
    if length > 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[at + 2 : start], "big")
    return data[at], start, min(start + length, end)
