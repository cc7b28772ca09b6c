"""How much key derivation a PFX asks for: told before it is done.

A file names its own iteration counts (RFC 7292 appendix B, RFC 8018 appendix A), and the library
obeys: 2^31 of them keep a machine busy for a quarter of an hour. Counts inside an encrypted part
cannot be seen before it is opened; whoever made that part knew the password.
"""

from __future__ import annotations

ITERATIONS_MAX = 5_000_000
"""Most rounds of derivation in one file, all parts together, some seconds: Windows writes 2,000,
OpenSSL 2,048, the most careful tools 600,000."""

DEPTH_MAX = 16
"""Deepest nesting looked at: a PFX's parameters stand 12 deep; deeper lie keys and certificates."""

PIECES_DEPTH_MAX = 5
"""Deepest nesting of the pieces of an octet string: as OpenSSL's, which refuses more."""

ELEMENTS_MAX = 50_000
"""Most elements looked at: a PFX with a long chain has some hundreds."""

ELEMENT_OCTETS = 2
"""Octets that an element takes at least. More elements than that are pieces in pieces in pieces,
each looked at again and again."""

FEW_ELEMENTS = 64
"""Looked at however short the file is."""

_INTEGER, _OCTET_STRING, _CONSTRUCTED = 0x02, 0x04, 0x20
_END_OF_CONTENTS = b"\0\0"


def iterations_of(data: bytes) -> int:
    """The sum of all iteration counts that can be read in a PFX; 0 for what is none.

    A file of more elements than are looked at counts as more than ``ITERATIONS_MAX``: the library
    would go on reading where we stopped.
    """
    counter = _Counter(min(FEW_ELEMENTS + len(data) // ELEMENT_OCTETS, ELEMENTS_MAX))
    try:
        counter.walk(data, 0, len(data), 0)
    except _BeyondLimits:
        return ITERATIONS_MAX + 1
    return counter.total


class _BeyondLimits(Exception):
    """More than is looked at."""


class _Counter:
    """Walks BER; wherever an INTEGER follows an OCTET STRING, these are a salt and its count."""

    def __init__(self, elements_max: int) -> None:
        self.total = 0
        self._left = elements_max

    def walk(self, data: bytes, at: int, end: int, depth: int) -> int:
        """Look at the elements of a range; where it ends, which only BER's long way leaves open."""
        before = 0
        if depth > DEPTH_MAX:
            return end
        while at + 2 <= end and data[at : at + 2] != _END_OF_CONTENTS:
            self._count()
            tag, start, stop = _header(data, at)
            if stop > end or start > end:
                return end  # no BER from here on, as most octet strings hold none
            if tag == _OCTET_STRING | _CONSTRUCTED:
                joined, at = self._joined(data, start, end, stop, 1)
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
        pieces: list[bytes] = []
        last = end if stop < 0 else stop
        if depth > PIECES_DEPTH_MAX:
            return b"", last
        while at + 2 <= last and data[at : at + 2] != _END_OF_CONTENTS:
            self._count()
            tag, start, piece_stop = _header(data, at)
            if piece_stop > last or start > last:
                return b"", last
            if tag & _CONSTRUCTED:
                piece, at = self._joined(data, start, last, piece_stop, depth + 1)
            else:
                piece, at = data[start:piece_stop], last if piece_stop < 0 else piece_stop
            pieces.append(piece)
        return b"".join(pieces), at + 2 if stop < 0 else stop

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _BeyondLimits


def _header(data: bytes, at: int) -> tuple[int, int, int]:
    """Tag, start and end of an element; the end is -1 when its contents are to be followed."""
    length = data[at + 1]
    start = at + 2
    if length == 0x80:
        return data[at], start, -1
    if length > 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[at + 2 : start], "big")
    return data[at], start, start + length
