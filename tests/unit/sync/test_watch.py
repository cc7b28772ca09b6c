"""``sync watch --immediate`` follows what happens in AD, and runs the job it concerns."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from directory.model.messages import AddRequest, DeleteRequest
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.lab import Lab
from edgesync.operations import sync_watch
from edgesync.operations.runner import OperationRunner
from edgesync.organization.recipients import Recipient, mailbox_entry
from edgesync.port.port import find
from edgesync.sync.kinds import Job
from tests.support.trust_lab import trusting_lab

WITHIN_S = 60.0


@pytest.fixture
def lab() -> Iterator[Lab]:
    with trusting_lab(hubs=1, edges=1) as made:
        yield made


def person(lab: Lab, name: str) -> AddRequest:
    addresses = (f"SMTP:{name}@contoso.test",)
    recipient = Recipient(lab.ad.names.users.child("CN", name), name, proxy_addresses=addresses)
    return AddRequest(mailbox_entry(recipient, account=name))


def replicas(lab: Lab) -> int:
    return len(find(lab.edge_port("EDGE01"), lab.edge("EDGE01").names.recipients)) - 1


def wait_for(lab: Lab, count: int) -> None:
    until = time.monotonic() + WITHIN_S
    while replicas(lab) != count:
        assert time.monotonic() < until, f"{replicas(lab)} replicas, not {count}"
        time.sleep(0.01)


@pytest.fixture
def watched(lab: Lab, tmp_path: Path) -> Iterator[list[Job]]:
    """A watch that runs in a thread, and the jobs it ran."""
    service = lab.service(EdgeSync)
    ran: list[Job] = []
    listening = threading.Event()
    service.after_run.append(lambda _edge, job, _at, _result: ran.append(job))
    command = "edgesync sync watch --immediate"
    runner = OperationRunner(tmp_path)
    thread = threading.Thread(target=runner.outcome, args=(lab, command), daemon=True)
    before = lab.clock.is_running
    thread.start()
    until = time.monotonic() + WITHIN_S
    while lab.clock.is_running is before and time.monotonic() < until:
        listening.wait(0.01)
    yield ran
    service.stop_watch.set()
    thread.join(WITHIN_S)
    assert not thread.is_alive()


def test_a_new_and_a_deleted_recipient_are_followed(lab: Lab, watched: list[Job]) -> None:
    there = replicas(lab)
    port = lab.ad_port()
    port.add(person(lab, "newcomer"))
    wait_for(lab, there + 1)
    port.delete(DeleteRequest(lab.ad.names.users.child("CN", "newcomer")))
    wait_for(lab, there)
    assert set(watched) == {Job.RECIPIENTS}


class Burst:
    """A stop that nobody asks for, or somebody: each wait for it sees one more change, so often."""

    def __init__(self, changes: int, *, is_set: bool = False) -> None:
        self.left = changes
        self.is_set = is_set
        self.waits = 0
        self.watch: sync_watch.Watch | None = None

    def wait(self, _seconds: float) -> bool:
        self.waits += 1
        if self.left and self.watch is not None:
            self.left -= 1
            self.watch.notices += 1
        return self.is_set


@pytest.mark.parametrize(
    ("stop", "waits"),
    [(Burst(0), 1), (Burst(3), 4), (Burst(10_000), 20), (Burst(9, is_set=True), 1)],
)
def test_a_run_waits_for_the_end_of_a_burst_but_not_for_ever(stop: Burst, waits: int) -> None:
    context, service = SimpleNamespace(lab=None), SimpleNamespace(stop_watch=stop)
    watch = sync_watch.Watch(cast("Any", context), cast("Any", service), immediate=True)
    stop.watch = watch
    watch.until_quiet()
    assert stop.waits == waits


def test_watches_of_one_session_tell_their_bases_apart(lab: Lab) -> None:
    port = lab.ad.port("test")
    told: list[str] = []
    port.on_change(lab.ad.names.users, lambda: told.append("users"))
    port.on_change(lab.ad.names.configuration, lambda: told.append("configuration"))
    lab.ad_port().add(person(lab, "somebody"))
    assert told == ["users"]
    port.close()
    lab.ad_port().delete(DeleteRequest(lab.ad.names.users.child("CN", "somebody")))
    assert told == ["users"]
