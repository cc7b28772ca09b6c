"""Everything that can break, at every point where it can break; then one quiet run heals it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.clock import ManualClock
from directory.errors import ResultCode
from directory.model.dn import DN
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    SearchRequest,
)
from directory.model.modification import replace
from edgesync.errors import ExitCode
from edgesync.organization.servers import read_server
from edgesync.port.port import DirectoryPort
from edgesync.subscription.credentials import describe_records
from edgesync.sync.context import SyncContext
from edgesync.sync.cursor import readable_cursors
from edgesync.sync.kinds import Job
from edgesync.sync.report import Result, SyncRun
from edgesync.sync.run import run_sync
from edgesync.sync.verify import SyncStatus, verify
from tests.support.faulty_port import Fault, FaultyPort
from tests.support.forest import Forest, small_forest

WRITES_MAX = 60
"""More than any run below makes; a loop that gets there has not ended."""


def ready() -> Forest:
    forest = small_forest(6)
    forest.subscribe("EDGE01")
    forest.sync()
    forest.credential_service()
    return forest


def change_much(forest: Forest, turn: int) -> None:
    """Adds, changes, renames and deletes in both jobs."""
    forest.add_recipients(2, first=100 + 10 * turn)
    proxies = replace("proxyAddresses", f"SMTP:new{turn}@contoso.test".encode())
    forest.ad.modify(ModifyRequest(_user(forest, 0), (proxies,)))
    gone = _user(forest, 100 + 10 * (turn - 1)) if turn else _user(forest, 5)
    forest.ad.delete(DeleteRequest(gone))
    name = f"Domain {turn}"
    forest.add_domain(name)
    domain = forest.names.accepted_domains.child("CN", name)
    forest.ad.modify_dn(ModifyDnRequest(domain, DN.parse(f"CN=Renamed {turn}")))
    if turn:
        old = forest.names.accepted_domains.child("CN", f"Renamed {turn - 1}")
        forest.ad.delete(DeleteRequest(old))


def _user(forest: Forest, number: int) -> DN:
    return forest.names.users.child("CN", f"User {number:04}")


def run_through(context: SyncContext, port: DirectoryPort, forest: Forest) -> SyncRun:
    context.open_target = lambda _edge: port
    return run_sync(context, now=forest.clock.now())


def assert_same(forest: Forest) -> None:
    found = verify(
        forest.context("HUB01", "EDGE01"), now=forest.clock.now(), full=True,
        describe=describe_records,
    )  # fmt: skip
    assert found.status is SyncStatus.NORMAL, found.document()


@pytest.mark.parametrize("fault", list(Fault))
def test_a_fault_at_any_write_to_the_target_is_healed_by_the_next_run(fault: Fault) -> None:
    forest = ready()
    for at in range(WRITES_MAX):
        change_much(forest, at)
        before = forest.agent.store.committed_usn
        port = FaultyPort(
            forest.open_session("HUB01", "EDGE01").port, at=at, fault=fault,
            code=ResultCode.UNWILLING_TO_PERFORM,
        )  # fmt: skip
        broken = run_through(forest.context("HUB01", "EDGE01"), port, forest)
        assert forest.agent.store.committed_usn == before, "nothing may flow back into AD"
        healed = forest.sync()
        assert {run.result for run in healed.runs} == {Result.SUCCESS}, healed.document()
        assert_same(forest)
        if port.count <= at:
            assert {run.result for run in broken.runs} == {Result.SUCCESS}
            return
    raise AssertionError("the run never got through")


def test_a_fault_at_any_read_of_the_source_is_healed_by_the_next_run() -> None:
    forest = ready()
    for at in range(WRITES_MAX):
        change_much(forest, at)
        context = forest.context("HUB01", "EDGE01")
        context.source = port = FaultyPort(
            forest.ad, at=at, hits=lambda request: isinstance(request, SearchRequest)
        )
        run_sync(context, now=forest.clock.now(), full=at % 2 == 0)
        assert forest.sync().runs[2].result is Result.SUCCESS
        assert_same(forest)
        if port.count <= at:
            return
    raise AssertionError("the run never got through")


def test_the_cookie_is_never_ahead_of_the_data() -> None:
    """A lost connection between two batches leaves the cookie where the data are."""
    forest = ready()
    stored = readable_cursors(_cookies(forest))
    forest.add_recipients(5, first=200)
    port = FaultyPort(
        forest.open_session("HUB01", "EDGE01").port, at=2,
        hits=lambda request: isinstance(request, AddRequest),
    )  # fmt: skip
    run_through(forest.context("HUB01", "EDGE01"), port, forest)
    key = next(key for key in stored if key[0] == "recipients")
    assert readable_cursors(_cookies(forest))[key] == stored[key]
    assert forest.sync().runs[2].tally.added == 3


def _cookies(forest: Forest) -> tuple[bytes, ...]:
    machine = forest.edges["EDGE01"]
    server = read_server(machine.port, machine.names, "EDGE01")
    assert server is not None
    return server.cookies


@pytest.mark.parametrize("full", [False, True])
def test_a_write_that_races_the_poll_comes_with_the_next_one(full: bool) -> None:
    """A change between reading the cursor and reading the objects is seen twice or later."""
    forest = ready()
    number = 300
    for at in range(5):
        forest.add_recipients(1, first=number)
        number += 1
        context = forest.context("HUB01", "EDGE01")
        context.source = port = FaultyPort(forest.ad)
        raced: list[int] = []

        def race(request: object, at: int = at, raced: list[int] = raced) -> None:
            if isinstance(request, SearchRequest):
                raced.append(1)
                if len(raced) == at + 1:
                    proxies = replace("proxyAddresses", f"SMTP:raced{at}@contoso.test".encode())
                    forest.ad.modify(ModifyRequest(_user(forest, 1), (proxies,)))

        port.before = race
        run = run_sync(context, now=forest.clock.now(), jobs=(Job.RECIPIENTS,), full=full)
        assert run.exit_code is ExitCode.OK
        forest.sync()
        assert_same(forest)


def test_a_clock_that_is_hours_off_takes_no_live_lock() -> None:
    """Each Hub acts on its own clock; a slow one sees the other's lease as live for longer."""
    forest = ready()
    slow = forest.context("HUB02", "EDGE01")
    slow.clock = ManualClock(forest.clock.now() - timedelta(hours=3))
    run = run_sync(slow, now=slow.clock.now(), manual=False)
    assert {report.result for report in run.runs} == {Result.SKIPPED}
