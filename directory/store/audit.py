"""Read a whole journal file and say where it disagrees with memory, or with itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from directory.model.encoded import attribute_blobs, decode_attribute
from directory.store.entry import Author, StoredEntry
from directory.store.rows import entry_row
from directory.store.verify import Disagreement

if TYPE_CHECKING:
    from directory.store.store import Store

PAGES_NAMED_MAX = 100
"""Damaged pages named: a file with more is not mended page by page."""


def audit(
    connection: sqlite3.Connection, store: Store, authors: Mapping[Author, int]
) -> list[Disagreement]:
    """Every row compared with memory, every change decoded, every page looked at."""
    memory: dict[int, StoredEntry] = {e.id: e for e in store.dit.entries if e is not None}
    found: list[Disagreement] = []
    for part in (
        _entries(connection, memory, authors), _changes(connection, memory), _pages(connection),
    ):  # fmt: skip
        try:
            found += part
        except sqlite3.DatabaseError as error:
            found.append(Disagreement("journal", f"a page cannot be read: {error}"))
    return found


def _entries(
    connection: sqlite3.Connection,
    memory: Mapping[int, StoredEntry],
    authors: Mapping[Author, int],
) -> Iterator[Disagreement]:
    seen: set[int] = set()
    for row in connection.execute("SELECT * FROM entry"):
        entry = memory.get(row[0])
        seen.add(row[0])
        if entry is None or tuple(row) != entry_row(entry, authors):
            yield Disagreement("journal", f"entry {row[0]} ({row[2]!r}) differs")
    for id_, entry in memory.items():
        if id_ not in seen:
            yield Disagreement("journal", f"{entry.name.decode()!r} is missing")


def _changes(
    connection: sqlite3.Connection, memory: Mapping[int, StoredEntry]
) -> Iterator[Disagreement]:
    last: dict[int, int] = {}
    for usn, id_, kind, previous, before, after in connection.execute(
        "SELECT usn, entry, kind, previous, before, after FROM change ORDER BY usn"
    ):
        if id_ not in last and kind != "add":
            yield Disagreement("journal", f"entry {id_} starts with a {kind}")
        if last.get(id_) != previous:
            yield Disagreement("journal", f"change {usn} does not lead to the one before it")
        last[id_] = usn
        for what, blobs in (("replaced", before), ("led to", after)):
            try:
                for blob in attribute_blobs(blobs or b""):
                    decode_attribute(blob)
            except (ValueError, IndexError) as error:
                reason = f"what change {usn} {what} cannot be read: {error}"
                yield Disagreement("journal", reason)
    for id_, entry in memory.items():
        if last.get(id_, 0) != entry.changed:
            yield Disagreement("journal", f"changes of entry {id_} end elsewhere")


def _pages(connection: sqlite3.Connection) -> Iterator[Disagreement]:
    for (line,) in connection.execute(f"PRAGMA integrity_check({PAGES_NAMED_MAX})"):
        if line != "ok":
            yield Disagreement("journal", str(line))
