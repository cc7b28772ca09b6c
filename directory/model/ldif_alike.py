"""LDIF records that look like one before them: read by one regular expression, in one call to C.

A file of a hundred thousand users has a handful of lists of attribute names. For each the lines'
names become an expression whose groups are the values. A record that does not match to its last
octet is left to the reader that looks at every line; both read the same
(tests/property/model/test_ldif.py).
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

from directory.errors import InvalidDN
from directory.limits import LDIF_LINE_MAX
from directory.model.dn import DN
from directory.model.entry import Entry

PATTERNS_MAX = 4
"""Patterns tried: users with and without a picture, groups. Each that fails costs a look."""

RECORD_MAX = min(16_384, LDIF_LINE_MAX)
"""Longest record read this way, octets: in a longer one the time goes elsewhere."""

LINES_MAX = 64
"""Most lines of a record that becomes a pattern."""

_LINE = re.compile(rb"([A-Za-z][A-Za-z0-9.;-]*)(::?) [^ :<\n][^\n]*")


class _Pattern(NamedTuple):
    """What records with the same names, line by line, have in common."""

    lines: tuple[bytes, ...]
    """Names of the attributes with their colons."""
    match: re.Pattern[bytes]
    attributes: tuple[tuple[str, int, int], ...]
    """Name, and the first and last of its groups."""
    encoded: tuple[int, ...]
    """Groups in base64."""


class AlikeRecords:
    """Reads records like those it has learnt from; the latest ones are tried first."""

    def __init__(self) -> None:
        self._patterns: list[_Pattern] = []

    def read(self, octets: bytes) -> Entry | None:
        """The entry of a content record, or None: the careful reader knows."""
        if len(octets) > RECORD_MAX:
            return None
        octets = _unfolded(octets)
        patterns = self._patterns
        for at, pattern in enumerate(patterns):
            found = pattern.match.fullmatch(octets)
            if found is not None:
                if at:
                    patterns.insert(0, patterns.pop(at))
                return _entry(pattern, list(found.groups()))
        return None

    def learn(self, octets: bytes) -> None:
        """Make a pattern of a content record, if it is a plain one."""
        first, *lines = _unfolded(octets).rstrip(b"\n").split(b"\n")
        if not first.startswith(b"dn: ") or not 0 < len(lines) <= LINES_MAX:
            return
        names: list[bytes] = []
        for line in lines:
            found = _LINE.fullmatch(line)
            if found is None:
                return
            names.append(found[1] + found[2])
        pattern = _pattern(tuple(names))
        if pattern is not None and all(pattern.lines != known.lines for known in self._patterns):
            self._patterns.insert(0, pattern)
            del self._patterns[PATTERNS_MAX:]


def _unfolded(octets: bytes) -> bytes:
    return octets.replace(b"\n ", b"") if b"\n " in octets else octets


def _pattern(lines: tuple[bytes, ...]) -> _Pattern | None:
    """The pattern of these lines; None where an attribute stands in two places."""
    attributes: list[tuple[str, int, int]] = []
    for group, line in enumerate(lines, 1):
        name = line.rstrip(b":").decode("ascii")
        if attributes and attributes[-1][0] == name:
            attributes[-1] = (name, attributes[-1][1], group + 1)
        else:
            attributes.append((name, group, group + 1))
    if len({name.lower() for name, _, _ in attributes}) < len(attributes):
        return None
    expression = rb"dn: ([^ :<\n][^\n]*)\n" + rb"\n".join(
        re.escape(line) + rb" ([^ :<\n][^\n]*)" for line in lines
    )
    encoded = tuple(group for group, line in enumerate(lines, 1) if line.endswith(b"::"))
    return _Pattern(lines, re.compile(expression + rb"\n*"), tuple(attributes), encoded)


def _entry(pattern: _Pattern, values: list[bytes]) -> Entry | None:
    try:
        for group in pattern.encoded:
            values[group] = binascii.a2b_base64(values[group].strip(b" "), strict_mode=True)
        dn = DN.parse(values[0].decode())
    except (binascii.Error, UnicodeDecodeError, InvalidDN):
        return None
    return Entry(dn, {name: tuple(values[first:last]) for name, first, last in pattern.attributes})
