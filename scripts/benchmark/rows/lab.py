"""Labs and commands: copies of a lab, a lab from nothing, and what a command costs to start."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.folder import fork_lab, new_lab
from edgesync.lab.lab import Lab
from edgesync.sync.kinds import Job
from scripts.benchmark.bench import Bench
from scripts.benchmark.replication import EDGE, SITE, minimal, own_folder, subscribed_lab
from scripts.benchmark.row import Contenders, Row, Sample, at_most
from tests.support.peers import ROOT

LAB_ENTRIES = 10_000


def _timed(work: Callable[[], object]) -> Sample:
    cpu, started = time.process_time(), time.perf_counter()
    work()
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return Sample(seconds * 1000, cpu * 1e6)


@contextmanager
def _lab(bench: Bench) -> Iterator[Lab]:
    with subscribed_lab(own_folder(bench) / "lab", LAB_ENTRIES) as lab:
        lab.service(EdgeSync).run(EDGE, jobs=(Job.RECIPIENTS,))
        yield lab


@contextmanager
def _snapshot(bench: Bench) -> Iterator[Contenders]:
    with _lab(bench) as lab:
        agents = [directory.agent for directory in lab.directories]
        yield {"edgesync": lambda: _timed(lambda: [agent.snapshot() for agent in agents])}


@contextmanager
def _fork(bench: Bench) -> Iterator[Contenders]:
    with _lab(bench) as lab:
        forks: list[Lab] = []
        yield {"edgesync": lambda: _timed(lambda: forks.append(fork_lab(lab)))}
        for fork in forks:
            fork.close()


@contextmanager
def _restore(bench: Bench) -> Iterator[Contenders]:
    with _lab(bench) as lab:
        kept = [(directory.agent, directory.agent.snapshot()) for directory in lab.directories]

        def restore_all() -> None:
            for agent, before in kept:
                agent.restore(before)

        yield {"edgesync": lambda: _timed(restore_all)}


def _minimal_lab() -> None:
    with closing(new_lab(minimal())) as lab:
        service = lab.service(EdgeSync)
        lab.begin_command("benchmark")
        service.subscribe(EDGE, SITE)
        service.run(EDGE)


@contextmanager
def _minimal(_bench: Bench) -> Iterator[Contenders]:
    _minimal_lab()  # what is imported once is not counted
    yield {"edgesync": lambda: _timed(_minimal_lab)}


@contextmanager
def _help(_bench: Bench) -> Iterator[Contenders]:
    def start() -> Sample:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        command = [sys.executable, "-m", "edgesync", "--help"]
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        seconds = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Sample(seconds * 1000, cpu * 1e6)

    yield {"edgesync": start}


ROWS = (
    Row("snapshot of a lab of 10,000", "ms", _snapshot, at_most(20)),
    Row("fork of a lab of 10,000", "ms", _fork, at_most(20)),
    Row("restore of a lab of 10,000", "ms", _restore, at_most(20)),
    Row("minimal lab, subscribed and synced", "ms", _minimal, at_most(250)),
    Row("edgesync --help", "ms", _help, at_most(250)),
)
