"""There is room in the journal's log before it is needed, and nobody mistakes it for content."""

from __future__ import annotations

import errno
import os
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from directory.dsa.instance import open_directory
from directory.entropy import SeededEntropy
from directory.store import log_space
from directory.store.log_space import LogSpace
from tests.support.directories import SUFFIX, Bench, generic

pytestmark = pytest.mark.skipif(not hasattr(os, "pwrite"), reason="Windows does without")


def add(made: Bench, number: int) -> None:
    made.add(SUFFIX.child("cn", f"n{number}"), objectClass="inetOrgPerson", sn="x")


def sizes(made: Bench, path: Path, count: int) -> list[int]:
    """How long the log is after each of so many small commits."""
    log = path.with_name(path.name + "-wal")
    found = []
    for number in range(count):
        add(made, number)
        found.append(log.stat().st_size)
    return found


def test_most_small_commits_leave_the_log_as_long_as_it_was(tmp_path: Path) -> None:
    made = generic(tmp_path / "directory.db")
    found = sizes(made, tmp_path / "directory.db", 100)
    longer = sum(after > before for before, after in pairwise(found))
    assert longer < 10
    made.agent.shutdown()


def test_a_kill_leaves_what_was_committed_before_the_room(tmp_path: Path) -> None:
    path = tmp_path / "directory.db"
    made = generic(path)
    for number in range(40):
        add(made, number)
        if number % 8:
            continue
        killed = tmp_path / f"killed{number}.db"
        for end in ("", "-wal"):
            shutil.copy(path.with_name(path.name + end), killed.with_name(killed.name + end))
        again = generic(killed)
        assert again.agent.store.count == made.agent.store.count
        add(again, 1000)  # over the room, as one goes on
        assert again.agent.store.verify() == []
        again.agent.shutdown()
    made.agent.shutdown()


def test_there_is_no_room_without_syncs(tmp_path: Path) -> None:
    path = tmp_path / "directory.db"
    other = generic()
    agent = open_directory(
        other.agent.context.configuration, clock=other.clock, entropy=SeededEntropy(1),
        path=path, durability="normal",
    )  # fmt: skip
    log = path.with_name(path.name + "-wal").read_bytes()
    assert any(log[-4096:])
    agent.shutdown()


def test_a_journal_that_has_no_log_works_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("directory.store.journal.LogSpace", missing)
    made = generic(tmp_path / "directory.db")
    add(made, 1)
    made.agent.shutdown()
    again = generic(tmp_path / "directory.db")
    assert again.agent.store.count == 2
    again.agent.shutdown()


@pytest.fixture(name="log")
def _log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 4096)
    return path


def grow(log: Path, octets: int) -> None:
    with log.open("ab") as file:
        file.write(b"y" * octets)


def test_the_room_is_as_much_as_there_is_up_to_a_limit(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_space, "AHEAD_MAX", 20_000)
    space = LogSpace(log)
    grow(log, 1000)
    space.committed()
    assert log.read_bytes() == b"x" * 4096 + b"y" * 1000 + bytes(5096)
    space.committed()
    assert log.stat().st_size == 2 * 5096
    grow(log, 20_000)
    space.committed()
    assert log.stat().st_size == 2 * 5096 + 20_000 + 20_000
    space.close()


def test_a_large_commit_gets_none(log: Path) -> None:
    space = LogSpace(log)
    grow(log, log_space.GROWN_MAX + 1)
    space.committed()
    assert log.stat().st_size == 4096 + log_space.GROWN_MAX + 1
    space.close()


def test_a_log_that_somebody_cut_gets_none_either(log: Path) -> None:
    space = LogSpace(log)
    os.truncate(log, 0)
    space.committed()
    assert log.stat().st_size == 0
    grow(log, 10)
    space.committed()
    assert log.read_bytes() == b"y" * 10 + bytes(10)
    space.close()


def test_a_full_disk_is_left_to_the_commit_that_needs_it(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space left")

    space = LogSpace(log)
    monkeypatch.setattr("os.pwrite", full)
    grow(log, 10)
    space.committed()
    assert log.stat().st_size == 4106
    space.close()
