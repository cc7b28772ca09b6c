"""The indexes of a store: those it keeps, and those it makes when somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from directory.model.encoded import attribute_values
from directory.schema.matching import Key
from directory.schema.schema import Attribute
from directory.store.attribute_index import AttributeIndex
from directory.store.entry import COMMON_MAX, Shape, StoredEntry

SLICE_ENTRIES = 1024
"""Entries read at a time while an index is made: some 3 ms."""

_IndexStep = tuple[int, AttributeIndex, "dict[bytes, set[Key]] | None", bool]
"""Where in a shape an indexed attribute stands, the keys of what many entries have alike, and
whether entries of this shape have the attribute under one description alone."""


class _Making:
    """An index that is not finished: it knows the entries up to the id it has reached."""

    def __init__(self, attribute: Attribute, entries: Iterator[StoredEntry]) -> None:
        self.index = AttributeIndex(attribute)
        self.reached = 0
        self._entries = entries

    def step(self) -> bool:
        """Read some entries; false when those were the last, and nobody may write in between."""
        found = list(islice(self._entries, SLICE_ENTRIES))
        for entry in found:
            _change(self.index, None, entry)
            self.reached = entry.id
        return len(found) == SLICE_ENTRIES


class IndexSet:
    """The indexes of a store: those the profile keeps, and those it makes when first asked.

    An index made on demand reads every entry once (some 150 ms per 100,000), and is kept. It may
    be made in steps, with writes and other searches in between.
    """

    def __init__(
        self,
        kept: Iterable[Attribute],
        on_demand: Iterable[Attribute] = (),
        entries: Callable[[], Iterable[StoredEntry]] = tuple,
    ) -> None:
        self.by_name: dict[str, AttributeIndex] = {
            attribute.name: AttributeIndex(attribute)
            for attribute in kept
            if attribute.equality is not None
        }
        self._on_demand: dict[str, Attribute] = {
            attribute.name: attribute
            for attribute in on_demand
            if attribute.equality is not None and attribute.name not in self.by_name
        }
        self._making: dict[str, _Making] = {}
        self._entries = entries
        self._for_shape: dict[int, tuple[Shape, list[_IndexStep]]] = {}

    def copy(self, entries: Callable[[], Iterable[StoredEntry]]) -> IndexSet:
        """Indexes that can be changed without these noticing."""
        other = IndexSet((), self._on_demand.values(), entries)
        other.by_name = {name: index.copy() for name, index in self.by_name.items()}
        return other

    def index(self, name: str) -> AttributeIndex | None:
        """The index of an attribute, if it has one."""
        found = self.by_name.get(name)
        if found is None and name in self._on_demand:
            for _ in self.make(name):
                pass
            return self.by_name[name]
        return found

    def has(self, name: str) -> bool:
        """Whether an attribute, options or not, has an index that is kept now."""
        return name.partition(";")[0] in self.by_name

    def kept(self, name: str) -> AttributeIndex:
        """The index that ``has`` said is there."""
        return self.by_name[name.partition(";")[0]]

    @property
    def is_making(self) -> bool:
        """Whether an index is being made, and has read part of the entries."""
        return bool(self._making)

    def can_make(self, name: str) -> bool:
        """Whether an attribute has no index yet and can have one."""
        return name in self._on_demand

    def make(self, name: str) -> Iterator[None]:
        """Steps until an attribute that can be indexed is."""
        while name in self._on_demand:
            making = self._making.get(name)
            if making is None:
                making = _Making(self._on_demand[name], iter(self._entries()))
                self._making[name] = making
            if making.step():
                yield
                continue
            self.by_name[name] = making.index
            del self._on_demand[name], self._making[name]
            self._for_shape.clear()

    def insert(self, entry: StoredEntry) -> None:
        """Index a new entry: the fast path of bulk loads, the same as ``update(None, entry)``."""
        known = self._for_shape.get(id(entry.shape))
        if known is None:
            known = self._plan(entry.shape)
        blobs = entry.blobs
        id_ = entry.id
        for at, index, memo, _ in known[1]:
            blob = blobs[at]
            keys = memo.get(blob) if memo is not None else None
            if keys is None:
                keys = index.keys_of(attribute_values(blob))
                if memo is not None and len(memo) < COMMON_MAX:
                    memo[blob] = keys
            for key in keys:
                index.add(key, id_)
        if self._making:
            self._catch_up(None, entry)

    def _plan(self, shape: Shape) -> tuple[Shape, list[_IndexStep]]:
        common = {shape.names[at] for at in shape.common}
        bases = [name.partition(";")[0] for name in shape.names]
        steps: list[_IndexStep] = [
            (at, self.by_name[base], {} if name in common else None, bases.count(base) == 1)
            for at, (name, base) in enumerate(zip(shape.names, bases, strict=True))
            if base in self.by_name
        ]
        # the shape is kept so that its id stays its own
        self._for_shape[id(shape)] = shape, steps
        return self._for_shape[id(shape)]

    def update(self, old: StoredEntry | None, new: StoredEntry | None) -> None:
        """Bring the indexes from one version of an entry to the next."""
        if old is not None and new is not None and old.shape is new.shape:
            known = self._for_shape.get(id(new.shape)) or self._plan(new.shape)
            for at, index, _, is_alone in known[1]:
                before, after = old.blobs[at], new.blobs[at]
                if before is after:
                    continue
                if is_alone:
                    index.change(attribute_values(before), attribute_values(after), new.id)
                else:
                    _change(index, old, new)
        else:
            names = {*(old.shape.names if old else ()), *(new.shape.names if new else ())}
            for base in {name.partition(";")[0] for name in names}:
                found = self.by_name.get(base)
                if found is not None:
                    _change(found, old, new)
        if self._making:
            self._catch_up(old, new)

    def _catch_up(self, old: StoredEntry | None, new: StoredEntry | None) -> None:
        """Bring what is being made along, as far as it has read: the rest it will find itself."""
        entry = new or old
        for making in self._making.values():
            if entry is not None and entry.id <= making.reached:
                _change(making.index, old, new)

    def contents(self) -> Iterator[tuple[str, Key, tuple[int, ...]]]:
        """Everything, for tests and for verification: attribute, key, ids."""
        for name, index in self.by_name.items():
            for key in (*index.unique, *index.shared):
                yield name, key, tuple(index.ids(key))


def _change(index: AttributeIndex, old: StoredEntry | None, new: StoredEntry | None) -> None:
    """Bring one index from one version of an entry to the next."""
    base, entry = index.attribute.name, new or old
    assert entry is not None
    before = values_with_options(old, base) if old is not None else ()
    after = values_with_options(new, base) if new is not None else ()
    index.change(before, after, entry.id)


def values_with_options(entry: StoredEntry, base: str) -> tuple[bytes, ...]:
    """Values of an attribute under its bare description and under every one with options."""
    values = entry.values(base)
    start = base + ";"
    for name in entry.shape.names:
        if name.startswith(start):
            values += entry.values(name)
    return values
