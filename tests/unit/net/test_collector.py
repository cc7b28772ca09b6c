"""Full collections come when nobody asks, or when nobody ever stops asking."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from directory.net.collector import LOUD_MAX, QUIET_S, Collector


class Loop:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waiting: list[Callable[[], None]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> Loop:
        assert delay == QUIET_S
        self.waiting.append(callback)
        return self

    def cancel(self) -> None:
        self.waiting.clear()

    def go_on(self) -> None:
        self.now += QUIET_S
        self.waiting.pop()()


class Bench:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.loop = Loop()
        self.last_request = 0.0
        self.survivors = 0
        self.collected = 0
        patch.setattr(gc, "get_count", lambda: (0, 0, self.survivors))
        patch.setattr(gc, "collect", self._collect)
        self.collector = Collector(
            cast("asyncio.AbstractEventLoop", self.loop), lambda: self.last_request
        )

    def _collect(self) -> None:
        self.collected += 1
        self.survivors = 0


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    before = gc.get_threshold()
    made = Bench(monkeypatch)
    yield made
    made.collector.stop()
    assert gc.get_threshold() == before


def test_python_never_looks_at_everything_by_itself_meanwhile(bench: Bench) -> None:
    del bench
    assert gc.get_threshold()[2] > 1_000_000


def test_nothing_is_collected_while_clients_ask(bench: Bench) -> None:
    bench.survivors = 3
    for _ in range(5):
        bench.last_request = bench.loop.now + 0.1
        bench.loop.go_on()
    assert not bench.collected


def test_it_is_collected_when_they_pause_and_only_once(bench: Bench) -> None:
    bench.survivors = 3
    bench.last_request = bench.loop.now
    for _ in range(4):
        bench.loop.go_on()
    assert bench.collected == 1


def test_nothing_is_collected_where_nothing_has_grown_old(bench: Bench) -> None:
    bench.loop.go_on()
    assert not bench.collected


def test_clients_that_never_pause_do_not_keep_garbage_forever(bench: Bench) -> None:
    bench.survivors = LOUD_MAX + 1
    bench.last_request = bench.loop.now + 0.1
    bench.loop.go_on()
    assert bench.collected == 1


def test_it_looks_no_more_once_stopped(bench: Bench) -> None:
    bench.collector.stop()
    assert not bench.loop.waiting
