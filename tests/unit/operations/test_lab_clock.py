"""The lab's time as an operation: it passes, what is due runs, it never goes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from edgesync import Lab
from edgesync.errors import NoSuchThing, RefusedByRule, UsageError

SMALL: dict[str, Any] = {"hubs": 1, "edges": 1, "recipients": 3, "sites": 1}


@pytest.fixture
def lab() -> Lab:
    made = Lab.new(**SMALL)
    made.subscribe("EDGE01")
    return made


def test_looking_at_the_clock_moves_nothing(lab: Lab) -> None:
    before = lab.clock.now
    shown = lab.run("lab.clock")
    assert lab.clock.now == before
    assert shown["is_running"] is False
    assert shown["next"]["name"] == "EdgeSync EDGE01"


def test_what_falls_due_on_the_way_runs(lab: Lab) -> None:
    before = lab.clock.now
    done = lab.run("lab.advance", span="25h")
    assert lab.clock.now - before >= timedelta(hours=25)
    assert done["ran"] > 4  # a recipients job is due every four hours
    jobs = lab.run("sync.status")["edges"][0]["jobs"]
    assert {job["job"]: job["result"] for job in jobs} == {
        "configuration": "success", "recipients": "success", "topology": "success",
    }  # fmt: skip


def test_the_same_time_passes_by_operation_and_by_python(lab: Lab) -> None:
    twin = lab.fork()
    ran = lab.run("lab.advance", span="3d")["ran"]
    assert twin.clock.advance(days=3) == pytest.approx(ran, abs=2)
    assert twin.run("sync.verify")
    assert lab.run("sync.verify")


def test_to_an_instant_and_to_what_is_next(lab: Lab) -> None:
    due = lab.run("lab.clock")["next"]["due"]
    assert lab.run("lab.advance", to_next=True)["ran"] >= 1
    assert f"{lab.clock.now:%Y-%m-%dT%H:%M}" == due[:16]
    until = (lab.clock.now + timedelta(days=2)).replace(microsecond=0)
    lab.clock.advance_to(until)
    assert lab.clock.now == until


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({}, UsageError),
        ({"span": "1d", "to_next": True}, UsageError),
        ({"span": "soon"}, UsageError),
        ({"until": "tomorrow"}, UsageError),
        ({"until": "2020-01-01T00:00:00Z"}, RefusedByRule),
        ({"span": "20000d"}, RefusedByRule),
        ({"span": "9999999999d"}, UsageError),
    ],
)
def test_what_is_no_time_to_go_to_is_refused(
    lab: Lab, given: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        lab.run("lab.advance", **given)


def test_a_lab_where_nothing_is_due_says_so() -> None:
    with Lab.new(**SMALL) as lab, pytest.raises(NoSuchThing):
        lab.run("lab.advance", to_next=True)


def test_a_running_lab_goes_on_from_there(lab: Lab) -> None:
    with lab.up():
        before = lab.clock.now
        assert lab.run("lab.advance", span="2d")["ran"] > 0
        there = lab.clock.now
        assert there - before >= timedelta(days=2)
        assert lab.lab.clock.is_running
        assert lab.clock.now > there
        assert lab.trust.check("HUB01", "EDGE01")
