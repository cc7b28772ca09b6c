"""Many new entries brought into a store together, attribute by attribute instead of one by one.

What is done for each value is then a short loop over a list. The store is left as ``Writer.add``
leaves it, called once for each in the same order; a property test compares the two
(tests/property/dsa/test_bulk_add.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import NamedTuple

from directory.model.encoded import attribute_values
from directory.model.names import AttributeName
from directory.schema.matching import Key
from directory.store.attribute_index import AttributeIndex
from directory.store.entry import EntryId, StoredEntry
from directory.store.writer import Step, Writer

Keys = tuple[Sequence[Key], Sequence[int]]
"""Keys of values, and beside each which entry of the kin has it, from 0."""


class Column(NamedTuple):
    """One attribute of some entries."""

    name: AttributeName
    blobs: Sequence[bytes]
    keys: Keys | None
    """For the index; None where it has none."""


class Kin(NamedTuple):
    """Entries of one shape below one superior: what they have in common, and what differs."""

    parent: StoredEntry
    places: Sequence[int]
    """Where each stands among all that are added, ascending."""
    rdns: Sequence[bytes]
    keys: Sequence[str]
    """Their RDNs in normal form."""
    columns: Sequence[Column]
    alike: Mapping[AttributeName, bytes]
    """Attributes whose values are the same in all of them, in wire form."""


def insert_all(writer: Writer, kins: Sequence[Kin], guids: Sequence[bytes]) -> None:
    """Add the entries; the caller has checked that the names are free and holds the lock.

    ``guids`` stand in the order of the entries. What can fail comes before anything is changed.
    """
    store, author, at = writer.store, writer.author, writer.at
    first, usn = store.dit.next_id(), store.usn + 1
    made: list[StoredEntry] = []
    for kin in kins:
        made += _entries(writer, kin, guids)
    if len(kins) > 1:
        made.sort(key=_id)
    ids, usns = range(first, first + len(made)), range(usn, usn + len(made))
    steps = map(Step, repeat(None), made, usns, repeat(at), repeat(author))
    store.dit.put_leaves(made)
    writer.steps += steps
    store.usn += len(made)
    store.log.extend(usns, ids)
    store.guids.update(zip(guids, ids, strict=True))
    common: dict[str, tuple[AttributeIndex, dict[Key, list[int]]]] = {}
    for kin in kins:
        own = [first + place for place in kin.places]
        for column in kin.columns:
            if column.keys is not None:
                keys, whose = column.keys
                store.indexes.kept(column.name).add_run(keys, [own[one] for one in whose])
        for name, blob in kin.alike.items():
            if store.indexes.has(name):
                index = store.indexes.kept(name)
                by_key = common.setdefault(name, (index, {}))[1]
                for key in index.keys_of(attribute_values(blob)):
                    by_key.setdefault(key, []).extend(own)
    for index, by_key in common.values():
        for key, those in by_key.items():
            index.add_newest(key, sorted(those))


def _id(entry: StoredEntry) -> int:
    return entry.id


def _entries(writer: Writer, kin: Kin, guids: Sequence[bytes]) -> list[StoredEntry]:
    """The entries, seen by nobody yet."""
    store, author, at = writer.store, writer.author, writer.at
    by_name: dict[AttributeName, Sequence[bytes]] = {
        **{name: [blob] * len(kin.keys) for name, blob in kin.alike.items()},
        **{column.name: column.blobs for column in kin.columns},
    }
    shape = store.shapes.of(by_name)
    where = store.dit.place_below(kin.parent)
    columns = [
        store.shapes.share_all(by_name[name]) if position in shape.common else by_name[name]
        for position, name in enumerate(shape.names)
    ]
    first, usn = store.dit.next_id(), store.usn + 1
    made: list[StoredEntry] = []
    for place, rdn, key, blobs in zip(
        kin.places, kin.rdns, kin.keys, zip(*columns, strict=True), strict=True
    ):
        entry = StoredEntry()
        entry.id, entry.place = EntryId(first + place), where
        entry.rdn, entry.key, entry.guid, entry.flags = rdn, key, guids[place], 0
        entry.shape, entry.blobs = shape, blobs
        entry.created = entry.changed = usn + place
        entry.created_at = entry.changed_at = at
        entry.created_by = entry.changed_by = author
        entry.stamps = entry.previous = entry.cached = None
        made.append(entry)
    return made
