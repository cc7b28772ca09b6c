"""Answers of one turn of the event loop are sent together, and never before they are durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from directory.net.durability import GroupCommit
from directory.net.outbox import Outbox


class Directory:
    """Changes that wait for a commit, or none."""

    has_uncommitted = False

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def commit_group(self) -> None:
        self.has_uncommitted = False
        self.log.append("commit")


class Client:
    """Somebody who is sent answers."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log

    def release(self) -> None:
        self.log.append(self.name)

    def fail(self, reason: str) -> None:
        raise AssertionError(reason)


class Turns:
    """An outbox and the turns of its event loop."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.soon: list[Callable[[], None]] = []
        self.directory = Directory(self.log)
        loop = cast("asyncio.AbstractEventLoop", self)
        self.outbox = Outbox(GroupCommit(cast("Any", self.directory), loop), self.call_soon)
        self.a, self.b, self.c = (Client(name, self.log) for name in "abc")

    def call_soon(self, work: Callable[[], None]) -> None:
        self.soon.append(work)

    def turn(self) -> list[str]:
        """Run what was due and tell what came of it."""
        work, self.soon[:] = self.soon[:], []
        for each in work:
            each()
        found, self.log[:] = self.log[:], []
        return found


def test_who_is_alone_is_answered_at_once() -> None:
    turns = Turns()
    turns.outbox.send(turns.a)
    assert turns.turn() == ["a"]
    for _ in range(3):
        turns.outbox.send(turns.a)
        assert turns.log == ["a"]
        assert not turns.soon
        turns.log.clear()


def test_several_are_answered_together_in_the_order_they_asked() -> None:
    turns = Turns()
    for _ in range(3):
        for client in (turns.a, turns.b, turns.c):
            turns.outbox.send(client)
        assert turns.log == []
        assert len(turns.soon) == 1
        assert turns.turn() == ["a", "b", "c"]


def test_who_is_answered_again_in_the_same_turn_has_both_answers_sent_once() -> None:
    turns = Turns()
    for client in (turns.a, turns.b, turns.a):
        turns.outbox.send(client)
    assert turns.turn() == ["a", "b"]


def test_nothing_is_sent_before_what_was_changed_meanwhile_is_durable() -> None:
    turns = Turns()
    turns.outbox.send(turns.a)
    turns.outbox.send(turns.b)
    turns.directory.has_uncommitted = True  # b has changed something in the same turn
    turns.outbox.send(turns.b)
    assert turns.log == []
    assert turns.turn() == ["commit", "b", "a"]
    assert turns.turn() == []


def test_who_is_alone_waits_for_the_commit_too() -> None:
    turns = Turns()
    turns.outbox.send(turns.a)
    turns.turn()
    turns.directory.has_uncommitted = True
    turns.outbox.send(turns.a)
    assert turns.log == []
    assert turns.turn() == ["commit", "a"]


def test_who_only_asks_is_answered_like_everybody() -> None:
    turns = Turns()
    for client in (turns.a, turns.b, turns.a):
        turns.outbox.send_found(client)
    assert turns.turn() == ["a", "b"]
    turns.outbox.send_found(turns.a)
    assert turns.log == ["a"]


@pytest.mark.parametrize("alone", [True, False])
def test_what_was_found_waits_for_the_commit_of_what_others_changed(alone: bool) -> None:
    turns = Turns()
    turns.outbox.send_found(turns.a if alone else turns.b)
    turns.turn()
    turns.directory.has_uncommitted = True
    turns.outbox.send_found(turns.a)
    assert turns.log == []
    assert [*turns.turn(), *turns.turn()] == ["commit", "a"]
