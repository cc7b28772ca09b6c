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
    """The sum of all iteration counts that can be read in a PFX; 0 for what is none."""
    counter = _Counter()
    counter.walk(data, 0, len(data), 0)
    return counter.total


class _Counter:
    """Walks BER; wherever an INTEGER follows an OCTET STRING, these are a salt and its count."""

    def __init__(self) -> None:
        self.total = 0
        self._elements = 0

    def walk(self, data: bytes, at: int, end: int, depth: int) -> int:
        """Look at the elements of a range; where it ends, which only BER's long way leaves open."""
        before = 0
        while at + 2 <= end and data[at : at + 2] != _END_OF_CONTENTS:
            self._elements += 1
            if self._elements > ELEMENTS_MAX or depth > DEPTH_MAX:
                return end
            tag, start, stop = _header(data, at, end)
            if tag & _CONSTRUCTED:
                stopped = self.walk(data, start, end if stop < 0 else stop, depth + 1)
                at = stopped + 2 if stop < 0 else stop
                if tag == _OCTET_STRING | _CONSTRUCTED:
                    joined = _joined(data, start, stopped)
                    self.walk(joined, 0, len(joined), depth + 1)
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


def _joined(data: bytes, at: int, end: int) -> bytes:
    """The contents of an octet string that was written in pieces."""
    pieces = []
    while at + 2 <= end:
        _, start, stop = _header(data, at, end)
        if stop < at + 2:
            break
        pieces.append(data[start:stop])
        at = stop
    return b"".join(pieces)
