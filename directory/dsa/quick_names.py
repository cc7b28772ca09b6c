"""Names that are written one way only, and the entries they lead to, without taking names apart.

A name whose first RDN needs no escapes is split with one look; the rest is the superior's name,
which siblings share and spell alike. Other names are left to ``DN.parse``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from directory.dsa.context import Context
from directory.errors import ParseError
from directory.limits import REMEMBERED_OCTETS_MAX
from directory.model.dn import DN
from directory.model.names import AttributeName
from directory.store.entry import StoredEntry

PLAIN_RDN = re.compile(rb"([A-Za-z][A-Za-z0-9-]*)=([A-Za-z0-9._@-]+(?: [A-Za-z0-9._@-]+)*),")
"""RDNs that are written one way only, but for the case of their letters."""

NAMES_MAX = 4096
"""Superiors remembered by their names as clients spell them, and RDN types."""


class _Kind(NamedTuple):
    """A type that RDNs have."""

    start: str
    """Of the key of such an RDN: the folded type and the equals sign."""
    attribute: AttributeName


class QuickNames:
    """The plain names of one directory."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._above: dict[bytes, StoredEntry] = {}
        self._kinds: dict[bytes, _Kind] = {}

    def find(self, name: bytes) -> tuple[StoredEntry, AttributeName] | None:
        """The entry of a plain name and the attribute of its RDN; None says nothing."""
        match = PLAIN_RDN.match(name)
        if match is None:
            return None
        dit = self._context.store.dit
        above = name[match.end() :]
        parent = self._above.get(above)
        # versions never change: the same object at its id has the name it had when it was found
        if (parent is None or dit.by_id(parent.id) is not parent) and (
            parent := self._superior(above)
        ) is None:
            return None
        kind = self._kinds.get(match[1])
        if kind is None:
            kind = self._kind(match[1])
        id_ = dit.child(parent.id, kind.start + match[2].decode("ascii").lower())
        entry = None if id_ is None else dit.entries[id_]
        return None if entry is None else (entry, kind.attribute)

    def _superior(self, name: bytes) -> StoredEntry | None:
        try:
            found = self._context.store.find(DN.parse(name.decode()))
        except (ParseError, UnicodeDecodeError):
            return None
        if found is not None and len(name) <= REMEMBERED_OCTETS_MAX:
            if len(self._above) >= NAMES_MAX:
                self._above.clear()
            self._above[name] = found
        return found

    def _kind(self, name: bytes) -> _Kind:
        folded = name.decode("ascii").lower()
        kind = _Kind(f"{folded}=", self._context.schema.canonical(folded))
        if len(self._kinds) < NAMES_MAX and len(name) <= REMEMBERED_OCTETS_MAX:
            self._kinds[name] = kind
        return kind
