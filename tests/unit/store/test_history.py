"""The past can be read: who changed which attribute, when, from what, doing what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from directory.dsa.instance import local_session
from directory.entropy import SeededEntropy
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.modification import delete, replace
from directory.store.changes import ChangeKind, ValueChange
from directory.store.entry import StoredEntry
from directory.store.history import versions
from directory.store.store import Store
from tests.support.directories import START, SUFFIX, Bench, generic

FRY = SUFFIX.child("uid", "fry")


@pytest.fixture(params=["memory", "journal", "reopened"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    """A history of one entry: in memory, journalled, or read back from the journal."""
    path = None if request.param == "memory" else tmp_path / "a.db"
    bench = generic(path)
    bench.add(FRY, objectClass="inetOrgPerson", cn="Fry", sn="Fry", mail="one@x")
    bench.clock.advance(timedelta(minutes=1))
    command = local_session(bench.agent, note="Set-Mailbox fry")
    bench.ask(m.ModifyRequest(FRY, (replace("mail", b"two@x"),)), session=command)
    bench.clock.advance(timedelta(minutes=1))
    bench.ask(m.ModifyDnRequest(FRY, DN.of(("uid", "philip"))))
    bench.ask(m.ModifyRequest(SUFFIX.child("uid", "philip"), (delete("mail"),)))
    if request.param == "reopened":
        bench.agent.shutdown()
        bench = generic(path, seed=2)
    return bench


def entry_of(made: Bench) -> StoredEntry:
    entry = made.agent.store.find(SUFFIX.child("uid", "philip"))
    assert entry is not None
    return entry


def test_every_change_is_told_with_values_time_author_and_note(made: Bench) -> None:
    added, changed, renamed, removed = made.agent.store.history(entry_of(made))
    assert [c.kind for c in (added, changed, renamed, removed)] == [
        ChangeKind.ADD, ChangeKind.MODIFY, ChangeKind.MODIFY_DN, ChangeKind.MODIFY,
    ]  # fmt: skip
    assert changed.attributes == {"mail": ValueChange((b"one@x",), (b"two@x",))}
    assert changed.at == START + timedelta(minutes=1)
    assert changed.author.note == "Set-Mailbox fry"
    assert renamed.dn_before == str(FRY)
    assert removed.attributes == {"mail": ValueChange((b"two@x",), ())}
    assert added.guid == removed.guid


def test_an_entry_is_read_as_it_was(made: Bench) -> None:
    store = made.agent.store
    entry = entry_of(made)
    added, changed, renamed, _ = store.history(entry)
    past = [store.as_of(entry, usn) for usn in (added.usn, changed.usn, renamed.usn)]
    assert [version.first("mail") if version else None for version in past] == [
        b"one@x", b"two@x", b"two@x",
    ]  # fmt: skip
    assert past[0] is not None
    assert past[0].dn == FRY
    assert store.as_of(entry, added.usn - 1) is None


def test_changes_of_all_entries_come_in_order(made: Bench) -> None:
    changes = made.agent.store.changes()
    assert [c.usn for c in changes] == sorted(c.usn for c in changes)
    assert changes[-1].usn == made.agent.store.usn
    assert len(made.agent.store.changes(changes[-2].usn)) == 1


def test_a_deleted_entry_is_still_told_of(made: Bench) -> None:
    made.ask(m.DeleteRequest(SUFFIX.child("uid", "philip")))
    last = made.agent.store.changes()[-1]
    assert (last.kind, last.dn) == (ChangeKind.DELETE, f"uid=philip,{SUFFIX}")
    assert last.attributes["cn"] == ValueChange((b"Fry",), ())


def test_a_fork_goes_its_own_way(made: Bench) -> None:
    fork = made.agent.fork(clock=made.clock, entropy=SeededEntropy(9))
    other = Bench(fork, made.clock, local_session(fork))
    other.ask(m.DeleteRequest(SUFFIX.child("uid", "philip")))
    other.add(SUFFIX.child("ou", "new"), objectClass="organizationalUnit")
    made.add(SUFFIX.child("ou", "mine"), objectClass="organizationalUnit")
    assert len(made.search(SUFFIX).entries) == 3
    assert len(other.search(SUFFIX).entries) == 2
    assert made.agent.store.verify() == []
    assert fork.store.verify() == []


def test_a_snapshot_can_be_gone_back_to_more_than_once(made: Bench) -> None:
    snapshot = made.agent.snapshot()
    before = [(e.dn, dict(e.attributes)) for e in made.search(SUFFIX).entries]
    for _ in range(2):
        made.ask(m.DeleteRequest(SUFFIX.child("uid", "philip")))
        made.add(SUFFIX.child("ou", "new"), objectClass="organizationalUnit")
        made.agent.restore(snapshot)
        assert [(e.dn, dict(e.attributes)) for e in made.search(SUFFIX).entries] == before
        assert made.agent.store.verify() == []


def test_a_fork_of_a_reopened_directory_tells_of_recent_changes(made: Bench) -> None:
    fork = made.agent.fork(clock=made.clock, entropy=SeededEntropy(9))
    entry = fork.store.find(SUFFIX.child("uid", "philip"))
    assert entry is not None
    assert fork.store.history(entry) == made.agent.store.history(entry_of(made))


def test_beside_a_journal_few_versions_stay_in_memory_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("directory.store.store.VERSIONS_BESIDE_JOURNAL", 3)
    bench = generic(tmp_path / "a.db")
    bench.add(FRY, objectClass="inetOrgPerson", cn="Fry", sn="Fry", mail="0@x")
    for number in range(1, 10):
        bench.read(FRY)
        bench.ask(m.ModifyRequest(FRY, (replace("mail", b"%d@x" % number),)))

    store = bench.agent.store
    entry = store.find(FRY)
    assert entry is not None
    kept = list(versions(entry))
    assert len(kept) == 4
    assert [version.cached for version in kept[1:]] == [None] * 3
    told = [change.attributes["mail"].after for change in store.history(entry)]
    assert told == [(b"%d@x" % number,) for number in range(10)]
    assert list(versions(entry)) == kept, "what was read from the journal is not kept"


def test_the_latest_change_is_told_without_reading_the_whole_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("directory.store.store.VERSIONS_BESIDE_JOURNAL", 1)
    bench = generic(tmp_path / "a.db")
    bench.add(FRY, objectClass="inetOrgPerson", cn="Fry", sn="Fry", mail="0@x")
    for number in range(1, 10):
        bench.ask(m.ModifyRequest(FRY, (replace("mail", b"%d@x" % number),)))
    store = bench.agent.store
    entry = store.find(FRY)
    assert entry is not None
    assert store.journal is not None
    read: list[int] = []
    earlier_versions = store.journal.earlier_versions

    def counted(store: Store, version: StoredEntry) -> Iterator[StoredEntry]:
        for earlier in earlier_versions(store, version):
            read.append(earlier.changed)
            yield earlier

    monkeypatch.setattr(store.journal, "earlier_versions", counted)
    changes = store.latest_changes(entry)
    assert next(changes).attributes["mail"].after == (b"9@x",)
    assert read == []
    assert [change.attributes["mail"].after for change in changes][-1] == (b"0@x",)
    assert len(read) == 8


def test_a_start_reads_only_versions_of_the_last_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("directory.store.journal_reader.RECENT_CHANGES", 3)
    bench = generic(tmp_path / "a.db")
    bench.add(FRY, objectClass="inetOrgPerson", cn="Fry", sn="Fry", mail="0@x")
    for number in range(1, 10):
        bench.ask(m.ModifyRequest(FRY, (replace("mail", b"%d@x" % number),)))
    bench.agent.shutdown()

    again = generic(tmp_path / "a.db", seed=2)
    entry = again.agent.store.find(FRY)
    assert entry is not None
    assert len(list(versions(entry))) == 4
    told = [change.attributes["mail"].after for change in again.agent.store.history(entry)]
    assert told == [(b"%d@x" % number,) for number in range(10)]
    again.agent.shutdown()
