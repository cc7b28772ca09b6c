"""The journal's log is copied into its file beside the thread that writes."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from directory.store import checkpoint
from directory.store.checkpoint import Checkpoints
from tests.support.directories import SUFFIX, generic


def entries_in(file: Path) -> int:
    """How many the file has without its log."""
    connection = sqlite3.connect(file)
    try:
        return int(connection.execute("SELECT count(*) FROM entry").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def test_what_was_written_gets_into_the_file_while_the_journal_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "ROWS", 40)
    path = tmp_path / "directory.db"
    made = generic(path)
    for number in range(50):
        made.add(SUFFIX.child("cn", f"n{number}"), objectClass="inetOrgPerson", sn="x")
    for thread in threading.enumerate():
        if thread.name == "checkpoint":
            thread.join()
    alone = tmp_path / "copy.db"
    shutil.copy(path, alone)
    assert entries_in(alone) >= 20
    made.agent.shutdown()
    again = generic(path)
    assert again.agent.store.verify() == []
    assert len(again.search(SUFFIX).entries) == 51
    again.agent.shutdown()


def test_a_checkpoint_that_fails_is_told_and_harms_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(checkpoint, "ROWS", 1)
    (tmp_path / "folder").mkdir()
    checkpoints = Checkpoints(tmp_path / "folder")
    checkpoints.wrote(1)
    checkpoints.finish()
    assert "checkpoint failed" in caplog.text


class BusyJournal(Checkpoints):
    """Somebody commits while the log is copied, as ever under load."""

    def _copy(self, connection: sqlite3.Connection) -> int | None:
        if threading.current_thread().name != "checkpoint":
            return super()._copy(connection)
        others = [sqlite3.connect(self._path, isolation_level=None) for _ in range(2)]
        others[0].execute("BEGIN")  # what is committed from here on is not copied
        frames = len(others[0].execute("SELECT x FROM t").fetchall())
        others[1].execute("INSERT INTO t VALUES ('what came meanwhile')")
        assert super()._copy(connection) is None
        for other in others:
            other.close()
        return frames


def test_the_log_starts_anew_although_more_came_while_it_was_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "ROWS", 10)
    writer = sqlite3.connect(tmp_path / "any.db", isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("CREATE TABLE t (x)")
    log = tmp_path / "any.db-wal"
    checkpoints = BusyJournal(tmp_path / "any.db")
    sizes = []
    for _ in range(200):
        checkpoints.before_commit(writer)
        writer.execute("INSERT INTO t VALUES (?)", ("x" * 2000,))
        checkpoints.wrote(1)
        checkpoints.finish()
        sizes.append(log.stat().st_size)
    assert sizes[-1] == sizes[50]
    writer.close()


def test_a_log_that_somebody_reads_grows_until_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "ROWS", 5)
    path = tmp_path / "directory.db"
    made = generic(path)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    for number in range(30):
        made.add(SUFFIX.child("cn", f"n{number}"), objectClass="inetOrgPerson", sn="x")
    assert reader.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    reader.close()
    made.add(SUFFIX.child("cn", "last"), objectClass="inetOrgPerson", sn="x")
    assert made.agent.store.verify() == []
    made.agent.shutdown()
