"""The directory itself: memory, starts, and what a change costs whatever the size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from directory.clock import SystemClock
from directory.dsa.configuration import DirectoryConfiguration
from directory.dsa.instance import open_directory
from directory.entropy import SystemEntropy
from directory.model.dn import DN
from directory.model.messages import Scope, SearchRequest
from directory.net.loading import load_ldif
from directory.store.store import Store
from scripts.benchmark import recipients
from scripts.benchmark.bench import Bench
from scripts.benchmark.data import RECIPIENTS, SUFFIX, Data
from scripts.benchmark.reader import Reader
from scripts.benchmark.row import Contenders, NotHere, Row, Sample, at_most
from scripts.benchmark.servers import Server, cpu_seconds, resident_octets, run_ours, run_slapd
from tests.support.directory_process import served

FIRST = SearchRequest(RECIPIENTS, Scope.BASE)
START_TIMEOUT_S = 1200.0
CHANGES = 100
SMALL = 1_000
REPEATED = 200
"""Reads of the change log timed together: one takes some ten microseconds."""

_USED = ("eq_sel", "usn_tail", "prefix", "infix", "dump_all")
"""What both are asked before memory is looked at: indexes made on demand count."""


# memory ------------------------------------------------------------------------------------------


def _growth(
    bench: Bench, run: Callable[[Path, bool], AbstractContextManager[Server]], name: str
) -> Sample:
    """Resident octets for each entry, over a server that is empty and was asked the same."""
    sizes: list[int] = []
    for is_empty in (True, False):
        with run(bench.folder / f"memory-{name}-{is_empty}", is_empty) as server:
            for requests in _USED:
                bench.load(server, requests, 1, 1)
            sizes.append(resident_octets(server.pid))
    return Sample((sizes[1] - sizes[0]) / bench.entries)


@contextmanager
def _memory(bench: Bench) -> Iterator[Contenders]:
    def ours(folder: Path, is_empty: bool) -> AbstractContextManager[Server]:
        return run_ours(folder, bench.data, bench.tls, durability="normal", is_empty=is_empty)

    def theirs(folder: Path, is_empty: bool) -> AbstractContextManager[Server]:
        return run_slapd(folder, bench.data, bench.tls, fsync=False, indexes="eq,sub",
                         is_empty=is_empty)  # fmt: skip

    found = {"edgesync": lambda: _growth(bench, ours, "edgesync")}
    with suppress(NotHere), run_slapd(
        bench.folder / "memory-probe", bench.data, bench.tls, fsync=False, indexes="eq",
        is_empty=True,
    ):  # fmt: skip
        found["slapd"] = lambda: _growth(bench, theirs, "slapd")
    yield found


# starts ------------------------------------------------------------------------------------------


def _started(folder: Path, data: Data, *options: str) -> Sample:
    """Seconds from the start of the process to its first answer."""
    folder.mkdir(exist_ok=True)
    started = time.perf_counter()
    with served(folder, "--schema", str(data.schema), *options, admin=recipients.ADMIN,
                timeout_s=START_TIMEOUT_S) as server:  # fmt: skip
        reader = Reader(server.port, (recipients.READER, recipients.READER_PASSWORD))
        reader.ask(FIRST)
        seconds = time.perf_counter() - started
        cpu = cpu_seconds(server.process.pid)
        reader.close()
    return Sample(seconds, cpu * 1e6)


@contextmanager
def _start_empty(bench: Bench) -> Iterator[Contenders]:
    ldif = ("--ldif", str(bench.data.base_ldif))
    yield {"edgesync": lambda: _started(bench.folder / "start-empty", bench.data, *ldif)}


@contextmanager
def _start_ldif(bench: Bench) -> Iterator[Contenders]:
    ldif = ("--ldif", str(bench.data.ldif))
    yield {"edgesync": lambda: _started(bench.folder / "start-ldif", bench.data, *ldif)}


@contextmanager
def _start_journal(bench: Bench) -> Iterator[Contenders]:
    folder = bench.folder / "start-journal"
    with run_ours(folder, bench.data, bench.tls, durability="normal", is_empty=False):
        pass
    journal = ("--database", str(folder / "journal.db"))
    yield {"edgesync": lambda: _started(folder, bench.data, *journal)}


# the change log ----------------------------------------------------------------------------------


def _loaded(folder: Path, entries: int) -> Store:
    """A directory in this process, in memory, with so many recipients."""
    data = Data(folder, entries)
    configuration = DirectoryConfiguration(
        profile="generic", naming_contexts=(SUFFIX,), schema_texts=(data.schema.read_text(),),
        admin_dn=DN.parse(recipients.ADMIN), admin_password=b"secret",
    )  # fmt: skip
    agent = open_directory(configuration, clock=SystemClock(), entropy=SystemEntropy())
    load_ldif(agent, data.ldif)
    return agent.store


def _read_changes(store: Store) -> Sample:
    """Microseconds to find the last hundred entries that changed."""
    since = store.committed_usn - CHANGES
    cpu, found = time.process_time(), 0
    for _ in range(REPEATED):
        found += sum(1 for _ in store.changes_since(since))
    cpu = (time.process_time() - cpu) / REPEATED * 1e6
    return Sample(cpu, cpu, errors=int(found != CHANGES * REPEATED))


@contextmanager
def _changes(bench: Bench) -> Iterator[Contenders]:
    all_of_them = _loaded(bench.folder / "changes", bench.entries)
    small = _loaded(bench.folder / "changes-small", SMALL)
    yield {
        "edgesync": lambda: _read_changes(all_of_them),
        "of 1,000": lambda: _read_changes(small),
    }


ROWS = (
    Row("memory of an entry, indexes and change log included", "octets", _memory,
        at_most(1, times="slapd"), rounds=1, grows=True),
    Row("directory serve to its first answer, empty", "s", _start_empty, at_most(0.3)),
    Row("directory serve to its first answer, by LDIF", "s", _start_ldif, at_most(6), rounds=3,
        grows=True),
    Row("directory serve to its first answer, by journal", "s", _start_journal, at_most(3),
        rounds=3, grows=True),
    Row("100 changes read from the log, beside 100 of 1,000", "µs", _changes,
        at_most(1.3, times="of 1,000"), grows=True),
)  # fmt: skip
