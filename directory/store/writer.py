"""Changes of one write: each is applied at once, and undone if the write does not complete."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from directory.model.names import AttributeName
from directory.store.entry import Author, Shape, StoredEntry

if TYPE_CHECKING:
    from directory.store.store import Store


class Step(NamedTuple):
    """One entry from one version to the next; None is an entry that is not there.

    ``usn`` is 0 for steps that follow from another one: entries below a renamed superior.
    """

    old: StoredEntry | None
    new: StoredEntry | None
    usn: int
    at: int
    author: Author


class Writer:
    """Handed out by ``Store.write``; good in its ``with`` block."""

    __slots__ = ("at", "author", "commit", "meta", "steps", "store")

    def __init__(self, store: Store, author: Author, at: int, *, commit: bool) -> None:
        self.store = store
        self.author = author
        self.at = at
        self.commit = commit
        self.steps: list[Step] = []
        self.meta: dict[str, str] = {}

    def __enter__(self) -> Self:
        store = self.store
        store.lock.acquire()
        self.at = store.last_at = max(store.last_at, self.at)  # never behind the largest seen
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        store = self.store
        try:
            if kind is None:
                store.keep(self)
            else:
                store.undo(self.steps)
        finally:
            store.lock.release()

    def add(
        self,
        parent: StoredEntry | None,
        rdn: bytes,
        key: str,
        attributes: Mapping[AttributeName, bytes],
        guid: bytes,
        flags: int = 0,
    ) -> StoredEntry:
        """A new entry; the caller has checked that the name is free. ``attributes`` are blobs."""
        shape = self.store.shapes.of(attributes)
        blobs = tuple(map(attributes.__getitem__, shape.names))
        return self.add_shaped(parent, rdn, key, shape, blobs, guid, flags)

    def add_shaped(
        self,
        parent: StoredEntry | None,
        rdn: bytes,
        key: str,
        shape: Shape,
        blobs: tuple[bytes, ...],
        guid: bytes,
        flags: int,
    ) -> StoredEntry:
        """The same with attributes in the order of a shape of this store."""
        store = self.store
        entry = StoredEntry()
        entry.id = store.dit.next_id()
        entry.place = store.dit.place_below(parent)
        entry.rdn, entry.key, entry.guid, entry.flags = rdn, key, guid, flags
        entry.shape = shape
        entry.blobs = store.shapes.share(shape, blobs)
        usn = store.usn = store.usn + 1
        entry.created = entry.changed = usn
        entry.created_at = entry.changed_at = self.at
        entry.created_by = entry.changed_by = self.author
        entry.stamps = entry.previous = entry.cached = None
        store.insert(entry)
        self.steps.append(Step(None, entry, usn, self.at, self.author))
        store.log.append(usn, entry.id)
        return entry

    def modify(
        self,
        entry: StoredEntry,
        attributes: Mapping[AttributeName, bytes | None],
        *,
        flags: int | None = None,
    ) -> StoredEntry:
        """Put attributes (blobs) in place of what was there; None takes one away."""
        new = entry.copy()
        self._replace(new, attributes)
        if flags is not None:
            new.flags = flags
        self._stamp(new, entry, attributes)
        self._step(entry, new, new.changed)
        return new

    def move(
        self,
        entry: StoredEntry,
        parent: StoredEntry | None,
        rdn: bytes,
        key: str,
        attributes: Mapping[AttributeName, bytes | None],
        *,
        flags: int | None = None,
    ) -> StoredEntry:
        """Give an entry another name, place, or both; everything below goes with it."""
        store = self.store
        below = list(store.dit.descendants(entry.id))
        new = entry.copy()
        new.place = store.dit.place_below(parent)
        new.rdn, new.key = rdn, key
        self._replace(new, attributes)
        if flags is not None:
            new.flags = flags
        self._stamp(new, entry, attributes)
        self._step(entry, new, new.changed)
        for old in below:
            follower = old.copy()
            above = store.dit.by_id(old.place.parent)
            assert above is not None
            follower.place = store.dit.place_below(above)
            self._step(old, follower, 0)
        return new

    def remove(self, entry: StoredEntry, *, silently: bool = False) -> None:
        """Take an entry away for good; ``silently`` when a tombstone's time is over."""
        self._step(entry, None, 0 if silently else self._next_usn())

    def set_meta(self, key: str, value: str) -> None:
        """Keep a fact about the directory itself."""
        self.meta[key] = value

    def _next_usn(self) -> int:
        self.store.usn += 1
        return self.store.usn

    def _step(self, old: StoredEntry | None, new: StoredEntry | None, usn: int) -> None:
        step = Step(old, new, usn, self.at, self.author)
        self.store.apply(step)
        self.steps.append(step)
        if usn:
            self.store.record(step)

    def _replace(self, new: StoredEntry, attributes: Mapping[AttributeName, bytes | None]) -> None:
        positions = new.shape.positions
        blobs = [*new.blobs]
        for name, blob in attributes.items():
            at = positions.get(name)
            if at is None or blob is None:
                break
            blobs[at] = blob
        else:  # other values, the same attributes: nearly all modifies
            new.blobs = tuple(blobs)
            return
        merged = dict(zip(new.shape.names, new.blobs, strict=True))
        for name, blob in attributes.items():
            if blob is None:
                merged.pop(name, None)
            else:
                merged[name] = blob
        if merged.keys() != new.shape.positions.keys():
            new.shape = self.store.shapes.of(merged)
        new.blobs = tuple(map(merged.__getitem__, new.shape.names))

    def _stamp(
        self,
        new: StoredEntry,
        old: StoredEntry,
        attributes: Mapping[AttributeName, bytes | None],
    ) -> None:
        usn = self._next_usn()
        new.changed, new.changed_at, new.changed_by = usn, self.at, self.author
        stamps = {**(old.stamps or {}), **dict.fromkeys(attributes, usn)}
        if new.place is not old.place or new.rdn != old.rdn:
            stamps[NAME] = usn
        new.stamps = stamps
        new.previous = old


def replace_values(
    store: Store,
    entry: StoredEntry,
    attributes: Mapping[AttributeName, bytes],
    author: Author,
    at: int,
) -> StoredEntry:
    """``Writer.modify`` of attributes an entry has, in a block of its own; durable after ``flush``.

    The same steps without the calls between them: most changes there are come by here. The caller
    holds the store's lock.
    """
    at = store.last_at = max(store.last_at, at)
    usn = store.usn = store.usn + 1
    shape = entry.shape
    blobs = [*entry.blobs]
    for name, blob in attributes.items():
        blobs[shape.positions[name]] = blob
    new = StoredEntry()
    new.id, new.place, new.rdn, new.key = entry.id, entry.place, entry.rdn, entry.key
    new.shape, new.blobs, new.guid, new.flags = shape, tuple(blobs), entry.guid, entry.flags
    new.created, new.created_at, new.created_by = entry.created, entry.created_at, entry.created_by
    new.changed, new.changed_at, new.changed_by = usn, at, author
    new.stamps = {**(entry.stamps or {}), **dict.fromkeys(attributes, usn)}
    new.previous, new.cached = entry, None
    store.replace(Step(entry, new, usn, at, author))
    return new


NAME = AttributeName("name")
"""The stamp of an entry's name: its own pseudo-attribute, as AD's ``name`` is."""
