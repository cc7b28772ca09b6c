"""Who only looks waits for no long change: it lets them in between its steps, whole each time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from edgesync import Lab
from edgesync.console.calls import Caller, request_of
from edgesync.operations import registry
from edgesync.operations.context import Context
from edgesync.operations.registry import Outcome

LONG_S = 30.0
"""A test that waits longer is broken."""


@pytest.fixture
def caller() -> Iterator[Caller]:
    with Lab.new(hubs=1, edges=1, recipients=3, sites=1) as lab:
        yield Caller(lab.lab)


class Long:
    """A change with steps, each begun when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.order: list[str] = []

        def work(context: Context) -> Outcome:
            self.order.append("first step")
            self.begun.set()
            assert self.go_on.wait(LONG_S)
            context.progress({"phase": "work", "done": 1, "total": 2})
            self.order.append("second step")
            return Outcome({"schema": "test/1"})

        declared = registry.Operation(
            "lab", "work", work, (), lambda _d: (), "Work", "", "edgesync lab work",
            True, True, "", (), True,
        )  # fmt: skip
        monkeypatch.setitem(registry._REGISTRY, "lab.work", declared)


def in_background(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def waits(caller: Caller) -> None:
    """Until somebody waits to look."""
    for _ in range(int(LONG_S * 100)):
        if caller._looking:
            return
        threading.Event().wait(0.01)
    raise AssertionError("nobody came to look")


def test_a_page_is_served_between_two_steps_of_a_change(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = Long(monkeypatch)
    changing = in_background(lambda: caller.run(request_of("lab.work", {})))
    assert long.begun.wait(LONG_S)

    def look() -> None:
        assert "outcome" in caller.run(request_of("lab.status", {}))
        long.order.append("looked")

    looking = in_background(look)
    waits(caller)
    long.go_on.set()
    looking.join(LONG_S)
    changing.join(LONG_S)
    assert long.order == ["first step", "looked", "second step"]


def test_another_change_waits_for_the_end(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    long = Long(monkeypatch)
    changing = in_background(lambda: caller.run(request_of("lab.work", {})))
    assert long.begun.wait(LONG_S)

    def change() -> None:
        caller.run(request_of("cert.renew", {"parameters": {"server": "HUB01"}, "answer": True}))
        long.order.append("changed")

    second = in_background(change)
    long.go_on.set()
    changing.join(LONG_S)
    second.join(LONG_S)
    assert long.order == ["first step", "second step", "changed"]


def test_a_plan_is_made_on_a_copy_and_nobody_waits_for_it(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, leave = threading.Event(), threading.Event()
    labs = []

    def slow(context: Context, **_given: Any) -> Outcome:
        labs.append(context.lab)
        inside.set()
        assert leave.wait(LONG_S)
        return Outcome({"schema": "test/1"})

    plan = registry.find_operation("trust.whatif")
    monkeypatch.setitem(registry._REGISTRY, plan.name, replace(plan, run=slow))
    asked = request_of("trust.whatif", {"parameters": {"do": ["cert renew EDGE01"]}})
    planning = in_background(lambda: caller.run(asked))
    assert inside.wait(LONG_S)
    renewed = caller.run(
        request_of("cert.renew", {"parameters": {"server": "HUB01"}, "answer": True})
    )
    assert "outcome" in renewed
    leave.set()
    planning.join(LONG_S)
    assert labs[0] is not caller.lab
