"""A forest that is subscribed and synchronized once, and short words for looking at it."""

from __future__ import annotations

from typing import Any

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality
from edgesync.organization.servers import read_server
from edgesync.port.port import DirectoryPort, find, read
from edgesync.sync.kinds import Job
from edgesync.sync.lease import Lease, parse_lease
from edgesync.sync.report import JobReport
from edgesync.sync.run import run_sync
from tests.support.forest import Forest, small_forest


def synchronized() -> Forest:
    """Subscribed and synchronized once."""
    made = small_forest()
    made.subscribe("EDGE01")
    made.sync()
    made.credential_service()
    return made


def one(forest: Forest, job: Job = Job.RECIPIENTS, **options: Any) -> JobReport:
    return forest.sync(jobs=(job,), **options).runs[0]


def edge_recipients(forest: Forest) -> list[Entry]:
    machine = forest.edges["EDGE01"]
    found = find(machine.port, machine.names.recipients, Equality("objectClass", b"contact"))
    return list(found)


def user(forest: Forest, number: int) -> DN:
    return forest.names.users.child("CN", f"User {number:04}")


def guid_of(forest: Forest, dn: DN) -> str:
    entry = read(forest.ad, dn, ("objectGUID",))
    assert entry is not None
    return str(entry.guid("objectGUID"))


def through(forest: Forest, port: DirectoryPort, **options: Any) -> JobReport:
    """A run whose target is the given port."""
    context = forest.context("HUB01", "EDGE01")
    context.open_target = lambda _edge: port
    jobs = (Job.RECIPIENTS,)
    run = run_sync(context, now=forest.clock.now(), jobs=jobs, **options)
    return run.runs[0]


def lease_of(forest: Forest) -> Lease:
    machine = forest.edges["EDGE01"]
    server = read_server(machine.port, machine.names, "EDGE01")
    assert server is not None
    assert server.lease is not None
    return parse_lease(server.lease)
