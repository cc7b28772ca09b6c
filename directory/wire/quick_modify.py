"""The fast lane of modifies: replacements, whose attributes the store keeps as they came.

A replacement of all values, by far the most usual change, holds its attribute in the very form the
store has it in. Everything it cannot read at a glance it leaves to the plain path
(``wire.requests``) by answering None. ``tests/property/dsa/test_quick_modify.py`` holds the two
together.
"""

from __future__ import annotations

from directory.model import ber
from directory.wire.entries import shortest
from directory.wire.glance import SHORT, name_and_list, values_of_set

_REPLACE = b"\x0a\x01\x02"
"""The operation of a change, with tag and length."""

Replacement = tuple[bytes, bytes, list[bytes]]
"""An attribute's name as it is spelled; all of it in wire form, in the shortest encoding; its
values."""


def read_replacements(operation: bytes) -> tuple[bytes, list[Replacement]] | None:
    """Name and changes of a ModifyRequest that only replaces."""
    end = len(operation)
    try:
        found = name_and_list(operation)
        if found is None:
            return None
        name, at = found
        changes: list[Replacement] = []
        while at < end:
            if operation[at] != ber.SEQUENCE:
                return None
            at, stop = shortest(operation, at)
            first = at + len(_REPLACE)
            if operation[at:first] != _REPLACE or stop > end:
                return None
            change = _replacement(operation, first, stop)
            if change is None:
                return None
            changes.append(change)
            at = stop
    except (IndexError, ValueError):
        return None
    return name, changes


def _replacement(data: bytes, first: int, end: int) -> Replacement | None:
    """The attribute that is the whole of ``data[first:end]``."""
    if data[first] != ber.SEQUENCE:
        return None
    at, stop = shortest(data, first)
    name_end = at + 2 + data[at + 1]
    if (
        stop != end or data[at] != ber.OCTET_STRING or data[at + 1] >= SHORT
        or data[name_end] != ber.SET
    ):  # fmt: skip
        return None
    name = data[at + 2 : name_end]
    values = values_of_set(data, name_end, end)
    return None if values is None else (name, data[first:end], values)
