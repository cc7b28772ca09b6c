"""The fast lane: searches by one indexed equality, or for one entry, answered from kept bytes.

Everything it is not sure of it leaves to the plain path by answering None. What it answers is,
byte for byte, what the plain path would (tests/property/dsa/test_quick_search.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from directory.dsa.context import Context
from directory.dsa.presentation import RANGE_VALUES_MAX
from directory.dsa.request_controls import SearchControls
from directory.dsa.search import TICK, find
from directory.dsa.selection import Selection
from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.limits import SEARCH_ENTRIES_MAX
from directory.model.messages import SearchRequest, SearchResultEntry
from directory.store.entry import DELETED, RECYCLED, SUBENTRY, StoredEntry
from directory.store.index import AttributeIndex

BASE, ONE, SUBTREE = 0, 1, 2
_HIDDEN = DELETED | RECYCLED
_LARGE = RANGE_VALUES_MAX * 3
"""Octets from which an answer of an AD may need its values cut into ranges."""

NAMES_MAX = 4096
"""Attribute spellings remembered."""


class QuickSearch:
    """Answers quick searches of one directory."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._generic = context.configuration.is_generic
        self._indexes: dict[bytes, AttributeIndex | None] = {}
        self._subschema = context.configuration.subschema.normal

    def __call__(
        self,
        session: Session,
        base: bytes,
        scope: int,
        name: bytes,
        value: bytes | None,
        attributes: tuple[str, ...],
        size_limit: int,
    ) -> Sequence[bytes] | None:
        """The SearchResultEntry protocolOps of a search that succeeds, or None."""
        context = self._context
        store = context.store
        if scope > SUBTREE or store.referrals or not base or session.is_global_catalog:
            return None
        try:
            normal = base.decode().lower()
        except UnicodeDecodeError:
            return None
        # a hit is always right: the key is a normal form, and lowering is part of normalising
        top = store.dit.find(normal)
        if top is None or top.flags or normal == self._subschema:
            return None
        identity = session.identity
        everything = identity.is_administrator
        may_read = context.access.may_read
        if not everything and not may_read(identity, top):
            return None
        selection = context.selections.of(attributes)
        if selection.ranges:
            return None
        if value is None:
            if scope != BASE or name.lower() != b"objectclass":
                return None
            return self._answer([top], selection)
        found = self._find(top, scope, name, value)
        if found is None or len(found) > (size_limit or SEARCH_ENTRIES_MAX):
            return None
        if not everything:
            found = [entry for entry in found if may_read(identity, entry)]
        return self._answer(found, selection)

    def stream(self, session: Session, request: SearchRequest) -> Iterator[bytes] | None:
        """The SearchResultEntry protocolOps of any search without controls, or None.

        The same search as the plain path's, without a value made of each entry: a dump spends
        most of its time on those. The iterator ends where the search succeeds; no octets mean
        that nothing was found for a while, and that others should have their turn.

        Raises:
            LdapError: from the iterator, for the result of a search that does not.
        """
        context = self._context
        base = request.base
        if (
            base.is_root or base.normal == self._subschema or context.store.referrals
            or session.identity.is_anonymous or session.is_global_catalog
        ):  # fmt: skip
            return None
        selection = context.selections.of(request.attributes, types_only=request.types_only)
        if selection.ranges:
            return None
        return self._operations(session, request, selection)

    def _operations(
        self, session: Session, request: SearchRequest, selection: Selection
    ) -> Iterator[bytes]:
        controls = SearchControls()
        show = controls.presentation(self._context, session, selection)
        left = request.size_limit or SEARCH_ENTRIES_MAX
        for entry in find(self._context, session, request, controls, ticks=True).entries:
            if entry is TICK:
                yield b""
                continue
            if not left:
                raise LdapError(ResultCode.SIZE_LIMIT_EXCEEDED)
            left -= 1
            operation = selection.operation(entry)
            if len(operation) >= _LARGE and not self._generic:
                shown = show(entry).operation
                assert isinstance(shown, SearchResultEntry)
                operation = shown.encoded or operation
            yield operation

    def _find(
        self, top: StoredEntry, scope: int, name: bytes, value: bytes
    ) -> list[StoredEntry] | None:
        index = self._indexes.get(name)
        if index is None:
            index = self._index(name)
            if index is None:
                return None
        try:
            key = index.key(value)
        except ValueError:
            return []
        dit = self._context.store.dit
        unique = index.unique.get(key)
        ids = (unique,) if unique is not None else index.shared.get(key, ())
        hidden = _HIDDEN if scope == BASE else _HIDDEN | SUBENTRY
        found: list[StoredEntry] = []
        top_id = top.id
        for id_ in ids:
            entry = dit.entries[id_]
            if entry is None or entry.flags & hidden:
                continue
            path = entry.place.path
            if scope == SUBTREE:
                fits = top_id in path or entry.id == top_id
            else:
                fits = entry.place.parent == top_id if scope == ONE else entry.id == top_id
            if fits:
                found.append(entry)
        return found

    def _index(self, name: bytes) -> AttributeIndex | None:
        """The index of an attribute that no other attribute is derived from."""
        store = self._context.store
        try:
            attribute = store.schema.attribute(name.decode())
        except UnicodeDecodeError:
            return None
        if (
            attribute is None or b";" in name or attribute.name in store.computed
            or attribute.name in store.schema.subtypes or attribute.name in store.unsearchable
        ):  # fmt: skip
            return None
        index = store.indexes.index(attribute.name)
        if index is not None and len(self._indexes) < NAMES_MAX:
            self._indexes[name] = index
        return index

    def _answer(self, entries: list[StoredEntry], selection: Selection) -> list[bytes] | None:
        operations: list[bytes] = []
        for entry in entries:
            operation = selection.operation(entry)
            if len(operation) >= _LARGE and not self._generic:
                return None
            operations.append(operation)
        return operations
