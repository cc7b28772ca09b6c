"""How the store keeps an entry: attributes in wire form, everything shared that can be.

An entry of twelve attributes costs its bytes and one object per attribute. Names live in the
Shape (shared by all entries with the same attributes), the superior's name in the Place (shared
by all siblings), who wrote it in the Author (shared by a session). Operational attributes are
computed from the slots below, not kept.

A StoredEntry never changes, but for two slots that are caches: a change makes another one. That
is what makes consistent reads, snapshots, forks and history cheap.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, NewType

from directory.model.dn import DN
from directory.model.encoded import attribute_values
from directory.model.names import AttributeName

EntryId = NewType("EntryId", int)
"""Never reused, never shown."""

DELETED = 1
"""A tombstone."""
RECYCLED = 2
"""A tombstone that has lost what a deleted object keeps."""
SUBENTRY = 4
"""A subentry (RFC 3672): invisible to ordinary searches."""
REFERRAL = 8
"""A referral object (RFC 3296)."""


class Author(NamedTuple):
    """Who wrote: the identity of the session, and what it said it was doing."""

    identity: str
    note: str = ""


class Place:
    """Where siblings hang: ids of the superiors from the top, and the superior's name."""

    __slots__ = ("name", "normal", "parent", "path")

    def __init__(self, path: tuple[int, ...], name: bytes, normal: str) -> None:
        self.path = path
        self.parent = path[-1]
        self.name = name
        self.normal = normal


class Shape:
    """The names of an entry's attributes, in the order of its values."""

    __slots__ = ("common", "described", "names", "positions", "selected")

    def __init__(self, names: tuple[AttributeName, ...], common: frozenset[str]) -> None:
        self.names = names
        self.common = tuple(i for i, name in enumerate(names) if name in common)
        """Positions of attributes whose values are much alike from entry to entry."""
        self.positions: dict[str, int] = {name: i for i, name in enumerate(names)}
        self.described: dict[str, tuple[int, ...]] = {}
        """Positions an attribute description means, subtypes included; filled by filters."""
        self.selected: dict[object, object] = {}
        """What a selection of attributes picks from entries of this shape; filled by searches."""

    def describe(
        self, name: str, bases: frozenset[str], options: frozenset[str]
    ) -> tuple[int, ...]:
        """Positions of the attributes with one of these base names and all of these options."""
        found = tuple(
            at
            for at, kind in enumerate(self.names)
            if kind.partition(";")[0] in bases and options.issubset(kind.split(";")[1:])
        )
        if len(self.described) < DESCRIPTIONS_MAX:
            self.described[name] = found
        return found


DESCRIPTIONS_MAX = 1024
"""Descriptions remembered in one shape; those asked for after that are looked up each time."""

COMMON_MAX = 4096
"""Attributes shared between entries: classes, flags and types have far fewer forms."""

MARKS_MAX = 1024
"""Questions whose answers shapes remember; all are forgotten when there are more."""

SPELLINGS_MAX = 100_000
"""Orders of names remembered beside the one a shape keeps; what lies above is sorted each time."""


class Shapes:
    """One Shape per set of names."""

    def __init__(self, common: frozenset[str] = frozenset()) -> None:
        self._common = common
        self._blobs: dict[bytes, bytes] = {}
        self._shapes: dict[tuple[AttributeName, ...], Shape] = {}
        self._used: set[str] = set()
        self._marks: dict[Hashable, object] = {}

    def uses(self, name: str) -> bool:
        """Whether any shape ever made has an attribute, with or without options."""
        return name in self._used

    def share(self, shape: Shape, blobs: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """The same attributes, with one object for each that many entries have alike."""
        if not shape.common:
            return blobs
        known = self._blobs
        shared = list(blobs)
        for at in shape.common:
            blob = shared[at]
            found = known.get(blob)
            if found is not None:
                shared[at] = found
            elif len(known) < COMMON_MAX:
                known[blob] = blob
        return tuple(shared)

    def share_all(self, blobs: Sequence[bytes]) -> list[bytes]:
        """``share`` for one such attribute of many entries."""
        known = self._blobs
        shared: list[bytes] = []
        for blob in blobs:
            found = known.get(blob)
            if found is None and len(known) < COMMON_MAX:
                known[blob] = blob
            shared.append(blob if found is None else found)
        return shared

    def mark(self, question: Hashable) -> object:
        """What entries and shapes remember the answers to one question by.

        It knows no directory, and is the same in every fork: forks share entries and shapes, and
        what those remember would keep a fork that is gone in memory.
        """
        mark = self._marks.get(question)
        if mark is None:
            if len(self._marks) >= MARKS_MAX:
                self._forget_selections()
            mark = self._marks[question] = object()
        return mark

    def _forget_selections(self) -> None:
        """Let go of what searches keep in the shapes; other threads may be making some."""
        self._marks.clear()
        for shape in list(self._shapes.values()):
            shape.selected.clear()

    def of(self, names: Iterable[AttributeName]) -> Shape:
        """The shape of these names, objectClass first, the others in alphabetical order."""
        given = tuple(names)
        shape = self._shapes.get(given)
        if shape is not None:
            return shape
        ordered = tuple(sorted(given, key=lambda name: (name != "objectclass", name)))
        shape = self._shapes.get(ordered)
        if shape is None:
            shape = self._shapes[ordered] = Shape(ordered, self._common)
            self._used.update(name.partition(";")[0] for name in ordered)
        if len(self._shapes) < SPELLINGS_MAX:
            self._shapes[given] = shape
        return shape


class StoredEntry:
    """One version of an entry."""

    __slots__ = (
        "blobs", "cached", "changed", "changed_at", "changed_by", "created", "created_at",
        "created_by", "flags", "guid", "id", "key", "place", "previous", "rdn", "shape", "stamps",
    )  # fmt: skip

    id: EntryId
    place: Place
    rdn: bytes
    key: str
    shape: Shape
    blobs: tuple[bytes, ...]
    guid: bytes
    created: int
    changed: int
    created_at: int
    changed_at: int
    created_by: Author
    changed_by: Author
    flags: int
    stamps: Mapping[AttributeName, int] | None
    previous: StoredEntry | None
    cached: tuple[object, bytes] | None

    @property
    def name(self) -> bytes:
        """Its DN as text."""
        above = self.place.name
        return self.rdn + b"," + above if above else self.rdn

    @property
    def normal(self) -> str:
        """Its DN in the form that compares."""
        above = self.place.normal
        return f"{self.key},{above}" if above else self.key

    @property
    def dn(self) -> DN:
        """Its DN."""
        return DN.parse(self.name.decode())

    @property
    def is_deleted(self) -> bool:
        """Whether it is a tombstone."""
        return self.flags & DELETED != 0

    def blob(self, name: str) -> bytes | None:
        """One attribute in wire form, by its exact folded description."""
        at = self.shape.positions.get(name)
        return None if at is None else self.blobs[at]

    def values(self, name: str) -> tuple[bytes, ...]:
        """The values of one attribute, by its exact folded description."""
        at = self.shape.positions.get(name)
        return () if at is None else attribute_values(self.blobs[at])

    def first(self, name: str) -> bytes | None:
        """The first value, or None."""
        values = self.values(name)
        return values[0] if values else None

    def has(self, name: str) -> bool:
        """Whether the attribute is there."""
        return name in self.shape.positions

    def within(self, ancestor: int) -> bool:
        """Whether it is the entry of that id, or below it."""
        return self.id == ancestor or ancestor in self.place.path

    def stamp(self, name: AttributeName) -> int:
        """USN of the last change of one attribute."""
        return self.created if self.stamps is None else self.stamps.get(name, self.created)

    def copy(self) -> StoredEntry:
        """Another version, to be changed before anybody sees it."""
        new = StoredEntry()
        new.id, new.place, new.rdn, new.key = self.id, self.place, self.rdn, self.key
        new.shape, new.blobs, new.guid, new.flags = self.shape, self.blobs, self.guid, self.flags
        new.created, new.created_at = self.created, self.created_at
        new.changed, new.changed_at = self.changed, self.changed_at
        new.created_by, new.changed_by = self.created_by, self.changed_by
        new.stamps, new.previous, new.cached = self.stamps, self.previous, None
        return new

    def __repr__(self) -> str:
        return f"StoredEntry({self.id}, {self.name.decode()!r}, usn {self.changed})"


TICK = StoredEntry()
"""Stands for "nothing found yet" in a search that must let other clients have their turn."""
