"""The fast lane: the searches that make up nearly all traffic, read with a few slices.

One equality or presence, no controls, short names. Everything it cannot read at a glance it
leaves to the plain path (``wire.requests``), by answering None: it never decides anything
itself. ``tests/property/wire/test_quick.py`` holds the two together.
"""

from __future__ import annotations

from directory.errors import DecodeError, LdapError
from directory.model.ber import Reader
from directory.wire.entries import KNOWN_SELECTIONS, decode_selection

QuickSearch = tuple[bytes, int, bytes, bytes | None, tuple[str, ...], int]
"""Base, scope, attribute, value (None: present), attributes wanted, size limit; names as sent."""

_SCOPES = 4
_SHORT = 128

_LIMITS = {
    bytes((10, 1, scope, 10, 1, deref, 2, 1, size, 2, 1, time, 1, 1, 0)): (scope, size)
    for scope in range(_SCOPES)
    for deref in range(4)
    for size in (0, 1, 2, 10, 100)
    for time in (0, 10, 30, 60)
}
"""Scope, derefAliases, sizeLimit, timeLimit, typesOnly false, as the usual fifteen octets."""

_LIMITS_OCTETS = 15


def quick_search(op: bytes) -> QuickSearch | None:
    """Read a SearchRequest protocolOp, or leave it to the plain path."""
    try:
        n = op[1]
        at = 4 if n < _SHORT else 4 + (n & 0x7F)
        end = at + op[at - 1]
        filter_at = end + _LIMITS_OCTETS
        limits = _LIMITS.get(op[end:filter_at])
        if limits is None or op[at - 2] != 4 or op[at - 1] >= _SHORT:
            return None
        n = op[filter_at + 1]
        stop = filter_at + 2 + n
        value: bytes | None
        if n >= _SHORT:
            return None
        if op[filter_at] == 0xA3:
            name_end = filter_at + 4 + op[filter_at + 3]
            name = op[filter_at + 4 : name_end]
            value = op[name_end + 2 : stop]
            if (
                op[filter_at + 2] != 4
                or op[name_end] != 4
                or name_end + 2 + op[name_end + 1] != stop
            ):
                return None
        elif op[filter_at] == 0x87:
            name = op[filter_at + 2 : stop]
            value = None
        else:
            return None
        attributes = KNOWN_SELECTIONS.get(op[stop:])
        if attributes is None:
            reader = Reader(op, stop)
            attributes = decode_selection(reader)
            if reader.more:
                return None
    except (IndexError, DecodeError, LdapError):
        return None
    return op[at:end], limits[0], name, value, attributes, limits[1]
