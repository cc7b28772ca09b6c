"""Synchronization: first runs beside slapd's syncrepl, polls, and changes that follow."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from directory.model.controls import DirSync
from directory.model.filter import ANY_ENTRY, Equality, Or
from directory.model.messages import ModifyRequest, Scope, SearchRequest
from directory.model.modification import replace
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.lab import Lab
from edgesync.operations.runner import OperationRunner
from edgesync.organization.address_hash import hash_with_type
from edgesync.port.port import find, write_all
from edgesync.sync.kinds import Job
from edgesync.sync.report import SyncRun
from scripts.benchmark.bench import Bench
from scripts.benchmark.replication import (
    EDGE,
    FOREST,
    ServedPair,
    SyncreplPair,
    contact,
    own_folder,
    subscribed_lab,
)
from scripts.benchmark.row import Contenders, NotHere, Row, Sample, at_least, at_most
from scripts.benchmark.servers import cpu_seconds

CHANGES = 100
SMALL = 1_000
LDAP3_ENTRIES = 2_000
"""ldap3 is slow enough to be measured with few."""
POLLS = 200


def _recipients(lab: Lab) -> SyncRun:
    return lab.service(EdgeSync).run(EDGE, jobs=(Job.RECIPIENTS,))


def _with_syncrepl(bench: Bench, stack: ExitStack, ours: Callable[[], Sample]) -> Contenders:
    found = {"edgesync": ours}
    with suppress(NotHere):
        pair = SyncreplPair(bench)
        stack.callback(pair.close)
        found["syncrepl"] = pair.first_run
    return found


@contextmanager
def _in_process(bench: Bench) -> Iterator[Contenders]:
    with ExitStack() as stack:
        lab = stack.enter_context(subscribed_lab(own_folder(bench) / "lab", bench.entries))
        adam = lab.edge(EDGE).agent
        empty = adam.snapshot()

        def ours() -> Sample:
            adam.restore(empty)
            cpu, started = time.process_time(), time.perf_counter()
            run = _recipients(lab)
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
            missing = bench.entries - run.runs[0].tally.added
            return Sample(bench.entries / seconds, cpu * 1e6 / bench.entries, errors=missing)

        yield _with_syncrepl(bench, stack, ours)


@contextmanager
def _over_ldaps(bench: Bench) -> Iterator[Contenders]:
    with ExitStack() as stack:
        pair = ServedPair(bench, bench.entries)
        stack.callback(pair.close)
        yield _with_syncrepl(bench, stack, pair.first_run)


@contextmanager
def _beside_ldap3(bench: Bench) -> Iterator[Contenders]:
    pair = ServedPair(bench, LDAP3_ENTRIES)
    try:
        yield {"pipelined": pair.first_run, "ldap3": lambda: pair.first_run(by_ldap3=True)}
    finally:
        pair.close()


@contextmanager
def _empty_poll(bench: Bench) -> Iterator[Contenders]:
    pair = ServedPair(bench, bench.entries)
    port = pair.pipelined(pair.source, FOREST.users)
    attributes = ("objectGUID", "isDeleted", "name", "parentGUID", "proxyAddresses")
    request = SearchRequest(FOREST.domain, Scope.SUBTREE, ANY_ENTRY, attributes)

    def ask(cookie: bytes) -> DirSync:
        outcome = port.search(request, (DirSync(critical=True, max_bytes=1 << 20, cookie=cookie),))
        return next(control for control in outcome.controls if isinstance(control, DirSync))

    control = ask(b"")
    while control.flags:
        control = ask(control.cookie)
    cookie, pid = control.cookie, pair.source.process.pid

    def polls() -> Sample:
        before, started = cpu_seconds(pid), time.perf_counter()
        for _ in range(POLLS):
            ask(cookie)
        cpu, seconds = cpu_seconds(pid) - before, time.perf_counter() - started
        note = f"{seconds * 1000 / POLLS:.2f} ms until answered"
        return Sample(cpu * 1000 / POLLS, cpu * 1e6 / POLLS, note=note)

    try:
        yield {"edgesync": polls}
    finally:
        port.close()
        pair.close()


def _change(lab: Lab, entries: int, chance: random.Random) -> None:
    users = lab.ad.names.users
    changed = chance.sample(range(entries), CHANGES)
    write_all(lab.ad_port(), [
        ModifyRequest(contact(number, users).dn,
                      (replace("proxyAddresses", b"SMTP:%d@example.com" % chance.getrandbits(40)),))
        for number in changed
    ])  # fmt: skip


@contextmanager
def _changes(bench: Bench) -> Iterator[Contenders]:
    with ExitStack() as stack:
        chance = random.Random(1)

        def contender(entries: int) -> Callable[[], Sample]:
            lab = stack.enter_context(subscribed_lab(own_folder(bench) / "lab", entries))
            _recipients(lab)

            def incremental() -> Sample:
                _change(lab, entries, chance)
                cpu, started = time.process_time(), time.perf_counter()
                run = _recipients(lab)
                seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
                missing = CHANGES - run.runs[0].tally.updated
                return Sample(seconds * 1000, cpu * 1e6 / CHANGES, errors=missing)

            return incremental

        yield {
            f"of {bench.entries}": contender(bench.entries),
            f"of {SMALL}": contender(SMALL),
        }


WATCH_STARTS_S = 1.0
VISIBLE_WITHIN_S = 30.0


@contextmanager
def _watched(bench: Bench) -> Iterator[Contenders]:
    chance = random.Random(2)
    with ExitStack() as stack:
        lab = stack.enter_context(subscribed_lab(own_folder(bench) / "lab", bench.entries))
        _recipients(lab)
        service, users = lab.service(EdgeSync), lab.ad.names.users
        source, replicas = lab.ad_port(), lab.edge(EDGE).names.recipients
        target = lab.edge_port(EDGE)
        runner = OperationRunner(own_folder(bench))
        watch = threading.Thread(
            target=runner.outcome, args=(lab, "edgesync sync watch --immediate"), daemon=True
        )
        watch.start()
        time.sleep(WATCH_STARTS_S)

        def stop() -> None:
            service.stop_watch.set()
            watch.join(VISIBLE_WITHIN_S)

        stack.callback(stop)

        def changes() -> Sample:
            addresses = [f"SMTP:{chance.getrandbits(60)}@example.com" for _ in range(CHANGES)]
            names = [contact(n, users).dn for n in chance.sample(range(bench.entries), CHANGES)]
            requests = [
                ModifyRequest(name, (replace("proxyAddresses", address.encode()),))
                for name, address in zip(names, addresses, strict=True)
            ]
            waiting = {hash_with_type(address) for address in addresses}
            cpu, started = time.process_time(), time.perf_counter()
            for request in requests:
                source.modify(request)
            written = time.perf_counter() - started
            while waiting and time.perf_counter() < started + VISIBLE_WITHIN_S:
                if find(target, replicas, Equality("proxyAddresses", next(iter(waiting)))):
                    # where one is, most are: one search for all that are left
                    left = Or(tuple(Equality("proxyAddresses", one) for one in waiting))
                    for entry in find(target, replicas, left, attributes=("proxyAddresses",)):
                        waiting.difference_update(entry.values("proxyAddresses"))
                else:
                    time.sleep(0.001)
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
            note = f"{written * 1000:.0f} ms of it to write them"
            return Sample(seconds * 1000, cpu * 1e6 / CHANGES, errors=len(waiting), note=note)

        yield {"edgesync": changes}


ROWS = (
    Row("first sync AD to ADAM, in process", "entries/s", _in_process,
        at_least(4, times="syncrepl"), rounds=3, grows=True),
    Row("first sync AD to ADAM, over LDAPS", "entries/s", _over_ldaps,
        at_least(2.5, times="syncrepl"), rounds=3, grows=True),
    Row("the same beside ldap3, 2,000 entries", "entries/s", _beside_ldap3,
        at_least(10, times="ldap3"), rounds=3),
    Row("empty DirSync poll over LDAPS, server CPU", "ms", _empty_poll, at_most(1), grows=True),
    Row("100 changes visible, watched with notification", "ms", _watched, at_most(30),
        grows=True),
    Row("100 changes synchronized, beside 100 of 1,000", "ms", _changes,
        at_most(1.3, times=f"of {SMALL}")),
)  # fmt: skip
