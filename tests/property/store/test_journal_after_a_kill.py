"""A journal that was never closed holds every committed change, whatever came in which order."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.agent import DirectoryServiceAgent
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.modification import add, delete, replace
from directory.store import folding
from tests.support.directories import SUFFIX, Bench, generic

PEOPLE = [SUFFIX.child("ou", "people").child("cn", f"n{number}") for number in range(4)]
CHANGES = [
    replace("description", b"one"), replace("description", b"two", b"three"),
    replace("description"), replace("mail", b"x@y"), add("telephoneNumber", b"1"),
    delete("telephoneNumber"), replace("sn", b"new"),
    replace("objectClass", b"inetOrgPerson", b"dcObject"), replace("dc", b"x"),
]  # fmt: skip
PERSON = st.sampled_from(PEOPLE[:2]) | st.sampled_from(PEOPLE)
UPDATES = st.one_of(
    st.tuples(st.just("modify"), PERSON, st.lists(st.sampled_from(CHANGES[:5]), max_size=3)),
    st.tuples(st.just("modify"), PERSON, st.lists(st.sampled_from(CHANGES), max_size=3)),
    st.tuples(st.sampled_from(["add", "delete", "rename", "rename"]), PERSON),
)
STEPS = st.one_of(
    UPDATES,
    st.tuples(st.just("together"), st.lists(UPDATES, min_size=2, max_size=4)),
    st.sampled_from([("snapshot",), ("restore",)]),
    st.sampled_from([("move",), ("reopen",), ("later",), ("verify",)]),
)


@pytest.fixture(autouse=True)
def _few_changes_before_rows_are_brought_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "FOLD_CHANGES", 5)
    monkeypatch.setattr(folding, "PORTION", 1)


def content(agent: DirectoryServiceAgent) -> object:
    """What a directory holds and remembers."""
    store = agent.store
    entries = [
        None if e is None else
        (e.id, e.name, e.shape.names, e.blobs, e.guid, e.flags, e.created, e.changed, e.created_at,
         e.changed_at, e.created_by, e.changed_by, list((e.stamps or {}).items()))
        for e in store.dit.entries
    ]  # fmt: skip
    while entries and entries[-1] is None:
        entries.pop()  # ids of what was restored away are given again
    indexes = sorted(map(repr, store.indexes.contents()))
    pasts = [store.history(e) for e in store.dit.live()]
    gone = [change for change in store.changes() if change.kind == "delete"]
    return entries, indexes, pasts, gone, store.usn, sorted(store.meta)


class Player:
    """A directory on disk, and what happens to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "directory.db"
        self.made: Bench = generic(self.path)
        self.made.add(SUFFIX.child("ou", "people"), objectClass="organizationalUnit")
        for person in PEOPLE[:2]:
            self.add(person)
        self.kept = self.made.agent.snapshot()

    def add(self, person: DN) -> None:
        self.made.add(person, objectClass="inetOrgPerson", sn="s", telephoneNumber="1")

    def play(self, step: tuple[Any, ...]) -> None:
        made, agent = self.made, self.made.agent
        match step:
            case ("modify", person, changes):
                made.ask(m.ModifyRequest(person, tuple(changes)))
            case ("add", person):
                self.add(person)
            case ("delete", person):
                made.ask(m.DeleteRequest(person))
            case ("rename", person):
                made.ask(m.ModifyDnRequest(person, DN.of(("cn", "n3"))))
            case ("move",):
                made.ask(m.ModifyDnRequest(PEOPLE[0].parent, DN.of(("ou", "people")),
                                           delete_old_rdn=False))  # fmt: skip
            case ("together", steps):
                made.session.group_commit = True
                for part in steps:
                    self.play(part)
                agent.commit_group()
                made.session.group_commit = False
            case ("verify",):
                assert agent.store.verify() == []
            case ("snapshot",):
                self.kept = agent.snapshot()
            case ("restore",):
                agent.restore(self.kept)
            case ("later",):
                made.clock.advance(timedelta(seconds=1))
            case ("reopen",):
                agent.shutdown()
                at = made.clock.now()
                self.made = generic(self.path, seed=self.made.agent.store.usn)
                self.made.clock.advance(at - self.made.clock.now())
                self.kept = self.made.agent.snapshot()

    def after_a_kill(self) -> Bench:
        """The directory that a start finds in the files as they are now."""
        copy = self.folder / "copy.db"
        for end in ("", "-wal"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)
            file = self.path.with_name(self.path.name + end)
            if file.exists():
                shutil.copy(file, copy.with_name(copy.name + end))
        return generic(copy, seed=77)


@pytest.fixture(name="folder")
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@settings(max_examples=80, deadline=None)
@given(st.lists(STEPS, min_size=1, max_size=12))
def test_whatever_happened_a_kill_loses_nothing_that_was_committed(
    steps: list[tuple[Any, ...]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        player = Player(Path(name))
        for step in steps:
            player.play(step)
        player.made.agent.commit_group()
        again = player.after_a_kill()
        assert content(again.agent) == content(player.made.agent)
        assert again.agent.store.verify() == []
        again.agent.shutdown()
        assert player.made.agent.store.verify() == []
        player.made.agent.shutdown()


def rows(player: Player) -> dict[int, int]:
    """USNs of the rows of entries, as the file has them."""
    journal: Any = player.made.agent.store.journal
    return dict(journal.db.conn.execute("SELECT id, changed FROM entry").fetchall())


def test_rows_are_brought_forward_with_later_changes_and_when_the_journal_closes(
    folder: Path,
) -> None:
    player = Player(folder)
    person = PEOPLE[0]
    entry = player.made.agent.store.find(person)
    assert entry is not None
    for number in range(5):
        player.play(("modify", person, [replace("description", b"%d" % number)]))
        assert rows(player)[entry.id] == entry.created
    player.play(("modify", PEOPLE[1], [replace("description", b"x")]))
    assert rows(player)[entry.id] == entry.created + 6
    player.play(("modify", person, [replace("description", b"last")]))
    assert rows(player)[entry.id] == entry.created + 6
    usn = player.made.agent.store.usn
    player.made.agent.shutdown()
    player.made = generic(player.path)
    assert rows(player)[entry.id] == usn
    player.made.agent.shutdown()


def test_a_close_that_the_disk_refuses_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    player = Player(folder)
    player.play(("modify", PEOPLE[0], [replace("description", b"x")]))
    before = content(player.made.agent)
    journal: Any = player.made.agent.store.journal
    journal.db.conn.execute("PRAGMA query_only = on")
    player.made.agent.shutdown()
    assert "cannot be written" in caplog.text
    again = generic(player.path)
    assert content(again.agent) == before
    again.agent.shutdown()


CHANGE = ("modify", PEOPLE[0], [replace("description", b"brief")])


@pytest.mark.parametrize(
    "steps",
    [
        [("together", [CHANGE, ("rename", PEOPLE[0])])],
        [("together", [CHANGE, ("delete", PEOPLE[0])])],
        [("together", [("add", PEOPLE[3]), ("modify", PEOPLE[3], CHANGES[:1])])],
        [CHANGE, ("snapshot",), ("delete", PEOPLE[1]), ("restore",)],
        [("snapshot",), *[CHANGE, ("modify", PEOPLE[0], CHANGES[:1])] * 4, ("restore",), CHANGE],
        [CHANGE, ("verify",), CHANGE, ("move",)],
    ],
    ids=["renamed", "deleted", "new", "restored", "gone back", "verified"],
)
def test_a_row_is_never_brought_back_to_what_was_before(
    folder: Path, steps: list[tuple[Any, ...]]
) -> None:
    player = Player(folder)
    for step in steps:
        player.play(step)
    again = player.after_a_kill()
    assert content(again.agent) == content(player.made.agent)
    again.agent.shutdown()
    assert player.made.agent.store.verify() == []
    before = content(player.made.agent)
    player.play(("reopen",))
    assert content(player.made.agent) == before
    player.made.agent.shutdown()
