"""Many new entries of one shape below one superior, brought into a store together.

Attribute by attribute, not entry by entry: what is done for each value is then a short loop over
a list. The store is left as ``Writer.add`` leaves it, called once for each; a property test
compares the two (tests/property/dsa/test_bulk_add.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from directory.model.encoded import attribute_values
from directory.model.names import AttributeName
from directory.schema.matching import Key
from directory.store.entry import EntryId, StoredEntry
from directory.store.writer import Step, Writer

Keys = tuple[list[Key], Sequence[int]]
"""Keys of values, and beside each which entry of the run has it, from 0."""


class Column(NamedTuple):
    """One attribute of a run of entries."""

    name: AttributeName
    blobs: Sequence[bytes]
    keys: Keys | None
    """For the index; None where it has none."""


class Run(NamedTuple):
    """New entries: what they have in common, and beside each other what differs."""

    parent: StoredEntry
    rdns: Sequence[bytes]
    keys: Sequence[str]
    """Their RDNs in normal form."""
    guids: Sequence[bytes]
    columns: Sequence[Column]
    alike: Mapping[AttributeName, bytes]
    """Attributes whose values are the same in all of them, in wire form."""


def insert_run(writer: Writer, run: Run) -> None:
    """Add the entries; the caller has checked that the names are free and the store has the lock.

    What changes the store is done for all entries at once, so that little can be half done; what
    can fail comes before.
    """
    store = writer.store
    dit = store.dit
    first = dit.next_id()
    steps = _steps(writer, run, first)
    entries = [step.new for step in steps if step.new is not None]
    ids = range(first, first + len(entries))
    dit.put_leaves(entries)
    writer.steps += steps
    store.usn += len(entries)
    store.log.extend([step.usn for step in steps], ids)
    store.guids.update(zip(run.guids, ids, strict=True))
    for column in run.columns:
        if column.keys is not None:
            keys, whose = column.keys
            store.indexes.kept(column.name).add_run(keys, [ids[at] for at in whose])
    for name, blob in run.alike.items():
        if store.indexes.has(name):
            store.indexes.kept(name).add_to_all(attribute_values(blob), ids)


def _steps(writer: Writer, run: Run, first: EntryId) -> list[Step]:
    """The entries, seen by nobody yet."""
    store, author, at = writer.store, writer.author, writer.at
    by_name: dict[AttributeName, Sequence[bytes]] = {
        **{name: [blob] * len(run.keys) for name, blob in run.alike.items()},
        **{column.name: column.blobs for column in run.columns},
    }
    shape = store.shapes.of(by_name)
    place = store.dit.place_below(run.parent)
    columns = [
        store.shapes.share_all(by_name[name]) if position in shape.common else by_name[name]
        for position, name in enumerate(shape.names)
    ]
    steps: list[Step] = []
    id_, usn = first, store.usn
    for rdn, key, guid, blobs in zip(
        run.rdns, run.keys, run.guids, zip(*columns, strict=True), strict=True
    ):
        usn += 1
        entry = StoredEntry()
        entry.id, entry.place = id_, place
        entry.rdn, entry.key, entry.guid, entry.flags = rdn, key, guid, 0
        entry.shape, entry.blobs = shape, blobs
        entry.created = entry.changed = usn
        entry.created_at = entry.changed_at = at
        entry.created_by = entry.changed_by = author
        entry.stamps = entry.previous = entry.cached = None
        steps.append(Step(None, entry, usn, at, author))
        id_ = EntryId(id_ + 1)
    return steps
