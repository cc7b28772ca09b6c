"""Read the past of an entry from its versions: who changed which attribute, when, from what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import chain, pairwise
from uuid import UUID

from directory.store.changes import Change, ChangeKind, Removal, ValueChange
from directory.store.entry import StoredEntry


def versions(entry: StoredEntry) -> Iterator[StoredEntry]:
    """An entry and its earlier versions as far as memory has them, newest first."""
    version: StoredEntry | None = entry
    while version is not None:
        yield version
        version = version.previous


def all_versions(
    entry: StoredEntry,
    written: Callable[[StoredEntry], Iterator[StoredEntry]],
    lock: AbstractContextManager[object],
) -> Iterator[StoredEntry]:
    """An entry and its earlier versions, newest first: what memory has, then what was written.

    Nobody waits for the lock while the caller looks at one, and what was read is not kept: an
    Edge's subscription changes with every synchronization.
    """
    oldest = entry
    for oldest in versions(entry):
        yield oldest
    if oldest.changed == oldest.created:
        return
    earlier = written(oldest)
    while True:
        with lock:
            version = next(earlier, None)
        if version is None:
            return
        yield version


def as_of(past: Iterable[StoredEntry], usn: int) -> StoredEntry | None:
    """Of versions, newest first, the one that was there right after a USN; None: none was yet."""
    return next((version for version in past if version.changed <= usn), None)


HIDDEN = (b"(hidden)",)
"""Stands for the values of a secret attribute: that it changed is told, not what it was."""


def changes_of(past: Iterable[StoredEntry], secret: frozenset[str]) -> Iterator[Change]:
    """What an entry's versions tell, which come newest first; so do the changes.

    What led to the oldest is told when it was the entry's first.
    """
    for version, before in pairwise(chain(past, (None,))):
        if version is not None and (before is not None or version.changed == version.created):
            yield change_to(version, before, secret)


def _values(version: StoredEntry | None, name: str, secret: frozenset[str]) -> tuple[bytes, ...]:
    if version is None or not version.has(name):
        return ()
    return HIDDEN if name in secret else version.values(name)


def change_to(version: StoredEntry, before: StoredEntry | None, secret: frozenset[str]) -> Change:
    """The change that made a version of the one before; of none when it is the first."""
    names = {*version.shape.names, *(before.shape.names if before is not None else ())}
    attributes: dict[str, ValueChange] = {
        name: ValueChange(_values(before, name, secret), _values(version, name, secret))
        for name in sorted(names)
        if before is None or before.blob(name) != version.blob(name)
    }
    kind = ChangeKind.MODIFY
    dn_before = None
    if before is None:
        kind = ChangeKind.ADD
    elif version.is_deleted and not before.is_deleted:
        kind = ChangeKind.DELETE
    elif before.place.parent != version.place.parent or before.rdn != version.rdn:
        kind = ChangeKind.MODIFY_DN
    if before is not None and before.name != version.name:
        dn_before = before.name.decode()
    return Change(
        usn=version.changed,
        kind=kind,
        guid=UUID(bytes_le=version.guid),
        dn=version.name.decode(),
        attributes=attributes,
        at=datetime.fromtimestamp(version.changed_at, UTC),
        author=version.changed_by,
        dn_before=dn_before,
    )


def change_of_removal(removal: Removal, secret: frozenset[str]) -> Change:
    """The change that took an entry away for good."""
    entry = removal.entry
    return Change(
        usn=removal.usn,
        kind=ChangeKind.DELETE,
        guid=UUID(bytes_le=entry.guid),
        dn=entry.name.decode(),
        attributes={
            name: ValueChange(_values(entry, name, secret), ()) for name in entry.shape.names
        },
        at=datetime.fromtimestamp(removal.at, UTC),
        author=removal.author,
    )
