"""The journal keeps every acknowledged change, and says clearly when it cannot."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from directory.dsa.instance import open_directory
from directory.entropy import SeededEntropy
from directory.errors import (
    JournalCorrupt,
    JournalError,
    JournalLocked,
    JournalTooNew,
    ResultCode,
)
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.modification import replace
from directory.store.writer import Step
from tests.support.directories import DOMAIN, SUFFIX, USERS, Bench, ad, generic

OU = SUFFIX.child("ou", "people")


def journal(made: Bench) -> object:
    return made.agent.store.journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "directory.db"


def test_everything_is_there_again(path: Path) -> None:
    first = ad(path)
    fry = USERS.child("CN", "Fry")
    first.add(fry, objectClass="user", mail="fry@x")
    first.clock.advance(timedelta(hours=1))
    first.ask(m.ModifyRequest(fry, (replace("mail", b"new@x"),)))
    first.ask(m.ModifyDnRequest(fry, DN.of(("CN", "Philip"))))
    before = [(e.dn, dict(e.attributes)) for e in first.search(DOMAIN).entries]
    root = first.read(DN())
    usn, changes = first.agent.store.usn, first.agent.store.changes()
    first.agent.shutdown()
    second = ad(path, seed=99)
    assert [(e.dn, dict(e.attributes)) for e in second.search(DOMAIN).entries] == before
    assert second.agent.store.usn == usn
    again = second.read(DN())
    assert root is not None
    assert again is not None
    assert again.first("invocationId") == root.first("invocationId")
    assert second.agent.store.changes() == changes
    assert second.agent.store.verify() == []
    second.agent.shutdown()


def test_a_second_opener_is_refused(path: Path) -> None:
    made = generic(path)
    with pytest.raises(JournalLocked, match="in use by another process"):
        generic(path)
    made.agent.shutdown()
    generic(path).agent.shutdown()


def test_a_file_that_is_no_journal_is_corrupt_with_a_hint(path: Path) -> None:
    path.write_bytes(b"this is not a database, only text of a certain length" * 40)
    with pytest.raises(JournalCorrupt) as caught:
        generic(path)
    assert caught.value.hint


def test_a_journal_with_a_hole_is_corrupt(path: Path) -> None:
    made = generic(path)
    made.add(OU, objectClass="organizationalUnit")
    made.agent.shutdown()
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM entry WHERE rdn LIKE 'dc=%'")
    with pytest.raises(JournalCorrupt, match="missing"):
        generic(path)


def test_a_journal_of_a_later_version_is_not_touched(path: Path) -> None:
    generic(path).agent.shutdown()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    with pytest.raises(JournalTooNew, match="format 99"):
        generic(path)


def test_the_file_is_private(path: Path) -> None:
    generic(path).agent.shutdown()
    assert path.stat().st_mode & 0o077 == 0


def test_a_change_made_behind_our_back_is_found(path: Path) -> None:
    made = generic(path)
    made.add(OU, objectClass="organizationalUnit")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE entry SET flags = 4 WHERE rdn = 'ou=people'")
    found = made.agent.store.verify()
    assert [str(one) for one in found] == ["journal: entry 2 ('ou=people') differs"]
    made.agent.shutdown()


class Full:
    """A journal on a disk that is full."""

    def write(self, steps: Sequence[Step], meta: dict[str, str]) -> None:
        raise JournalError("disk full")


def test_what_the_journal_refuses_has_not_happened(path: Path) -> None:
    made = generic(path)
    made.add(OU, objectClass="organizationalUnit")
    store = made.agent.store
    usn, real = store.usn, store.journal
    broken: Any = Full()
    store.journal = broken
    answer = made.add(OU.child("ou", "x"), objectClass="organizationalUnit")
    assert answer.code is ResultCode.UNAVAILABLE
    assert made.ask(m.ModifyDnRequest(OU, DN.of(("ou", "y")))).code is ResultCode.UNAVAILABLE
    assert made.ask(m.DeleteRequest(OU)).code is ResultCode.UNAVAILABLE
    store.journal = real
    assert made.search(SUFFIX).names == [str(SUFFIX), str(OU)]
    assert store.usn == usn
    assert store.verify() == []
    assert (
        made.add(OU.child("ou", "x"), objectClass="organizationalUnit").code is ResultCode.SUCCESS
    )
    made.agent.shutdown()


def test_a_change_is_shown_to_replication_only_when_it_is_durable(path: Path) -> None:
    made = generic(path)
    store = made.agent.store
    made.session.group_commit = True
    before = store.committed_usn
    made.add(OU, objectClass="organizationalUnit")
    assert made.read(OU) is not None  # readers may see it already
    assert made.agent.has_uncommitted
    assert list(store.changes_since(before)) == []
    made.agent.commit_group()
    assert [entry.dn for entry in store.changes_since(before)] == [OU]
    made.agent.shutdown()


def test_ids_and_usns_are_not_used_again_after_a_restart(path: Path) -> None:
    made = generic(path)
    made.add(OU, objectClass="organizationalUnit")
    entry = made.agent.store.find(OU)
    assert entry is not None
    made.ask(m.DeleteRequest(OU))
    usn = made.agent.store.usn
    made.agent.shutdown()
    made = generic(path, seed=2)
    made.add(OU, objectClass="organizationalUnit")
    again = made.agent.store.find(OU)
    assert again is not None
    assert again.id > entry.id
    assert again.created == usn + 1
    made.agent.shutdown()


def test_the_journal_is_an_ordinary_sqlite_file(path: Path) -> None:
    made = generic(path)
    made.add(OU, objectClass="organizationalUnit")
    made.agent.shutdown()
    with sqlite3.connect(path) as database:
        rows = database.execute(
            "SELECT c.kind, e.rdn, a.note FROM change c JOIN entry e ON e.id = c.entry "
            "JOIN author a ON a.id = c.author WHERE e.rdn = 'ou=people'"
        ).fetchall()
    assert rows == [("add", "ou=people", "test")]


def test_a_start_says_how_far_it_has_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("directory.store.journal_reader.PROGRESS_ENTRIES", 2)
    first = generic(path)
    for number in range(4):
        first.add(SUFFIX.child("ou", f"o{number}"), objectClass="organizationalUnit")
    first.agent.shutdown()
    told: list[str] = []
    again = open_directory(
        first.agent.context.configuration, clock=first.clock, entropy=SeededEntropy(1), path=path,
        report=told.append,
    )  # fmt: skip
    again.shutdown()
    assert told == ["directory.db: 2 entries", "directory.db: 4 entries"]


def as_format_1(path: Path) -> None:
    """Make a closed journal what the first format had: rows whole, and an index for the past."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("ALTER TABLE change DROP COLUMN previous")
        database.execute("ALTER TABLE change DROP COLUMN after")
        database.execute("CREATE INDEX idx_change_entry ON change (entry)")
        database.execute("UPDATE meta SET value = '1' WHERE key = 'format'")
        database.execute("DELETE FROM meta WHERE key = 'folded'")
        database.execute("DELETE FROM _sqlite_migrations WHERE name <> 'first_tables'")


def test_a_journal_of_the_first_format_is_read_and_goes_on(path: Path) -> None:
    made = ad(path)
    fry, leela = USERS.child("CN", "Fry"), USERS.child("CN", "Leela")
    for person in (fry, leela):
        made.add(person, objectClass="user")
    for number in range(3):
        made.ask(m.ModifyRequest(fry, (replace("mail", b"%d@x" % number),)))
    made.ask(m.ModifyDnRequest(fry, DN.of(("CN", "Philip"))))
    made.ask(m.DeleteRequest(leela))
    changes = made.agent.store.changes()
    made.agent.shutdown()
    as_format_1(path)
    again = ad(path, seed=2)
    store = again.agent.store
    assert store.changes() == changes
    entry = store.find(USERS.child("CN", "Philip"))
    assert entry is not None
    assert [change.kind for change in store.history(entry)] == [
        "add", "modify", "modify", "modify", "modifyDN",
    ]  # fmt: skip
    again.ask(m.ModifyRequest(entry.dn, (replace("mail", b"last@x"),)))
    assert store.verify() == []
    again.agent.shutdown()
    third = ad(path, seed=3)
    assert third.agent.store.changes()[: len(changes)] == changes
    assert third.agent.store.verify() == []
    third.agent.shutdown()


def test_a_past_that_leads_elsewhere_is_found_and_does_not_stop_the_present(path: Path) -> None:
    made = generic(path)
    made.add(OU, objectClass="organizationalUnit")
    made.ask(m.ModifyRequest(OU, (replace("description", b"new"),)))
    made.agent.shutdown()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE change SET previous = usn WHERE kind = 'modify'")
    again = generic(path, seed=2)
    assert again.read(OU) is not None
    found = [str(one) for one in again.agent.store.verify()]
    assert found == ["journal: change 3 does not lead to the one before it"]
    entry = again.agent.store.find(OU)
    assert entry is not None
    with pytest.raises(JournalCorrupt, match="past of 'ou=people"):
        again.agent.store.history(entry)
    again.agent.shutdown()
