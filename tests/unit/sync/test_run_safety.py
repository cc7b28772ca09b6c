"""Runs that must not go wrong: cookies, thresholds, leases, what is remembered."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.errors import ResultCode
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    SearchRequest,
)
from edgesync.errors import ExitCode
from edgesync.sync.history import History
from edgesync.sync.kinds import Job
from edgesync.sync.report import Mode, Result
from edgesync.sync.run import run_sync
from tests.support.faulty_port import Fault, FaultyPort
from tests.support.forest import Forest
from tests.support.runs import edge_recipients, lease_of, one, synchronized, through, user


@pytest.fixture
def forest() -> Forest:
    return synchronized()


# cookies -----------------------------------------------------------------------------------------


@pytest.mark.fact("edgesync-facts 4.5")
def test_the_first_run_is_full_and_the_next_incremental(forest: Forest) -> None:
    report = one(forest)
    assert (report.mode, report.tally.scanned) == (Mode.INCREMENTAL, 0)
    assert one(forest, full=True).mode is Mode.FULL


@pytest.mark.fact("edgesync-facts 4.2")
def test_an_old_cookie_leads_to_a_full_run_that_says_why(forest: Forest) -> None:
    forest.clock.advance(timedelta(days=21))
    report = one(forest)
    assert (report.mode, report.result) == (Mode.FULL, Result.SUCCESS)
    assert "CookieValidDuration" in report.reason


@pytest.mark.fact("edgesync-facts 4.2")
def test_an_error_keeps_the_cookie_and_the_next_run_heals(forest: Forest) -> None:
    before = one(forest).cookie_after
    forest.add_recipients(3, first=100)

    def first(request: object) -> bool:
        return isinstance(request, AddRequest)

    port = FaultyPort(forest.open_session("HUB01", "EDGE01").port, at=1, fault=Fault.REFUSED,
                      code=ResultCode.OBJECT_CLASS_VIOLATION, hits=first)  # fmt: skip
    report = through(forest, port)
    assert report.result is Result.PARTIAL
    assert report.tally.added == 2
    assert [error.code for error in report.tally.errors] == ["objectClassViolation"]
    assert report.cookie_after == before
    assert forest.event_names().count("EntryFailed") == 1
    again = one(forest)
    assert (again.result, again.tally.added) == (Result.SUCCESS, 1)
    assert again.cookie_after != before


@pytest.mark.fact("edgesync-facts 4.2")
def test_force_update_cookie_advances_it_in_spite_of_errors(forest: Forest) -> None:
    before = one(forest).cookie_after
    forest.add_recipients(1, first=100)
    port = FaultyPort(forest.open_session("HUB01", "EDGE01").port, at=0, fault=Fault.REFUSED,
                      hits=lambda r: isinstance(r, AddRequest))  # fmt: skip
    report = through(forest, port, force_cookie=True)
    assert report.result is Result.PARTIAL
    assert report.cookie_after != before
    assert one(forest).tally.written == 0  # lost until the next full run
    assert one(forest, full=True).tally.added == 1


def test_a_target_that_refuses_everything_ends_the_run(forest: Forest) -> None:
    forest.add_recipients(150, first=100)
    port = FaultyPort(forest.open_session("HUB01", "EDGE01").port, fault=Fault.REFUSED,
                      hits=lambda r: isinstance(r, AddRequest), always=True)  # fmt: skip
    report = through(forest, port)
    assert report.result is Result.FAILED
    assert report.tally.failed == 100
    assert "read-only" in report.failure.hint if report.failure else False


def test_a_source_that_cannot_be_read_deletes_nothing(forest: Forest) -> None:
    context = forest.context("HUB01", "EDGE01")
    context.source = FaultyPort(
        forest.ad, at=1, fault=Fault.LOST_BEFORE, hits=lambda r: isinstance(r, SearchRequest)
    )
    run = run_sync(context, now=forest.clock.now(), jobs=(Job.RECIPIENTS,), full=True)
    assert run.runs[0].result is Result.FAILED
    assert len(edge_recipients(forest)) == 5


# threshold, what-if ------------------------------------------------------------------------------


def test_the_delete_threshold_stops_before_anything_is_written(forest: Forest) -> None:
    for number in range(4):
        forest.ad.delete(DeleteRequest(user(forest, number)))
    forest.add_recipients(1, first=100)
    run = forest.sync(jobs=(Job.RECIPIENTS,), delete_threshold=3)
    assert run.exit_code is ExitCode.REFUSED
    assert "threshold" in run.runs[0].reason
    assert len(edge_recipients(forest)) == 5
    assert one(forest, full=True, delete_threshold=3).result is Result.FAILED
    assert one(forest, delete_threshold=4).tally.deleted == 4


def test_what_if_says_what_and_why_and_writes_nothing(forest: Forest) -> None:
    forest.add_recipients(1, first=100)
    forest.ad.delete(DeleteRequest(user(forest, 0)))
    machine = forest.edges["EDGE01"]
    before = machine.agent.store.committed_usn
    run = forest.sync(what_if=True)
    assert machine.agent.store.committed_usn == before
    changes = [c for report in run.runs for c in report.changes]
    assert sorted(c.change for c in changes) == ["add", "delete"]
    assert all(c.reason for c in changes)
    assert "changes" in run.document()["runs"][2]


# lease -------------------------------------------------------------------------------------------


@pytest.mark.fact("edgesync-facts 4.4")
def test_the_first_hub_keeps_the_option_and_a_manual_run_overrides_it(forest: Forest) -> None:
    lease = lease_of(forest)
    assert (lease.holder, lease.kind) == ("HUB01", "option")
    scheduled = forest.sync("HUB02", manual=False)
    assert {run.result for run in scheduled.runs} == {Result.SKIPPED}
    assert scheduled.exit_code is ExitCode.REFUSED
    assert forest.sync("HUB02").runs[0].result is Result.SUCCESS
    assert (lease_of(forest).holder, lease_of(forest).generation) == ("HUB02", 2)


@pytest.mark.fact("edgesync-facts 4.4")
def test_after_the_option_another_hub_takes_over_by_itself(forest: Forest) -> None:
    forest.clock.advance(timedelta(minutes=30))
    assert forest.sync("HUB02", manual=False).runs[0].result is Result.SUCCESS
    assert lease_of(forest).holder == "HUB02"


@pytest.mark.fact("edgesync-facts 4.4")
def test_a_lock_stops_even_a_manual_run_until_it_runs_out(forest: Forest) -> None:
    port = FaultyPort(forest.open_session("HUB01", "EDGE01").port, at=1)
    forest.add_recipients(1, first=100)
    assert through(forest, port).result is Result.FAILED  # the holder died with its lock
    assert lease_of(forest).kind == "lock"
    assert forest.sync("HUB02").runs[0].result is Result.SKIPPED
    forest.clock.advance(timedelta(minutes=6))
    assert forest.sync("HUB02").runs[2].tally.added == 1


def test_a_holder_that_lost_the_lease_writes_no_cookie(forest: Forest) -> None:
    forest.add_recipients(1, first=100)
    inner = forest.open_session("HUB01", "EDGE01").port
    port = FaultyPort(inner)
    stolen: list[bool] = []

    def steal(request: object) -> None:
        if isinstance(request, AddRequest) and not stolen:
            stolen.append(True)
            forest.clock.advance(timedelta(minutes=7))  # slower than its lock
            assert forest.sync("HUB02").runs[2].result is Result.SUCCESS

    port.before = steal
    report = through(forest, port)
    assert report.result is Result.FAILED
    assert "lease_lost" in report.reason
    assert lease_of(forest).holder == "HUB02"
    assert forest.sync("HUB02").runs[2].result is Result.SUCCESS
    assert len(edge_recipients(forest)) == 6


# bookkeeping -------------------------------------------------------------------------------------


def test_every_run_stands_in_the_history_until_it_is_too_old(forest: Forest) -> None:
    history = History()
    forest.sync(history=history)
    rows = history.runs(edge="edge01", job="recipients")
    assert [row["result"] for row in rows] == ["success"]
    assert len(history.runs()) == 3
    assert history.prune(forest.clock.now() + timedelta(days=31)) == 3
    assert history.runs() == []
    history.close()


def test_an_unreachable_edge_is_a_report_with_exit_code_five(forest: Forest) -> None:
    forest.edges["EDGE01"].renew()
    run = forest.sync()
    assert {report.result for report in run.runs} == {Result.FAILED}
    assert run.exit_code is ExitCode.UNREACHABLE
    assert "pin_mismatch" in run.runs[0].reason


def test_an_edge_that_is_no_longer_subscribed_fails_the_topology_job(forest: Forest) -> None:
    context = forest.context("HUB01", "EDGE01")
    port = forest.open_session("HUB01", "EDGE01").port
    context.open_target = lambda _edge: port
    context.site = "Branch"
    run = run_sync(context, now=forest.clock.now(), jobs=(Job.TOPOLOGY,))
    assert run.runs[0].result is Result.FAILED
    assert "no longer subscribed" in run.runs[0].reason
