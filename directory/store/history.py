"""Read the past of an entry from its versions: who changed which attribute, when, from what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from directory.store.changes import Change, ChangeKind, Removal, ValueChange
from directory.store.entry import StoredEntry


def versions(entry: StoredEntry) -> Iterator[StoredEntry]:
    """An entry and its earlier versions, newest first."""
    version: StoredEntry | None = entry
    while version is not None:
        yield version
        version = version.previous


def as_of(entry: StoredEntry, usn: int) -> StoredEntry | None:
    """The version that was there right after a USN, or None when the entry was not yet."""
    if entry.created > usn:
        return None
    return next((version for version in versions(entry) if version.changed <= usn), None)


HIDDEN = (b"(hidden)",)
"""Stands for the values of a secret attribute: that it changed is told, not what it was."""


def changes_of(entry: StoredEntry, secret: frozenset[str]) -> list[Change]:
    """Every change of an entry that its versions still tell, oldest first."""
    told = [v for v in versions(entry) if v.changed == v.created or v.previous is not None]
    return [change_to(version, secret) for version in reversed(told)]


def _values(version: StoredEntry | None, name: str, secret: frozenset[str]) -> tuple[bytes, ...]:
    if version is None or not version.has(name):
        return ()
    return HIDDEN if name in secret else version.values(name)


def change_to(version: StoredEntry, secret: frozenset[str]) -> Change:
    """The change that made a version."""
    before = version.previous
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
