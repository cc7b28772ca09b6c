"""LDIF records that look like one before them: read by one regular expression, in one call to C.

A file of a hundred thousand users has a handful of lists of attribute names. For each the lines'
names become an expression whose groups are the values. A record that does not match to its last
octet is left to the reader that looks at every line; both read the same
(tests/property/model/test_ldif.py). What is read comes as an entry to be added is wanted: its name
in two parts, its attributes in wire form.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple

from directory.errors import InvalidDN
from directory.limits import LDIF_LINE_MAX
from directory.model import ber
from directory.model.dn import DN
from directory.model.encoded import EntryForm, PartedEntry
from directory.model.entry import Entry

PATTERNS_MAX = 4
"""Patterns tried: users with and without a picture, groups. Each that fails costs a look."""

RECORD_MAX = min(16_384, LDIF_LINE_MAX)
"""Longest record read this way, octets: in a longer one the time goes elsewhere."""

LINES_MAX = 64
"""Most lines of a record that becomes a pattern."""

_LINE = re.compile(rb"([A-Za-z][A-Za-z0-9.;-]*)(::?) [^ :<\n][^\n]*")


_PLAIN_DN = re.compile(rb"([A-Za-z][A-Za-z0-9-]*)=([A-Za-z0-9._@-]+(?: [A-Za-z0-9._@-]+)*),(.+)")
"""Names whose RDN is written one way only: its type, its value, and what is above."""

NAME_MAX = 1024
"""Longest name read in two parts, octets; in a longer one the time goes elsewhere."""

_TYPE_MAX = 127
"""Longest attribute name of a pattern: those with a length of one octet."""

HEADS_MAX = 128
"""Lengths of values for which the octets before them are remembered: nearly all are shorter."""


SETS_MAX = 16
"""Sets of values remembered in wire form: a file has a handful of sets of classes."""


class _Attribute(NamedTuple):
    """One attribute of a pattern."""

    name: bytes
    first: int
    """Its first group."""
    last: int
    """The group behind its last one."""
    heads: dict[int, bytes]
    """What stands before a single value in wire form, by the value's length."""
    sets: dict[tuple[bytes, ...], bytes]
    """Wire forms of several values."""

    def blob(self, values: list[bytes]) -> bytes:
        """Its wire form in the record whose groups are these."""
        if self.last - self.first > 1:
            several = tuple(values[self.first : self.last])
            blob = self.sets.get(several)
            if blob is None:
                blob = ber.attribute(self.name, several)
                if len(self.sets) < SETS_MAX:
                    self.sets[several] = blob
            return blob
        value = values[self.first]
        head = self.heads.get(len(value))
        if head is None:
            head = ber.attribute_head(self.name, len(value))
            if len(self.heads) < HEADS_MAX:
                self.heads[len(value)] = head
        return head + value


class _Pattern:
    """What records with the same names, line by line, have in common."""

    def __init__(self, lines: tuple[bytes, ...], attributes: tuple[_Attribute, ...]) -> None:
        expression = rb"dn: ([^ :<\n][^\n]*)\n" + rb"\n".join(
            re.escape(line) + rb" ([^ :<\n][^\n]*)" for line in lines
        )
        self.lines = lines
        """Names of the attributes with their colons."""
        self.match = re.compile(expression + rb"\n*")
        self.attributes = attributes
        self.encoded = tuple(at for at, line in enumerate(lines, 1) if line.endswith(b"::"))
        """Groups in base64."""
        self._names = tuple(attribute.name for attribute in attributes)
        self._classes = next(
            (at for at, name in enumerate(self._names) if name == b"objectClass"), None
        )
        self._form: EntryForm | None = None

    def entry(self, values: list[bytes]) -> Entry | None:
        """The entry of a record whose groups are these."""
        try:
            for group in self.encoded:
                text = values[group].strip(b" ")
                values[group] = binascii.a2b_base64(text, strict_mode=True)
            name = _PLAIN_DN.fullmatch(values[0])
            if name is None or self._classes is None or len(values[0]) > NAME_MAX:
                return self._with_care(values)
            blobs = [attribute.blob(values) for attribute in self.attributes]
            kind, value, above = name.groups()
            classes = blobs[self._classes]
            form = self._form
            if form is None or (form.above, form.kind, form.classes) != (above, kind, classes):
                DN.parse(values[0].decode())  # as deep as those that follow it
                form = self._form = EntryForm(above, kind, classes, self._names)
            return PartedEntry(form, value, blobs)
        except (binascii.Error, UnicodeDecodeError, InvalidDN):
            return None

    def _with_care(self, values: list[bytes]) -> Entry:
        """The same where the name has to be looked at."""
        dn = DN.parse(values[0].decode())
        return Entry(
            dn, {a.name.decode(): tuple(values[a.first : a.last]) for a in self.attributes}
        )


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
                return pattern.entry(list(found.groups()))
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
    attributes: list[_Attribute] = []
    for group, line in enumerate(lines, 1):
        name = line.rstrip(b":")
        if attributes and attributes[-1].name == name:
            attributes[-1] = attributes[-1]._replace(last=group + 1)
        else:
            attributes.append(_Attribute(name, group, group + 1, {}, {}))
    names = {attribute.name.lower() for attribute in attributes}
    if len(names) < len(attributes) or max(map(len, names)) > _TYPE_MAX:
        return None
    return _Pattern(lines, tuple(attributes))
