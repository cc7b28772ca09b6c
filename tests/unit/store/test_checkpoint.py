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
