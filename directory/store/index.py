"""Equality indexes, and what is derived from them on demand: order, prefixes, infixes."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence

from directory.model.encoded import attribute_values
from directory.schema.matching import Key
from directory.schema.schema import Attribute
from directory.store.arena import SEPARATOR, Arena
from directory.store.entry import Shape, StoredEntry

ID_TYPE = "I"
"""Postings are arrays of 32-bit ids: four bytes for an entry, four billion entries."""


class AttributeIndex:
    """Ids of entries by the keys of one attribute's values.

    The common case of one entry for a key costs no container; others have a sorted array.
    """

    __slots__ = ("_arena", "_order", "attribute", "key", "shared", "unique")

    def __init__(self, attribute: Attribute) -> None:
        assert attribute.equality is not None
        self.attribute = attribute
        self.key = attribute.equality.key
        self.unique: dict[Key, int] = {}
        self.shared: dict[Key, array[int]] = {}
        self._order: list[Key] | None = None
        self._arena: Arena | None = None

    def copy(self) -> AttributeIndex:
        """An index that can be changed without this one noticing."""
        other = AttributeIndex(self.attribute)
        other.unique = self.unique.copy()
        other.shared = {key: ids[:] for key, ids in self.shared.items()}
        return other

    def __len__(self) -> int:
        return len(self.unique) + len(self.shared)

    def keys_of(self, values: Iterable[bytes]) -> set[Key]:
        """Keys of values; a value that has none cannot be found by equality."""
        keys: set[Key] = set()
        for value in values:
            try:
                keys.add(self.key(value))
            except ValueError:
                continue
        return keys

    def add(self, key: Key, id_: int) -> None:
        """Note that an entry has a value of this key."""
        ids = self.shared.get(key) if self.shared else None
        if ids is not None:
            if id_ > ids[-1]:
                ids.append(id_)
            else:
                at = bisect_left(ids, id_)
                if ids[at] != id_:
                    ids.insert(at, id_)
            return
        first = self.unique.get(key)
        if first is None:
            self.unique[key] = id_
            if self._order is not None:
                insort(self._order, key)
            if self._arena is not None and isinstance(key, bytes):
                self._arena.add(key)
        elif first != id_:
            del self.unique[key]
            self.shared[key] = array(ID_TYPE, sorted((first, id_)))

    def remove(self, key: Key, id_: int) -> None:
        """Note that an entry has no such value any more."""
        ids = self.shared.get(key)
        if ids is None:
            if self.unique.get(key) == id_:
                del self.unique[key]
                self._forget(key)
            return
        at = bisect_left(ids, id_)
        if at < len(ids) and ids[at] == id_:
            del ids[at]
        if len(ids) == 1:
            del self.shared[key]
            self.unique[key] = ids[0]

    def _forget(self, key: Key) -> None:
        if self._order is not None:
            at = bisect_left(self._order, key)
            if at < len(self._order) and self._order[at] == key:
                del self._order[at]

    # questions -------------------------------------------------------------------------------

    def ids(self, key: Key) -> Sequence[int]:
        """Entries with a value of this key, in the order of their ids."""
        one = self.unique.get(key)
        if one is not None:
            return (one,)
        return self.shared.get(key, ())

    def all_ids(self, at_most: int) -> Sequence[int] | None:
        """Entries with any value, or None when there are more values than ``at_most``."""
        total = len(self.unique) + sum(map(len, self.shared.values()))
        if total > at_most:
            return None
        return self._union((*self.unique, *self.shared))

    def ordered(self) -> list[Key]:
        """All keys in order."""
        if self._order is None:
            self._order = sorted((*self.unique, *self.shared))
        return self._order

    def between(self, low: Key | None, high: Key | None, at_most: int) -> Sequence[int] | None:
        """Entries with a key from ``low`` to ``high``, both included; None if too many keys."""
        order = self.ordered()
        first = 0 if low is None else bisect_left(order, low)
        last = len(order) if high is None else bisect_right(order, high)
        return None if last - first > at_most else self._union(order[first:last])

    def starting_with(self, prefix: bytes, at_most: int) -> Sequence[int] | None:
        """Entries with a key that starts so; None if too many keys."""
        order = self.ordered()
        first = bisect_left(order, prefix)
        after = _successor(prefix)
        last = len(order) if after is None else bisect_left(order, after)
        return None if last - first > at_most else self._union(order[first:last])

    def containing(self, piece: bytes, at_most: int) -> Sequence[int] | None:
        """Entries with a key that contains a piece; None if too many keys."""
        if SEPARATOR in piece:
            return None
        if self._arena is None or self._arena.is_stale:
            self._arena = Arena([key for key in self.ordered() if isinstance(key, bytes)])
        found: list[Key] = []
        for key in self._arena.containing(piece):
            found.append(key)
            if len(found) > at_most:
                return None
        return self._union(found)

    def _union(self, keys: Iterable[Key]) -> Sequence[int]:
        result: list[int] = []
        unique, shared = self.unique, self.shared
        for key in keys:
            one = unique.get(key)
            if one is not None:
                result.append(one)
            else:
                result.extend(shared.get(key, ()))
        return sorted(set(result)) if len(result) > 1 else result


def _successor(prefix: bytes) -> bytes | None:
    """The smallest string above everything that starts with the prefix."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes((stripped[-1] + 1,)) if stripped else None


class IndexSet:
    """The indexes of a store: those the profile keeps, and those it makes when first asked.

    An index made on demand reads every entry once (some 150 ms per 100,000), and is kept.
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
        self._entries = entries
        self._for_shape: dict[int, tuple[Shape, list[tuple[int, AttributeIndex]]]] = {}

    def copy(self, entries: Callable[[], Iterable[StoredEntry]]) -> IndexSet:
        """Indexes that can be changed without these noticing."""
        other = IndexSet((), self._on_demand.values(), entries)
        other.by_name = {name: index.copy() for name, index in self.by_name.items()}
        return other

    def index(self, name: str) -> AttributeIndex | None:
        """The index of an attribute, if it has one."""
        found = self.by_name.get(name)
        if found is None and name in self._on_demand:
            return self._make(self._on_demand[name])
        return found

    def _make(self, attribute: Attribute) -> AttributeIndex:
        index = AttributeIndex(attribute)
        for entry in self._entries():
            for key in index.keys_of(values_with_options(entry, attribute.name)):
                index.add(key, entry.id)
        self.by_name[attribute.name] = index
        self._on_demand.pop(attribute.name)
        self._for_shape.clear()
        return index

    def insert(self, entry: StoredEntry) -> None:
        """Index a new entry: the fast path of bulk loads, the same as ``update(None, entry)``."""
        known = self._for_shape.get(id(entry.shape))
        if known is None:
            known = self._plan(entry.shape)
        blobs = entry.blobs
        id_ = entry.id
        for at, index in known[1]:
            key = index.key
            for value in attribute_values(blobs[at]):
                try:
                    index.add(key(value), id_)
                except ValueError:
                    continue  # such a value cannot be found by equality

    def _plan(self, shape: Shape) -> tuple[Shape, list[tuple[int, AttributeIndex]]]:
        steps = [
            (at, self.by_name[base])
            for at, name in enumerate(shape.names)
            if (base := name.partition(";")[0]) in self.by_name
        ]
        self._for_shape[id(shape)] = (
            shape,
            steps,
        )  # the shape is kept so that its id stays its own
        return self._for_shape[id(shape)]

    def update(self, old: StoredEntry | None, new: StoredEntry | None) -> None:
        """Bring the indexes from one version of an entry to the next."""
        if old is None or new is None or old.shape is not new.shape:
            names = {*(old.shape.names if old else ()), *(new.shape.names if new else ())}
        else:
            pairs = zip(old.shape.names, old.blobs, new.blobs, strict=True)
            names = {name for name, before, after in pairs if before is not after}
        for base in {name.partition(";")[0] for name in names}:
            index = self.by_name.get(base)
            if index is None:
                continue
            before = index.keys_of(values_with_options(old, base)) if old is not None else set()
            after = index.keys_of(values_with_options(new, base)) if new is not None else set()
            if old is not None:
                for key in before - after:
                    index.remove(key, old.id)
            if new is not None:
                for key in after - before:
                    index.add(key, new.id)

    def contents(self) -> Iterator[tuple[str, Key, tuple[int, ...]]]:
        """Everything, for tests and for verification: attribute, key, ids."""
        for name, index in self.by_name.items():
            for key in (*index.unique, *index.shared):
                yield name, key, tuple(index.ids(key))


def values_with_options(entry: StoredEntry, base: str) -> tuple[bytes, ...]:
    """Values of an attribute under its bare description and under every one with options."""
    values = entry.values(base)
    start = base + ";"
    for name in entry.shape.names:
        if name.startswith(start):
            values += entry.values(name)
    return values
