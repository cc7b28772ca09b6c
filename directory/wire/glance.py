"""What the fast lanes of updates read alike: a name with a list behind it, and a set of values.

In the shortest encoding only; anything else is None, IndexError or ValueError, and left to the
plain path.
"""

from __future__ import annotations

from directory.model import ber
from directory.wire.entries import shortest

SHORT = 128
"""Lengths below stand in one octet."""


def name_and_list(operation: bytes) -> tuple[bytes, int] | None:
    """The name of an AddRequest or ModifyRequest; and where its list begins, to go to the end."""
    end = len(operation)
    at, stop = shortest(operation, 0)
    if stop != end or operation[at] != ber.OCTET_STRING:
        return None
    start, at = shortest(operation, at)
    name = operation[start:at]
    if operation[at] != ber.SEQUENCE:
        return None
    first, stop = shortest(operation, at)
    return (name, first) if stop == end else None


def values_of_set(data: bytes, at: int, end: int) -> list[bytes] | None:
    """The values of the set at ``at``, which ends with the attribute, at ``end``."""
    n = data[at + 1]
    if n < SHORT:
        at += 2
        stop = at + n
    else:
        at, stop = shortest(data, at)
    values: list[bytes] = []
    while at < end:
        if data[at] != ber.OCTET_STRING:
            return None
        n = data[at + 1]
        if n < SHORT:
            start = at + 2
            at = start + n
        else:
            start, at = shortest(data, at)
        values.append(data[start:at])
    return values if at == stop == end else None
