"""How versions of entries become rows of the journal, and rows become versions again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from directory.model import ber
from directory.model.encoded import attribute_blobs, decode_attribute
from directory.model.names import AttributeName, attribute_name
from directory.store.entry import Author, EntryId, Place, Shapes, StoredEntry
from directory.store.writer import Step

EntryRow = tuple[Any, ...]
"""id, parent, rdn, key, guid, created, changed, created_at, changed_at, created_by, changed_by,
flags, stamps, body."""

ChangeRow = tuple[Any, ...]
"""usn, entry, kind, at, author, dn, parent, rdn, key, flags, guid, before."""


def entry_row(entry: StoredEntry, author_ids: Mapping[Author, int]) -> EntryRow:
    """The row of a version."""
    return (
        entry.id, entry.place.parent, entry.rdn.decode(), entry.key, entry.guid,
        entry.created, entry.changed, entry.created_at, entry.changed_at,
        author_ids[entry.created_by], author_ids[entry.changed_by], entry.flags,
        _stamps(entry.stamps) if entry.stamps else None, b"".join(entry.blobs),
    )  # fmt: skip


def _stamps(stamps: Mapping[AttributeName, int]) -> str:
    """``json.dumps``, for names that have nothing to escape and numbers: every modify has some."""
    return "{" + ", ".join([f'"{name}": {usn}' for name, usn in stamps.items()]) + "}"


def entry_from_row(
    row: EntryRow, place: Place, shapes: Shapes, authors: Mapping[int, Author]
) -> StoredEntry:
    """The version a row keeps."""
    entry = StoredEntry()
    entry.id, entry.place = EntryId(row[0]), place
    entry.rdn, entry.key, entry.guid = row[2].encode(), row[3], row[4]
    entry.created, entry.changed, entry.created_at, entry.changed_at = row[5:9]
    entry.created_by, entry.changed_by, entry.flags = authors[row[9]], authors[row[10]], row[11]
    entry.stamps = None if row[12] is None else {
        attribute_name(name): usn for name, usn in json.loads(row[12]).items()
    }  # fmt: skip
    names, blobs = _attributes(row[13])
    entry.shape = shapes.of(names)
    entry.blobs = shapes.share(entry.shape, blobs)  # the shape kept this order when it wrote
    entry.previous = entry.cached = None
    return entry


def _attributes(body: bytes) -> tuple[tuple[AttributeName, ...], tuple[bytes, ...]]:
    """Names and wire forms of concatenated attributes: a start reads every one there is."""
    names: list[AttributeName] = []
    blobs: list[bytes] = []
    at, end = 0, len(body)
    while at < end:
        n = body[at + 1]
        start = at + 2 if n < 0x80 else ber.header(body, at, end)[1]
        stop = start + n if n < 0x80 else ber.header(body, at, end)[2]
        raw = body[start + 2 : start + 2 + body[start + 1]]
        name = _NAMES.get(raw)
        if name is None:
            name = attribute_name(raw.decode())
            if len(_NAMES) < _NAMES_MAX:
                _NAMES[raw] = name
        names.append(name)
        blobs.append(body[at:stop])
        at = stop
    return tuple(names), tuple(blobs)


_NAMES: dict[bytes, AttributeName] = {}
_NAMES_MAX = 8192
"""Most spellings of attribute names remembered."""


def change_row(step: Step, author_ids: Mapping[Author, int]) -> ChangeRow:
    """The row of a step: what must be known to go back over it."""
    old, new = step.old, step.new
    entry = new if new is not None else old
    assert entry is not None
    author = author_ids[step.author]
    if old is None:
        return (step.usn, entry.id, "add", step.at, author, *(None,) * 7)
    if new is None or (new.is_deleted and not old.is_deleted):
        kind = "delete"
    elif old.place.parent != new.place.parent or old.rdn != new.rdn:
        kind = "modifyDN"
    else:
        kind = "modify"
    moved = kind != "modify"
    return (
        step.usn, entry.id, kind, step.at, author,
        old.name.decode() if moved else None,
        old.place.parent if moved else None,
        old.rdn.decode() if moved else None,
        old.key if moved else None,
        old.flags if new is None or old.flags != new.flags else None,
        old.guid if new is None else None,
        b"".join(old.blobs) if new is None else before_blobs(old, new),
    )  # fmt: skip


def before_blobs(old: StoredEntry, new: StoredEntry) -> bytes:
    """The old values of every attribute that differs; an empty set where there were none."""
    if old.shape is new.shape:  # most modifies change values, not which attributes there are
        pairs = zip(old.blobs, new.blobs, strict=True)
        return b"".join([before for before, after in pairs if before is not after])
    parts: list[bytes] = []
    for name in dict.fromkeys((*old.shape.names, *new.shape.names)):
        before, after = old.blob(name), new.blob(name)
        if before != after:
            parts.append(before if before is not None else ber.attribute(name.encode(), ()))
    return b"".join(parts)


def version_before(
    version: StoredEntry, row: ChangeRow, place: Place | None, shapes: Shapes
) -> StoredEntry:
    """The version that a change (not an add) was made to. Its time and author are the caller's."""
    earlier = version.copy()
    merged = dict(zip(version.shape.names, version.blobs, strict=True))
    for blob in attribute_blobs(row[11] or b""):
        name, values = decode_attribute(blob)
        if values:
            merged[attribute_name(name.decode())] = blob
        else:
            merged.pop(attribute_name(name.decode()), None)
    earlier.shape = shapes.of(merged)
    earlier.blobs = tuple(map(merged.__getitem__, earlier.shape.names))
    if row[7] is not None:
        earlier.rdn, earlier.key = row[7].encode(), row[8]
    if place is not None:
        earlier.place = place
    if row[9] is not None:
        earlier.flags = row[9]
    earlier.stamps = None
    earlier.previous = None
    return earlier
