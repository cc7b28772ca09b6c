"""The fast lane of adds: an entry in the usual encoding, taken apart in one pass.

Everything it cannot read at a glance it leaves to the plain path (``wire.requests``) by answering
None. ``tests/property/dsa/test_quick_add.py`` holds the two together.
"""

from __future__ import annotations

from directory.model import ber
from directory.wire.entries import shortest
from directory.wire.glance import SHORT, name_and_list, values_of_set

CLASSES_MAX = 256
"""Classes remembered by their wire form: entries have a handful of combinations."""

CLASSES_OCTETS_MAX = 512
"""Longest form remembered, octets: Exchange's have a hundred."""

_CLASSES: dict[bytes, list[bytes]] = {}
"""Values of objectClass attributes that were read: nearly every add has the same."""

AddRead = tuple[bytes, list[bytes], list[bytes], list[bytes], dict[int, list[bytes]]]
"""The entry's name; of each attribute its name as it is spelled, all of it in wire form, in the
shortest encoding, and its first value; and all values of those that have not one, by position."""


def read_add(operation: bytes) -> AddRead | None:
    """The parts of an AddRequest."""
    try:
        found = name_and_list(operation)
        return None if found is None else _attributes(*found, operation)
    except (IndexError, ValueError):
        return None


def _attributes(name: bytes, at: int, data: bytes) -> AddRead | None:
    """Unrolled for attributes of one short value: every one that is added comes by here."""
    end = len(data)
    names: list[bytes] = []
    blobs: list[bytes] = []
    values: list[bytes] = []
    several: dict[int, list[bytes]] = {}
    while at < end:
        if data[at] != ber.SEQUENCE:
            return None
        n = data[at + 1]
        if n < SHORT:
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
            n < SHORT and value_at + data[name_end + 3] == stop
            and data[name_end + 2] == ber.OCTET_STRING and name_end + 2 + data[name_end + 1] == stop
        ):  # fmt: skip
            values.append(data[value_at:stop])
        else:
            if data[start + 1] >= SHORT:
                return None
            found = _CLASSES.get(data[at:stop])
            if found is None:
                found = values_of_set(data, name_end, stop)
                if found is None:
                    return None
                if data[start + 2 : name_end] == b"objectClass" and stop - at <= CLASSES_OCTETS_MAX:
                    if len(_CLASSES) >= CLASSES_MAX:
                        _CLASSES.clear()
                    _CLASSES[data[at:stop]] = found
            several[len(values)] = found
            values.append(found[0] if found else b"")
        names.append(data[start + 2 : name_end])
        blobs.append(data[at:stop])
        at = stop
    return (name, names, blobs, values, several) if at == end else None
