"""A server asked one question after the other stays awake; one that is not goes to sleep."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial

import pytest
import uvloop

from directory.__main__ import parser
from directory.model.dn import DN
from directory.model.messages import CompareRequest
from directory.net.busy_poll import BusyPoll, cores
from directory.net.limits import (
    BUSY_POLL_S,
    PREEMPTED_PAUSE_S,
    PREEMPTED_S,
    QUICK_QUESTIONS,
    QUICK_QUESTIONS_MAX,
    ListenerLimits,
)
from tests.support.agents import DictAgent
from tests.support.listener import Client, serve

SOON = BUSY_POLL_S / 2
LATE = BUSY_POLL_S * 2
TURN = BUSY_POLL_S / 20
QUESTION = CompareRequest(DN.parse("dc=test"), "dc", b"x")
PATIENCE_S = 20.0


class Loop:
    """An event loop's turns, and a clock that only they and the test move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.soon: list[Callable[[], None]] = []
        self.poll = BusyPoll(self.soon.append, BUSY_POLL_S, clock=lambda: self.now)

    @property
    def sleeps(self) -> bool:
        return not self.soon

    def turn(self, takes: float = TURN) -> None:
        self.now += takes
        work, self.soon[:] = self.soon[:], []
        for each in work:
            each()

    def ask_after(self, pause: float) -> None:
        """A client asks so long after it was answered, and is answered at once."""
        until = self.now + pause
        while self.soon and self.now + TURN < until:
            self.turn()
        self.now = until
        if self.poll.is_waiting:
            self.poll.asked()
        self.poll.answered()

    def ask_often(self, times: int, pause: float = SOON) -> None:
        for _ in range(times):
            self.ask_after(pause)

    def fall_silent(self) -> int:
        """Nobody asks any more; the turns until the loop sleeps."""
        for turns in range(1000):
            if self.sleeps:
                return turns
            self.turn()
        raise AssertionError("the loop never sleeps")


def test_it_stays_awake_for_a_client_that_asks_one_question_after_the_other() -> None:
    loop = Loop()
    loop.ask_often(QUICK_QUESTIONS)
    assert loop.sleeps
    loop.ask_after(SOON)
    for _ in range(50):
        assert not loop.sleeps
        loop.ask_after(SOON)


def test_it_sleeps_a_moment_after_the_last_answer() -> None:
    loop = Loop()
    loop.ask_often(QUICK_QUESTIONS + 10)
    turns = loop.fall_silent()
    assert 0 < turns <= BUSY_POLL_S / TURN + 2
    assert not loop.poll.is_polling


def test_it_never_stays_awake_for_clients_that_take_their_time() -> None:
    loop = Loop()
    for _ in range(50):
        loop.ask_after(LATE)
        assert loop.sleeps


def test_one_long_pause_among_few_questions_is_enough_to_go_to_sleep() -> None:
    loop = Loop()
    for _ in range(50):
        loop.ask_often(QUICK_QUESTIONS - 1)
        loop.ask_after(LATE)
        assert loop.sleeps


def test_polling_in_vain_takes_ever_more_to_begin_again_but_does_begin() -> None:
    loop = Loop()
    needed = []
    for _ in range(12):
        asked = 0
        while loop.sleeps:
            loop.ask_after(SOON)
            asked += 1
        needed.append(asked)
        loop.fall_silent()
        loop.ask_after(LATE)
    assert needed == sorted(needed)
    assert needed[1] > needed[0]
    assert needed[-1] == QUICK_QUESTIONS_MAX


def test_a_steady_client_makes_up_for_time_that_was_polled_in_vain() -> None:
    loop = Loop()
    for _ in range(6):
        while loop.sleeps:
            loop.ask_after(SOON)
        loop.fall_silent()
        loop.ask_after(LATE)
    while loop.sleeps:
        loop.ask_after(SOON)
    loop.ask_often(QUICK_QUESTIONS_MAX)
    loop.fall_silent()
    loop.ask_after(LATE)
    loop.ask_often(2 * QUICK_QUESTIONS + 1)
    assert not loop.sleeps


def test_it_leaves_the_core_to_programs_that_want_it() -> None:
    loop = Loop()
    loop.ask_often(QUICK_QUESTIONS + 1)
    loop.turn(takes=PREEMPTED_S * 2)
    assert loop.sleeps
    until = loop.now + PREEMPTED_PAUSE_S
    while loop.now + SOON < until:
        loop.ask_after(SOON)
        assert loop.sleeps
    loop.ask_often(QUICK_QUESTIONS + 2)
    assert not loop.sleeps


def test_an_answer_that_waits_for_the_disk_is_no_program_that_wants_the_core() -> None:
    loop = Loop()
    loop.ask_often(QUICK_QUESTIONS + 1)
    for _ in range(20):
        loop.poll.asked()
        loop.turn()
        loop.now += PREEMPTED_S * 2  # the commit, which the loop's thread waits for
        loop.poll.answered()
        loop.turn()
        assert loop.poll.is_polling


def test_a_question_that_came_while_the_core_was_taken_does_not_hide_that_it_was() -> None:
    loop = Loop()
    loop.ask_often(QUICK_QUESTIONS + 1)
    loop.now += PREEMPTED_S * 2
    loop.poll.asked()
    loop.poll.answered()
    loop.turn()
    assert loop.sleeps
    loop.ask_often(QUICK_QUESTIONS + 1)
    assert loop.sleeps


def test_an_answer_that_takes_long_is_nothing_that_was_polled_in_vain() -> None:
    loop = Loop()
    loop.ask_often(QUICK_QUESTIONS + 1)
    loop.poll.asked()
    loop.fall_silent()
    loop.poll.answered()
    loop.ask_often(QUICK_QUESTIONS + 1)
    assert not loop.sleeps


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_server_answers_awake_and_sleeps_when_nobody_asks(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]  # a clock that only the test moves
    monkeypatch.setattr("directory.net.server.cores", lambda: 2)
    monkeypatch.setattr("directory.net.server.BusyPoll", partial(BusyPoll, clock=lambda: now[0]))
    limits = ListenerLimits(busy_poll_s=BUSY_POLL_S)
    with serve(DictAgent(), limits=limits, loop_factory=loop_factory) as server:
        poll = server.server.busy_poll
        assert poll is not None
        with Client(server.address) as client, Client(server.address) as other:
            for _ in range(QUICK_QUESTIONS * 5):
                client.ask(QUESTION)
            assert poll.is_polling
            other.ask(QUESTION)  # nobody else is kept waiting
            deadline = time.monotonic() + PATIENCE_S
            while poll.is_polling:
                now[0] += LATE
                assert time.monotonic() < deadline
            client.ask(QUESTION)
            assert not poll.is_polling


@pytest.mark.parametrize(("count", "window"), [(1, BUSY_POLL_S), (2, 0.0)])
def test_it_is_off_where_there_is_one_core_or_nobody_wants_it(
    count: int, window: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("directory.net.server.cores", lambda: count)
    with (
        serve(DictAgent(), limits=ListenerLimits(busy_poll_s=window)) as server,
        Client(server.address) as client,
    ):
        for _ in range(QUICK_QUESTIONS * 5):
            client.ask(QUESTION)
        assert server.server.busy_poll is None


def test_cores_are_those_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert cores() == 1
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert cores() == 8


def test_how_long_is_an_option_of_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().parse_args([]).busy_poll == BUSY_POLL_S
    assert parser().parse_args(["--busy-poll", "0"]).busy_poll == 0
    assert parser().parse_args(["--busy-poll", "50"]).busy_poll == pytest.approx(0.00005)
    for wrong in ("-1", "x", "10001"):
        with pytest.raises(SystemExit):
            parser().parse_args([f"--busy-poll={wrong}"])
        assert "0 to 10000" in capsys.readouterr().err
