"""What two directories are compared by: everything their stores keep, versions and indexes too."""

from __future__ import annotations

from directory.store.store import Store


def kept(store: Store) -> tuple[list[object], list[str]]:
    """Every entry with all that is stored of it, by number; and every index."""
    entries: list[object] = [
        None if e is None else
        (e.id, e.name, e.normal, e.key, e.shape.names, e.blobs, e.guid, e.flags, e.created,
         e.changed, e.created_at, e.changed_at, e.changed_by, e.place.path, e.stamps,
         list(e.stamps or ()))
        for e in store.dit.entries
    ]  # fmt: skip
    return entries, sorted(map(repr, store.indexes.contents()))
