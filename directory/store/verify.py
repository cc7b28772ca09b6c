"""Prove that memory, indexes and journal agree; every disagreement is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from directory.store.entry import DELETED, REFERRAL, StoredEntry
from directory.store.index import IndexSet

if TYPE_CHECKING:
    from directory.store.store import Store


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two places that should say the same and do not."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def verify(store: Store) -> list[Disagreement]:
    """Every disagreement; none is the good answer. Reads everything, so it takes its time."""
    with store.lock:
        store.flush()
        found = [*_names(store), *_indexes(store), *_log(store)]
        if store.journal is not None:
            found += store.journal.disagreements(store)
    return found


def _entries(store: Store) -> Iterator[StoredEntry]:
    for entry in store.dit.entries:
        if entry is not None:
            yield entry


def _names(store: Store) -> Iterator[Disagreement]:
    count = 0
    for entry in _entries(store):
        count += 1
        name = entry.name.decode()
        if store.dit.find(entry.normal) is not entry:
            yield Disagreement("names", f"{name!r} does not lead to its entry")
        if entry.dn.normal != entry.normal:
            yield Disagreement("names", f"{name!r} is filed under {entry.normal!r}")
        if store.guids.get(entry.guid) != entry.id:
            yield Disagreement("identities", f"{name!r} is not found by its GUID")
        for flag, ids in ((DELETED, store.deleted), (REFERRAL, store.referrals)):
            if bool(entry.flags & flag) != (entry.id in ids):
                yield Disagreement("flags", f"{name!r} is not where entries of its kind are")
    for what, size in (("entries", store.count), ("identities", len(store.guids))):
        if size != count:
            yield Disagreement(what, f"{size} are counted, {count} are there")


def _indexes(store: Store) -> Iterator[Disagreement]:
    fresh = IndexSet(index.attribute for index in store.indexes.by_name.values())
    for entry in _entries(store):
        fresh.insert(entry)
    wanted = {(name, key): ids for name, key, ids in fresh.contents()}
    actual = {(name, key): ids for name, key, ids in store.indexes.contents()}
    for position in wanted.keys() | actual.keys():
        if wanted.get(position) != actual.get(position):
            name, key = position
            yield Disagreement(f"index {name}", f"key {key!r} has other entries than it should")


def _log(store: Store) -> Iterator[Disagreement]:
    known = dict(store.log.since(0, store.usn))
    for entry in _entries(store):
        if known.get(entry.changed) != entry.id:
            name = entry.name.decode()
            yield Disagreement("change log", f"USN {entry.changed} does not lead to {name!r}")
        if not entry.created <= entry.changed <= store.usn:
            yield Disagreement("change log", f"{entry.name.decode()!r} has impossible USNs")
