"""Which attributes an answer has, and their bytes: the hot half of a search.

A selection is made once for a list of attributes and remembered; what it picks from entries of
one shape is remembered in the shape; the finished answer in one slot of the entry's version. A
changed entry is another version, so nothing has to be invalidated. Shapes and entries are shared
with forks: they know a selection by its mark, not by the selection, which knows its directory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter

from directory.dsa.computed import CONSTRUCTED
from directory.limits import REMEMBERED_OCTETS_MAX
from directory.model import ber
from directory.model.encoded import (
    EncodedEntry,
    PartedAnswer,
    decode_attribute,
    search_result_entry,
    split_operation,
)
from directory.model.names import AttributeName
from directory.schema.definitions import Usage
from directory.store.computed import ComputedAttribute
from directory.store.entry import Shape, StoredEntry
from directory.store.store import Store

SELECTIONS_MAX = 1024
"""Distinct lists of attributes remembered; all are forgotten when there are more."""


def is_remembered(attributes: Sequence[str]) -> bool:
    """Whether a list of attributes is short enough to be kept for the next client."""
    return sum(map(len, attributes)) <= REMEMBERED_OCTETS_MAX


NO_ATTRIBUTES = "1.1"

Picker = Callable[[tuple[bytes, ...]], Iterable[bytes]]
"""Picks some of an entry's blobs."""


class Selection:
    """The attributes of one kind of answer."""

    __slots__ = (
        "_catalog", "_hidden", "_is_all", "_is_operational", "_is_remembered", "_links", "_names",
        "_others", "_own", "_schema", "_store", "is_own", "mark", "ranges", "types_only",
    )  # fmt: skip

    def __init__(
        self,
        store: Store,
        attributes: Iterable[str],
        *,
        types_only: bool,
        generic: bool,
        replicated: bool,
        catalog: bool,
    ) -> None:
        self._store = store
        self._schema = store.schema
        self._hidden = store.unsearchable
        self._catalog = store.profile.global_catalog if catalog else None
        self.types_only = types_only
        self.ranges: dict[str, tuple[int, int | None]] = {}
        asked = [attributes_of_range(name, self.ranges, store) for name in attributes]
        self._is_remembered = is_remembered(asked)
        question = (tuple(asked), types_only, generic, replicated, catalog)
        self.mark = store.shapes.mark(question) if self._is_remembered else object()
        """What entries and shapes remember its answers by."""
        names = [store.schema.canonical(name) for name in asked]
        self._is_all = not asked or "*" in asked
        self._is_operational = "+" in asked
        self._names = frozenset(names) - {NO_ATTRIBUTES, "*", "+"}
        computed: dict[str, ComputedAttribute] = {}
        for name, attribute in store.computed.items():
            known = store.schema.attribute(name)
            if known is None:
                continue
            if self._catalog is not None and name not in self._catalog:
                continue
            local = replicated and known.type.usage is Usage.DSA  # X.501: not for other servers
            if name in self._names or (
                (self._is_operational and not local)
                if generic
                else (self._is_all and name not in CONSTRUCTED)
            ):
                computed[known.spelling] = attribute
        encoded = [(spelling.encode(), c) for spelling, c in computed.items()]
        self._own = [(spelling, c) for spelling, c in encoded if c.own]
        # what depends on other entries is worked out each time; back links, only if there are any
        self._links = [(spelling, c.forward, c) for spelling, c in encoded if c.forward]
        self._others = [(s, c) for s, c in encoded if not c.own and not c.forward]
        self.is_own = not self._links and not self._others
        """Whether an answer depends on its entry alone."""

    def picks(self, name: AttributeName) -> bool:
        """Whether a stored attribute is in the answer."""
        base = name.partition(";")[0]
        if base in self._hidden or (self._catalog is not None and base not in self._catalog):
            return False
        if name in self._names or base in self._names:
            return True
        attribute = self._schema.attribute(base)
        if attribute is not None and attribute.is_operational:
            return self._is_operational
        if self._is_all:
            return True
        subtypes = self._schema.subtypes
        return any(base in subtypes.get(AttributeName(wanted), ()) for wanted in self._names)

    def body(self, entry: StoredEntry) -> bytes:
        """The attributes of an entry, concatenated in wire form."""
        return self._own_body(entry) + self._foreign(entry)

    def _own_body(self, entry: StoredEntry) -> bytes:
        parts = [*self._stored(entry.shape)(entry.blobs)]
        store = self._store
        for spelling, computed in self._own:
            values = computed.values(store, entry)
            if values:
                parts.append(ber.attribute(spelling, values))
        return self._joined(parts)

    def _foreign(self, entry: StoredEntry) -> bytes:
        """What depends on other entries than this one."""
        store = self._store
        indexes = store.indexes.by_name
        parts: list[bytes] = []
        key = b""
        for spelling, forward, computed in self._links:
            index = indexes.get(forward)
            if index is None or not (index.unique or index.shared):
                continue
            key = key or entry.normal.encode()
            values = computed.values(store, entry) if index.ids(key) else ()
            if values:
                parts.append(ber.attribute(spelling, values))
        for spelling, computed in self._others:
            values = computed.values(store, entry)
            if values:
                parts.append(ber.attribute(spelling, values))
        return self._joined(parts) if parts else b""

    def _joined(self, parts: list[bytes]) -> bytes:
        if self.types_only:
            return b"".join([ber.attribute(decode_attribute(part)[0], ()) for part in parts])
        return b"".join(parts)

    def operation(self, entry: StoredEntry) -> bytes:
        """The finished SearchResultEntry of an entry."""
        cached = entry.cached
        if cached is not None and cached[0] is self.mark:
            operation = cached[1]
        else:
            operation = search_result_entry(entry.name, self._own_body(entry))
            if self._is_remembered:
                entry.cached = (self.mark, operation)
        if self._links or self._others:
            foreign = self._foreign(entry)
            if foreign:
                return search_result_entry(entry.name, split_operation(operation)[1] + foreign)
        return operation

    @property
    def has_parts(self) -> bool:
        """Whether an answer is nothing but attributes of its entry, and those as they are."""
        return self.is_own and not self.ranges and not self.types_only

    def parter(self) -> Callable[[StoredEntry], EncodedEntry]:
        """The function that makes the answer of an entry and does not put it together."""
        store, own = self._store, self._own
        known: dict[Shape, tuple[Picker, tuple[bytes, ...]]] = {}

        def parts(entry: StoredEntry) -> EncodedEntry:
            shape = entry.shape
            plan = known.get(shape)
            if plan is None:
                stored = [name.encode() for name in shape.names if self.picks(name)]
                names = (*stored, *[spelling for spelling, _ in own])
                plan = known[shape] = self._stored(shape), names
            blobs = [*plan[0](entry.blobs)]
            for spelling, computed in own:
                values = computed.values(store, entry)
                if not values:  # most have all that is worked out
                    return EncodedEntry(search_result_entry(entry.name, self._own_body(entry)))
                blobs.append(ber.attribute(spelling, values))
            return PartedAnswer(entry.name, plan[1], blobs)

        return parts

    def _stored(self, shape: Shape) -> Picker:
        picker = shape.selected.get(self.mark)
        if picker is None:
            at = tuple(i for i, name in enumerate(shape.names) if self.picks(name))
            picker = _picker(at, len(shape.names))
            if self._is_remembered:
                shape.selected[self.mark] = picker
        return picker  # type: ignore[return-value]  # only this method writes under this key


def _picker(at: tuple[int, ...], count: int) -> Picker:
    if len(at) == count:
        return tuple  # all of them: the tuple itself
    if len(at) > 1:
        return itemgetter(*at)
    return lambda blobs: [blobs[i] for i in at]


def attributes_of_range(
    description: str, ranges: dict[str, tuple[int, int | None]], store: Store
) -> str:
    """Note AD's ``;range=low-high`` option and return the description without it."""
    match = _RANGE.search(description)
    if match is None:
        return description
    bare = description[: match.start()]
    high = None if match[2] == "*" else int(match[2])
    ranges[store.schema.canonical(bare)] = (int(match[1]), high)
    return bare


_RANGE = re.compile(r";range=(\d{1,9})-(\d{1,9}|\*)$", re.IGNORECASE)


class Selections:
    """Selections by what was asked for."""

    def __init__(self, store: Store, *, generic: bool) -> None:
        self._store = store
        self._generic = generic
        self._known: dict[tuple[object, ...], Selection] = {}

    def of(
        self,
        attributes: tuple[str, ...],
        *,
        types_only: bool = False,
        replicated: bool = False,
        catalog: bool = False,
    ) -> Selection:
        """The selection of a list of attributes.

        ``replicated`` leaves out what is this DSA's own, ``catalog`` what a global catalog has not.
        """
        key = (attributes, types_only, replicated, catalog)
        found = self._known.get(key)
        if found is None:
            found = Selection(
                self._store,
                attributes,
                types_only=types_only,
                generic=self._generic,
                replicated=replicated,
                catalog=catalog,
            )
            if is_remembered(attributes):
                if len(self._known) >= SELECTIONS_MAX:
                    self._known.clear()
                self._known[key] = found
        return found
