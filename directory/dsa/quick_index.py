"""Which entries the items of a quick search stand for, asked of indexes by a name's own bytes.

What an index does not know for sure, or knows of too many entries, is None: the plain path looks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from directory.dsa.context import Context
from directory.dsa.rewrite import rewrite
from directory.model.filter import Equality, ItemMaker
from directory.store.attribute_index import AttributeIndex
from directory.store.candidates import Certainty
from directory.store.entry import StoredEntry
from directory.store.evaluate import compile_filter
from directory.store.planner import FRACTION, ask
from directory.store.prepare import is_ready

NAMES_MAX = 4096
"""Attribute spellings remembered."""

ENTRIES_MAX = 64
"""Most entries of an answer given at once; longer ones are streamed, so that others have a turn."""

SPACE = ord(" ")


@dataclass(frozen=True, slots=True)
class Prefix:
    """An index whose keys begin with what values begin with, and how that looks in keys."""

    index: AttributeIndex
    begin: Callable[[bytes], bytes]


class QuickIndexes:
    """The indexes of one directory, by attributes as clients spell them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self.known: dict[bytes, AttributeIndex] = {}
        """Those that were asked for: each answers an equality with all entries that match it."""

    def index(self, name: bytes) -> AttributeIndex | None:
        """The index of an attribute that no other attribute is derived from."""
        known = self.known.get(name)
        if known is not None:
            return known
        store = self._store
        try:
            attribute = store.schema.attribute(name.decode())
        except UnicodeDecodeError:
            return None
        if (
            attribute is None or b";" in name or attribute.name in store.computed
            or attribute.name in store.schema.subtypes or attribute.name in store.unsearchable
        ):  # fmt: skip
            return None
        if store.indexes.can_make(attribute.name):
            return None  # made in steps, by the stream of the first search that asks for it
        index = store.indexes.index(attribute.name)
        if index is not None and len(self.known) < NAMES_MAX:
            self.known[name] = index
        return index

    def ids(self, make: ItemMaker, name: bytes, value: bytes) -> Sequence[int] | None:
        """The entries that match an item."""
        index = self.index(name)
        if index is None:
            return None
        if make is Equality:
            try:
                return index.ids(index.key(value))
            except ValueError:
                return ()
        # what the planner finds too many it looks for in the tree, in the order of that
        at_most = min(ENTRIES_MAX, self._store.count // FRACTION)
        with self._store.lock:  # order and groups are read in more than one step
            item = make(index.attribute.name, value)
            if not is_ready(index, item):
                return None
            certainty, ids = ask(index, item, at_most)
        return ids if certainty is Certainty.EXACT else None

    def prefix(self, name: bytes) -> Prefix | None:
        """How beginnings of an attribute's values are looked for; None: as the planner does."""
        index = self.index(name)
        rule = None if index is None else index.attribute.substring
        if index is None or rule is None or rule.piece is None or rule.key is not index.key:
            return None
        return Prefix(index, rule.piece)

    def starting_with(self, prefix: Prefix, value: bytes) -> Sequence[int] | None:
        """What the planner makes of a prefix, without a filter and a plan made of it."""
        index = prefix.index
        try:
            piece = prefix.begin(value)
        except ValueError:
            return ()
        if not piece or piece[0] == SPACE or piece[-1] == SPACE:
            return None  # keys begin and end with none: the index finds more than what matches
        store = self._store
        with store.lock:  # order and blocks are read in more than one step
            order = index.order
            if order is None:
                return None
            keys = order.starting_with(piece, ENTRIES_MAX)
            if keys is not None and len(keys) == 1:
                one = index.unique.get(keys[0])
                if one is not None:
                    return (one,)
            if keys is None or len(keys) * FRACTION > store.dit.count:
                return None
            return index.union(keys)

    def all_of(self, items: Sequence[tuple[bytes, bytes | None]]) -> Sequence[int] | None:
        """The entries that have all these values, where an index knows a few of one of them."""
        lists: list[Sequence[int]] = []
        rest: list[tuple[bytes, bytes]] = []
        with self._store.lock:
            for name, value in items:
                if value is None:
                    if name.lower() != b"objectclass":
                        return None
                    continue  # no entry is without
                index = self.index(name)
                if index is None:
                    rest.append((name, value))
                    continue
                try:
                    lists.append(index.ids(index.key(value)))
                except ValueError:
                    return ()  # undefined, so that the whole is not true of any entry
            if not lists:
                return None
            few = min(lists, key=len)
            if len(few) > ENTRIES_MAX:
                return None
            found = [id_ for id_ in few if all(_has(ids, id_) for ids in lists if ids is not few)]
            return self._tested(found, rest) if found and rest else found

    def _tested(self, ids: list[int], items: list[tuple[bytes, bytes]]) -> list[int] | None:
        """Those entries that have values no index is kept of."""
        store, entries = self._store, self._store.dit.entries
        tests: list[Callable[[StoredEntry], bool | None]] = []
        for name, value in items:
            try:
                item = Equality(name.decode(), value)
            except UnicodeDecodeError:
                return None
            tests.append(compile_filter(store, rewrite(self._context, item)))
        return [
            id_ for id_ in ids
            if (entry := entries[id_]) is not None and all(test(entry) is True for test in tests)
        ]  # fmt: skip


def _has(ids: Sequence[int], id_: int) -> bool:
    """Whether an id is among ids in order."""
    at = bisect_left(ids, id_)
    return at < len(ids) and ids[at] == id_
