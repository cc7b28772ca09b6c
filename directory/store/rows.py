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
"""usn, entry, kind, at, author, dn, parent, rdn, key, flags, guid, before, previous, after.

``previous`` is the USN of the entry's change before this one. ``after`` is there where the change
is not in the entry's row yet: see ``is_brief``."""

BriefRow = tuple[int, int, int, int, bytes, int, bytes]
"""usn, entry, at, author, before, previous, after."""


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


def change_row(step: Step, author: int) -> ChangeRow:
    """The row of a step that is no add: what must be known to go back over it."""
    old, new = step.old, step.new
    assert old is not None
    if new is None or (new.is_deleted and not old.is_deleted):
        kind = "delete"
    elif old.place.parent != new.place.parent or old.rdn != new.rdn:
        kind = "modifyDN"
    else:
        kind = "modify"
    moved = kind != "modify"
    return (
        step.usn, old.id, kind, step.at, author,
        old.name.decode() if moved else None,
        old.place.parent if moved else None,
        old.rdn.decode() if moved else None,
        old.key if moved else None,
        old.flags if new is None or old.flags != new.flags else None,
        old.guid if new is None else None,
        b"".join(old.blobs) if new is None else before_blobs(old, new),
        old.changed, None,
    )  # fmt: skip


def is_brief(old: StoredEntry, new: StoredEntry) -> bool:
    """Whether attributes are all that changed: then the change alone is written, for the time.

    The row of an entry is ten times what most changes weigh, and in a page of its own.
    """
    return old.place is new.place and old.rdn is new.rdn and old.flags == new.flags


def brief_row(old: StoredEntry, new: StoredEntry, author: int) -> BriefRow:
    """The row of a brief change: what it needs to go back over it, and forward."""
    usn = new.changed
    assert new.stamps is not None
    names = [name for name, changed in new.stamps.items() if changed == usn]
    if old.shape is new.shape:  # most modifies change values, not which attributes there are
        at = old.shape.positions
        before = b"".join([old.blobs[at[name]] for name in names])
        after = b"".join([new.blobs[at[name]] for name in names])
    else:
        before = b"".join([_blob_or_none(old, name) for name in names])
        after = b"".join([_blob_or_none(new, name) for name in names])
    return usn, new.id, new.changed_at, author, before, old.changed, after


def _blob_or_none(entry: StoredEntry, name: AttributeName) -> bytes:
    """An attribute; an empty set where there is none."""
    blob = entry.blob(name)
    return blob if blob is not None else ber.attribute(name.encode(), ())


def before_blobs(old: StoredEntry, new: StoredEntry) -> bytes:
    """The old values of every attribute that differs; an empty set where there were none."""
    names = dict.fromkeys((*old.shape.names, *new.shape.names))
    return b"".join([_blob_or_none(old, n) for n in names if old.blob(n) != new.blob(n)])


def bring_forward(
    entry: StoredEntry, usn: int, at: int, author: Author, after: bytes, shapes: Shapes
) -> None:
    """Make a version that is being read what a brief change made of it."""
    merged = dict(zip(entry.shape.names, entry.blobs, strict=True))
    stamps = dict(entry.stamps or {})
    _merge(merged, after, stamps, usn)
    _put(entry, merged, shapes)
    entry.blobs = shapes.share(entry.shape, entry.blobs)
    entry.stamps = stamps
    entry.changed, entry.changed_at, entry.changed_by = usn, at, author


def _merge(
    merged: dict[AttributeName, bytes], blobs: bytes, stamps: dict[AttributeName, int], usn: int
) -> None:
    for blob in attribute_blobs(blobs):
        spelled, values = decode_attribute(blob)
        name = attribute_name(spelled.decode())
        stamps[name] = usn
        if values:
            merged[name] = blob
        else:
            merged.pop(name, None)


def _put(entry: StoredEntry, merged: Mapping[AttributeName, bytes], shapes: Shapes) -> None:
    entry.shape = shapes.of(merged)
    entry.blobs = tuple(map(merged.__getitem__, entry.shape.names))


def version_before(
    version: StoredEntry, row: ChangeRow, place: Place | None, shapes: Shapes
) -> StoredEntry:
    """The version that a change (not an add) was made to. Its time and author are the caller's."""
    earlier = version.copy()
    merged = dict(zip(version.shape.names, version.blobs, strict=True))
    _merge(merged, row[11] or b"", {}, 0)
    _put(earlier, merged, shapes)
    if row[7] is not None:
        earlier.rdn, earlier.key = row[7].encode(), row[8]
    if place is not None:
        earlier.place = place
    if row[9] is not None:
        earlier.flags = row[9]
    earlier.stamps = None
    earlier.previous = None
    return earlier
