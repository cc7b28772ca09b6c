"""The index of one attribute: entries by key, and what is derived from that when asked for.

Order and groups of octets cost memory and time at each new key, so they are built by the first
search that needs them: in steps, between which other clients have their turn and writes may come.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from directory.schema.matching import Key
from directory.schema.schema import Attribute
from directory.store import trigrams
from directory.store.ordered import OrderedKeys
from directory.store.trigrams import Trigrams

ID_TYPE = "I"
"""Postings are arrays of 32-bit ids: four bytes for an entry, four billion entries."""

INFIXES_MIN = 2
"""Searches for infixes of which the last has their index built. That takes as long as eight that
look at every entry, but whoever asks twice asks more often; one alone is not worth the memory."""

GONE_MIN = 4096
"""Keys that came and went before the groups are worth building anew."""

LATE_MAX = 65_536
"""Keys that came or went while something is built, before that is given up: nobody may be going on
with it, and the next search that needs it starts again."""

T = TypeVar("T", OrderedKeys, Trigrams)


class _Construction(NamedTuple, Generic[T]):
    """Something derived that is not finished, and the keys that came or went meanwhile."""

    made: T
    steps: Iterator[None]
    late: set[Key]


class AttributeIndex:
    """Ids of entries by the keys of one attribute's values.

    The common case of one entry for a key costs no container; others have a sorted array.
    """

    __slots__ = (
        "_grouping", "_groups", "_infixes", "_is_derived", "_ordering", "attribute",
        "key", "order", "shared", "unique",
    )  # fmt: skip

    def __init__(self, attribute: Attribute) -> None:
        assert attribute.equality is not None
        self.attribute = attribute
        self.key = attribute.equality.key
        self.unique: dict[Key, int] = {}
        self.shared: dict[Key, array[int]] = {}
        self._is_derived = False
        self.order: OrderedKeys | None = None
        """The keys in order, once somebody has asked for that."""
        self._ordering: _Construction[OrderedKeys] | None = None
        self._groups: Trigrams | None = None
        self._grouping: _Construction[Trigrams] | None = None
        self._infixes = 0

    def copy(self) -> AttributeIndex:
        """An index that can be changed without this one noticing."""
        other = AttributeIndex(self.attribute)
        other.unique = self.unique.copy()
        other.shared = {key: ids[:] for key, ids in self.shared.items()}
        return other

    def __len__(self) -> int:
        return len(self.unique) + len(self.shared)

    def __contains__(self, key: Key) -> bool:
        return key in self.unique or key in self.shared

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
            if self._is_derived:
                self._came(key)
        elif first != id_:
            del self.unique[key]
            self.shared[key] = array(ID_TYPE, sorted((first, id_)))

    def add_run(self, keys: Sequence[Key], ids: Sequence[int]) -> None:
        """``add`` for many keys, each with its entry."""
        unique, shared = self.unique, self.shared
        new = dict(zip(keys, ids, strict=True))
        if (
            len(new) == len(keys)
            and not self._is_derived
            and unique.keys().isdisjoint(new.keys())
            and (not shared or shared.keys().isdisjoint(new.keys()))
        ):
            unique.update(new)  # nobody has any of them: as it is with names and addresses
            return
        for key, id_ in zip(keys, ids, strict=True):
            self.add(key, id_)

    def add_newest(self, key: Key, ids: Sequence[int]) -> None:
        """``add`` for one key and entries whose ids are above all others, ascending."""
        for id_ in ids[:2]:
            self.add(key, id_)
        if len(ids) > 2:
            self.shared[key].extend(ids[2:])

    def remove(self, key: Key, id_: int) -> None:
        """Note that an entry has no such value any more."""
        ids = self.shared.get(key)
        if ids is None:
            if self.unique.get(key) == id_:
                del self.unique[key]
                if self._is_derived:
                    self._went(key)
            return
        at = bisect_left(ids, id_)
        if at < len(ids) and ids[at] == id_:
            del ids[at]
        if len(ids) == 1:
            del self.shared[key]
            self.unique[key] = ids[0]

    def change(self, before: Sequence[bytes], after: Sequence[bytes], id_: int) -> None:
        """Note that an entry has other values of this attribute than it had."""
        if len(before) == len(after) == 1:  # as it is with most that is replaced
            try:
                old, new = self.key(before[0]), self.key(after[0])
            except ValueError:
                pass
            else:
                if old != new:
                    self.remove(old, id_)
                    self.add(new, id_)
                return
        had, has = self.keys_of(before), self.keys_of(after)
        for key in had - has:
            self.remove(key, id_)
        for key in has - had:
            self.add(key, id_)

    # what is derived ---------------------------------------------------------------------------

    def _came(self, key: Key) -> None:
        if self.order is not None:
            self.order.add(key)
        if self._groups is not None:
            assert isinstance(key, bytes)
            self._groups.add(key)
            if len(self._groups) > 2 * len(self) + GONE_MIN:
                self._groups = None
        self._note_late(key)

    def _went(self, key: Key) -> None:
        if self.order is not None:
            self.order.remove(key)
        self._note_late(key)

    def _note_late(self, key: Key) -> None:
        """Tell what is being built; keys that went stay in groups, where they do no harm."""
        if self._ordering is not None:
            self._ordering.late.add(key)
            if len(self._ordering.late) > LATE_MAX:
                self._ordering = None
        if self._grouping is not None:
            self._grouping.late.add(key)
            if len(self._grouping.late) > LATE_MAX:
                self._grouping = None

    @property
    def has_order(self) -> bool:
        """Whether keys can be asked in order at once."""
        return self.order is not None

    @property
    def has_groups(self) -> bool:
        """Whether infixes can be asked at once."""
        return self._groups is not None and self._groups.is_ready

    @property
    def is_asked_for_infixes(self) -> bool:
        """Whether the next search for an infix is worth building what answers it."""
        return self._infixes + 1 >= INFIXES_MIN

    def build_order(self) -> Iterator[None]:
        """Steps until keys can be asked in order."""
        while self.order is None:
            building = self._ordering
            if building is None:
                made = OrderedKeys()
                building = _Construction(made, made.build([*self.unique, *self.shared]), set())
                self._ordering, self._is_derived = building, True
            if next(building.steps, _FINISHED) is not _FINISHED:
                yield
                continue
            for key in building.late:
                if key in self:
                    building.made.add(key)
                else:
                    building.made.remove(key)
            self.order, self._ordering = building.made, None

    def build_groups(self) -> Iterator[None]:
        """Steps until infixes can be asked."""
        while not self.has_groups:
            if self._groups is not None:
                self._groups.take_some_in()
                yield
                continue
            building = self._grouping
            if building is None:
                made = Trigrams()
                keys = [key for key in (*self.unique, *self.shared) if isinstance(key, bytes)]
                building = _Construction(made, made.build(keys), set())
                self._grouping, self._is_derived = building, True
            if next(building.steps, _FINISHED) is not _FINISHED:
                yield
                continue
            for key in building.late:
                if isinstance(key, bytes) and key in self:
                    building.made.add(key)
            self._groups, self._grouping = building.made, None

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
        return self.union((*self.unique, *self.shared))

    def ordered(self) -> OrderedKeys:
        """All keys in order, built at once where no search has asked in steps."""
        order = self.order
        if order is None:
            for _ in self.build_order():
                pass
            order = self.order
            assert order is not None
        return order

    def between(self, low: Key | None, high: Key | None, at_most: int) -> Sequence[int] | None:
        """Entries with a key from ``low`` to ``high``, both included; None if too many keys."""
        keys = self.ordered().between(low, high, at_most)
        return None if keys is None else self.union(keys)

    def starting_with(self, prefix: bytes, at_most: int) -> Sequence[int] | None:
        """Entries with a key that starts so; None if too many keys."""
        keys = self.ordered().starting_with(prefix, at_most)
        return None if keys is None else self.union(keys)

    def containing(self, piece: bytes, at_most: int) -> Sequence[int] | None:
        """Entries with a key that contains a piece; None if too many keys, or it cannot tell."""
        if len(piece) < trigrams.LENGTH:
            return None
        if self._groups is None and not self.is_asked_for_infixes:
            self._infixes += 1
            return None
        if not self.has_groups:
            for _ in self.build_groups():
                pass
        assert self._groups is not None
        found: set[Key] = set()
        for key in self._groups.containing(piece):
            found.add(key)
            if len(found) > at_most:
                return None
        return self.union(found)

    def union(self, keys: Iterable[Key]) -> Sequence[int]:
        """Entries with any of these keys, in the order of their ids."""
        result: list[int] = []
        unique, shared = self.unique, self.shared
        if not shared:
            result = [unique[key] for key in keys if key in unique]
            return sorted(set(result)) if len(result) > 1 else result
        for key in keys:
            one = unique.get(key)
            if one is not None:
                result.append(one)
            else:
                result.extend(shared.get(key, ()))
        return sorted(set(result)) if len(result) > 1 else result


_FINISHED = object()
