"""The fast lane of adds: an entry in the usual encoding, taken apart in one pass.

Everything it cannot read at a glance it leaves to the plain path (``wire.requests``) by answering
None. ``tests/property/dsa/test_quick_add.py`` holds the two together.
"""

from __future__ import annotations

from directory.model import ber
from directory.wire.entries import shortest

_SHORT = 128

AddRead = tuple[bytes, list[bytes], list[bytes], list[bytes], dict[int, list[bytes]]]
"""The entry's name; of each attribute its name as it is spelled, all of it in wire form, in the
shortest encoding, and its first value; and all values of those that have not one, by position."""


def read_add(operation: bytes) -> AddRead | None:
    """The parts of an AddRequest."""
    end = len(operation)
    try:
        at, stop = shortest(operation, 0)
        if stop != end or operation[at] != ber.OCTET_STRING:
            return None
        start, at = shortest(operation, at)
        name = operation[start:at]
        if operation[at] != ber.SEQUENCE:
            return None
        at, stop = shortest(operation, at)
        return None if stop != end else _attributes(name, operation, at, end)
    except (IndexError, ValueError):
        return None


def _attributes(name: bytes, data: bytes, at: int, end: int) -> AddRead | None:
    """Unrolled for attributes of one short value: every one that is added comes by here."""
    names: list[bytes] = []
    blobs: list[bytes] = []
    values: list[bytes] = []
    several: dict[int, list[bytes]] = {}
    while at < end:
        if data[at] != ber.SEQUENCE:
            return None
        n = data[at + 1]
        if n < _SHORT:
            start = at + 2
            stop = start + n
        else:
            start, stop = shortest(data, at)
        name_end = start + 2 + data[start + 1]
        value_at = name_end + 4
        if data[start] != ber.OCTET_STRING or data[name_end] != ber.SET or stop > end:
            return None
        # where the value ends with the attribute, every length between fits in its octet
        if (
            n < _SHORT and value_at + data[name_end + 3] == stop
            and data[name_end + 2] == ber.OCTET_STRING and name_end + 2 + data[name_end + 1] == stop
        ):  # fmt: skip
            values.append(data[value_at:stop])
        else:
            if data[start + 1] >= _SHORT:
                return None
            found = _values(data, name_end, stop)
            if found is None:
                return None
            several[len(values)] = found
            values.append(found[0] if found else b"")
        names.append(data[start + 2 : name_end])
        blobs.append(data[at:stop])
        at = stop
    return (name, names, blobs, values, several) if at == end else None


def _values(data: bytes, at: int, end: int) -> list[bytes] | None:
    """The values of the set at ``at``, which ends with the attribute."""
    at, stop = shortest(data, at)
    values: list[bytes] = []
    while at < end:
        if data[at] != ber.OCTET_STRING:
            return None
        start, at = shortest(data, at)
        values.append(data[start:at])
    return values if at == stop == end else None
