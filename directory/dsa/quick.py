"""The fast lane: searches that an index answers, or for one entry, from kept bytes.

Everything it is not sure of it leaves to the plain path by answering None. What it answers is,
byte for byte, what the plain path would (tests/property/dsa/test_quick_search.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from directory.dsa import repeats
from directory.dsa.context import Context
from directory.dsa.quick_index import ENTRIES_MAX, QuickIndexes
from directory.dsa.selection import SELECTIONS_MAX, Selection, is_remembered
from directory.dsa.session import Identity, Session
from directory.dsa.streams import LARGE, SearchStreams
from directory.model.filter import Equality, ItemMaker
from directory.store.dit import Dit
from directory.store.entry import DELETED, RECYCLED, SUBENTRY, Place, StoredEntry

BASE, ONE, SUBTREE = 0, 1, 2
_HIDDEN = DELETED | RECYCLED


class Start(NamedTuple):
    """Where a session's last search started: nearly always the next one does the same."""

    dit: Dit
    identity: Identity
    base: bytes
    """As the client spelled it."""
    top: StoredEntry
    readable: Mapping[Place | StoredEntry, bool] | None
    """Containers whose entries may be seen or not, as far as known; None: everything may be."""


class QuickSearch:
    """Answers quick searches of one directory."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._generic = context.configuration.is_generic
        self._indexes = QuickIndexes(context)
        self._known = self._indexes.known
        self._subschema = context.configuration.subschema.normal
        self._store = context.store
        self._may_read = context.access.may_read
        self._readable = context.access.readable
        self._dit = context.store.dit
        streams = SearchStreams(context)
        self.stream, self.prepare = streams.open, streams.prepare
        self._selections: dict[tuple[str, ...], Selection] = {}

    def __call__(
        self, session: Session, base: bytes, scope: int, make: ItemMaker, name: bytes,
        value: bytes | None, attributes: tuple[str, ...], size_limit: int,
        others: Sequence[tuple[bytes, bytes | None]] = (),
    ) -> Sequence[bytes] | None:  # fmt: skip
        """The SearchResultEntry protocolOps of a search that succeeds, or None."""
        store = self._store
        if scope > SUBTREE or store.referrals or session.is_global_catalog:
            return None
        dit, identity, start = store.dit, session.identity, session.start
        entries = dit.entries
        # versions never change: the same object at its id has the same name as when it was found
        if (
            start is None or base != start.base or identity is not start.identity
            or dit is not start.dit or entries[start.top.id] is not start.top
        ) and (start := self._look(session, base, scope)) is None:  # fmt: skip
            return None
        top_id, readable = start.top.id, start.readable
        selection = self._selections.get(attributes)
        if selection is None and (selection := self._selection(attributes)) is None:
            return None
        ids: Sequence[int] | None
        question: repeats.Question | None = None
        index = self._known.get(name) if make is Equality and not others else None
        if index is not None and value is not None:
            try:
                key = index.key(value)
            except ValueError:
                return ()
            unique = index.unique.get(key)
            ids = (unique,) if unique is not None else index.shared.get(key, ())
        elif make is Equality or value is None:
            ids = self._ids(top_id, scope, name, value, others)
        else:
            question = (base, scope, make, name, value, attributes, size_limit)
            if (known := repeats.same_again(session, question, dit)) is not None:
                return known
            changes, ids = dit.changes, self._indexes.ids(make, name, value)
        if ids is None or len(ids) > ENTRIES_MAX:
            return None
        # one loop without calls but those that cannot be avoided: this runs for every search
        hidden = _HIDDEN if scope == BASE else _HIDDEN | SUBENTRY
        mark = selection.mark if selection.is_own else None
        operations: list[bytes] = []
        for id_ in ids:
            entry = entries[id_]
            if entry is None or entry.flags & hidden:
                continue
            if scope == SUBTREE:
                if top_id not in entry.place.path and id_ != top_id:
                    continue
            elif id_ != top_id if scope == BASE else entry.place.parent != top_id:
                continue
            if (
                readable is not None
                and (not readable.get(entry.place) or entry.guid == identity.guid)
                and not self._may_read(identity, entry)
            ):
                continue
            cached = entry.cached
            operation = cached[1] if cached and cached[0] is mark else selection.operation(entry)
            if len(operation) >= LARGE and not self._generic:
                return None
            operations.append(operation)
        if len(operations) > (size_limit or ENTRIES_MAX):
            return None
        if question is None or not selection.is_own:
            return operations
        return repeats.keep(session, question, dit, changes, operations)

    def _ids(
        self,
        top_id: int,
        scope: int,
        name: bytes,
        value: bytes | None,
        others: Sequence[tuple[bytes, bytes | None]],
    ) -> Sequence[int] | None:
        """The entries of a search that is no equality in an index known already; None if unsure."""
        if others:
            return self._indexes.all_of(((name, value), *others))
        if value is None:
            return (top_id,) if scope == BASE and name.lower() == b"objectclass" else None
        return self._indexes.ids(Equality, name, value)

    def _start_over(self) -> None:
        """The store has gone back to a snapshot: it has other indexes now, and another tree."""
        self._dit = self._store.dit
        self._known.clear()

    def _look(self, session: Session, base: bytes, scope: int) -> Start | None:
        """Where a search starts, when that is an ordinary entry that may be seen."""
        if self._store.dit is not self._dit:
            self._start_over()
        try:
            normal = base.decode().lower()
        except UnicodeDecodeError:
            return None
        # a hit is always right: the key is a normal form, and lowering is part of normalising
        top = self._store.dit.find(normal) if normal else None
        if top is None or top.flags or normal == self._subschema:
            return None
        identity = session.identity
        if not self._may_read(identity, top):
            return None
        readable = None if identity.is_administrator else self._readable(identity.role)
        start = Start(self._dit, identity, base, top, readable)
        if scope != BASE:  # those have another base each time
            session.start = start
        return start

    def _selection(self, attributes: tuple[str, ...]) -> Selection | None:
        """What a list of attributes picks; None for ranges, which differ from answer to answer."""
        selection = self._context.selections.of(attributes)
        if selection.ranges:
            return None
        if is_remembered(attributes):
            if len(self._selections) >= SELECTIONS_MAX:
                self._selections.clear()
            self._selections[attributes] = selection
        return selection
