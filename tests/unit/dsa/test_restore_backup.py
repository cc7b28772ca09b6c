"""A directory restored from a backup is another invocation, on disk and in memory."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from directory.dsa.agent import DirectoryServiceAgent
from directory.errors import JournalError, ResultCode
from directory.model.controls import DirSync
from directory.model.messages import ModifyRequest
from directory.model.modification import replace
from tests.support.directories import DOMAIN, USERS, Bench, ad

FRY, LEELA = USERS.child("CN", "Fry"), USERS.child("CN", "Leela")


def invocation(agent: DirectoryServiceAgent) -> str:
    return agent.store.meta["invocationId"]


def test_a_cookie_from_before_is_refused_and_another_backup_is_another_invocation() -> None:
    forest = ad()
    forest.add(FRY, objectClass="user", sAMAccountName="fry")
    backup, first = forest.agent.snapshot(), invocation(forest.agent)
    forest.add(LEELA, objectClass="user", sAMAccountName="leela")
    cookie = _cookie(forest)

    forest.agent.restore_backup(backup)

    assert forest.agent.store.find(LEELA) is None
    assert invocation(forest.agent) != first
    refused = forest.search(
        DOMAIN, "(objectClass=*)", DirSync(critical=True, cookie=cookie, flags=0, max_bytes=0)
    )
    assert refused.code is not ResultCode.SUCCESS
    second = invocation(forest.agent)
    forest.agent.restore_backup(backup)
    assert invocation(forest.agent) not in {first, second}


def _cookie(forest: Bench) -> bytes:
    answer = forest.search(
        DOMAIN, "(objectClass=*)", DirSync(critical=True, cookie=b"", flags=0, max_bytes=0)
    )
    (control,) = answer.controls
    assert isinstance(control, DirSync)
    return control.cookie


def test_a_restore_that_the_disk_refuses_leaves_a_journal_that_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ad.db"
    forest = ad(path=path)
    backup = forest.agent.snapshot()
    forest.add(FRY, objectClass="user", sAMAccountName="fry")
    journal = forest.agent.store.journal
    assert journal is not None
    whole = journal.db.conn  # type: ignore[attr-defined]  # it is SQLite's

    class FullAtCommit:
        """A connection whose disk fills at the last moment."""

        def execute(self, sql: str, *rest: object) -> object:
            if sql == "COMMIT":
                raise sqlite3.OperationalError("database or disk is full")
            return whole.execute(sql, *rest)

        def __getattr__(self, name: str) -> object:
            return getattr(whole, name)

    monkeypatch.setattr(journal.db, "conn", FullAtCommit())  # type: ignore[attr-defined]  # SQLite's  # its connection is no part of the port
    with pytest.raises(JournalError):
        forest.agent.restore_backup(backup)
    monkeypatch.undo()

    answer = forest.ask(ModifyRequest(FRY, (replace("description", b"still here"),)))
    assert answer.code is ResultCode.SUCCESS
    forest.agent.shutdown()
    assert ad(path=path).agent.store.find(FRY) is not None
