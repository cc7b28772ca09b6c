"""The hot modules compiled by mypyc, beside the same source in plain Python."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from directory.build import PLAIN, running_build
from scripts.benchmark.bench import Bench
from scripts.benchmark.data import Data
from scripts.benchmark.row import Contenders, NotHere, Row, Sample
from scripts.benchmark.rows.steps import Searches, feed, microseconds
from scripts.benchmark.servers import Server
from scripts.compiled.build import FOLDER, CompileFailed, build, environment, is_current

_Measure = Callable[[Bench, Server], Sample]


def _built() -> Path:
    """The compiled build of the source as it is now."""
    if running_build() != PLAIN:
        raise NotHere("plain Python to compare with: leave --build out")
    try:
        if not is_current():
            build()
    except CompileFailed as error:
        raise NotHere("a C compiler, and source that mypyc takes") from error
    return FOLDER


def _pair(
    measure: _Measure, *, is_empty: bool = False
) -> Callable[[Bench], AbstractContextManager[Contenders]]:
    @contextmanager
    def contenders(bench: Bench) -> Iterator[Contenders]:
        compiled = bench.ours(is_empty=is_empty, build=_built())
        plain = bench.ours(is_empty=is_empty)
        yield {
            "compiled": lambda: measure(bench, compiled),
            "plain": lambda: measure(bench, plain),
        }

    return contenders


def _load(requests: str, connections: int, depth: int, counts: str = "ops") -> _Measure:
    return lambda bench, server: bench.load(server, requests, connections, depth, counts=counts)


def _modify(bench: Bench, server: Server) -> Sample:
    return bench.load(server, "modify", 16, 16, in_order=True, is_admin=True)


def _add(bench: Bench, server: Server) -> Sample:
    return bench.add(server, 16, 16)


@contextmanager
def _in_process(bench: Bench) -> Iterator[Contenders]:
    folder = bench.data.folder
    for written_once in (bench.data.schema, bench.data.ldif, bench.data.requests("eq_sel")):
        assert written_once.exists()  # neither process writes what the other reads
    with ExitStack() as stack:
        found = {
            name: stack.enter_context(_child(folder, bench.entries, environ))
            for name, environ in (
                ("compiled", environment(_built())), ("plain", dict(os.environ)),
            )
        }  # fmt: skip
        yield found


@contextmanager
def _child(
    folder: Path, entries: int, environ: Mapping[str, str]
) -> Iterator[Callable[[], Sample]]:
    """A process that measures a round for each line it is sent."""
    command = [sys.executable, "-m", __name__, str(folder), str(entries)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environ, stdin=pipe, stdout=pipe, text=True) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def measure() -> Sample:
            asked.write("\n")
            asked.flush()
            cpu = float(answers.readline())
            return Sample(cpu, cpu_us=cpu)

        yield measure
        asked.close()


def _measure_for_parent() -> None:
    searches = Searches(Data(Path(sys.argv[1]), int(sys.argv[2])))
    work = feed(16)(searches)
    for _ in sys.stdin:
        print(microseconds(work).figure, flush=True)


ROWS = (
    Row("compiled: 16 searches in a read, in process", "µs", _in_process),
    Row("compiled: indexed search, one at a time", "searches/s", _pair(_load("eq_sel", 1, 1))),
    Row("compiled: indexed search, 16 × 16", "searches/s", _pair(_load("eq_sel", 16, 16))),
    Row("compiled: prefix search", "searches/s", _pair(_load("prefix", 16, 1))),
    Row("compiled: USN tail of 20", "searches/s", _pair(_load("usn_tail", 16, 1))),
    Row("compiled: dump of all entries", "entries/s", _pair(_load("dump_all", 1, 1, "entries"))),
    Row("compiled: modify without fsync, 16 × 16", "modifies/s", _pair(_modify)),
    Row("compiled: add without fsync, 16 × 16", "adds/s", _pair(_add, is_empty=True)),
)

if __name__ == "__main__":
    _measure_for_parent()
