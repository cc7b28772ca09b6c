"""The fast lane: the searches that make up nearly all traffic, read with a few slices.

One equality or presence, no controls, short names. Everything it cannot read at a glance it
leaves to the plain path (``wire.requests``), by answering None: it never decides anything
itself. ``tests/property/wire/test_quick.py`` holds the two together.
"""

from __future__ import annotations

from typing import NamedTuple

from directory.errors import DecodeError, LdapError
from directory.model.ber import Reader
from directory.wire.entries import decode_selection


class QuickSearch(NamedTuple):
    """A search with one equality, or a presence when ``value`` is None; all names as sent."""

    base: bytes
    scope: int
    name: bytes
    value: bytes | None
    attributes: tuple[str, ...]
    size_limit: int


def quick_search(op: bytes) -> QuickSearch | None:
    """Read a SearchRequest protocolOp, or leave it to the plain path."""
    try:
        n = op[1]
        at = 4 if n < 128 else 4 + (n & 0x7F)
        end = at + op[at - 1]
        if op[at - 2] != 4 or op[at - 1] > 127:
            return None
        base = op[at:end]
        # scope, derefAliases, sizeLimit, timeLimit in one octet each, typesOnly false
        head = op[end : end + 15]
        if (
            head[0:2] != b"\x0a\x01"
            or head[2] > 3
            or head[3:5] != b"\x0a\x01"
            or head[5] > 3
            or head[6:8] != b"\x02\x01"
            or head[9:11] != b"\x02\x01"
            or head[12:] != b"\x01\x01\x00"
            or head[8] > 127
            or head[11] > 127
        ):
            return None
        at = end + 15
        tag = op[at]
        end = at + 2 + op[at + 1]
        value: bytes | None
        if tag == 0xA3:
            name_end = at + 4 + op[at + 3]
            name = op[at + 4 : name_end]
            value = op[name_end + 2 : end]
            if (
                op[at + 1] > 127
                or op[at + 2] != 4
                or op[name_end] != 4
                or name_end + 2 + op[name_end + 1] != end
            ):
                return None
        elif tag == 0x87 and op[at + 1] <= 127:
            name = op[at + 2 : end]
            value = None
        else:
            return None
        reader = Reader(op, end)
        attributes = decode_selection(reader)
        if reader.more:
            return None
    except (IndexError, DecodeError, LdapError):
        return None
    return QuickSearch(base, head[2], name, value, attributes, head[8])
