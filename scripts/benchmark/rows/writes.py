"""Adds and modifies beside slapd: without fsync on both, and with it on both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from scripts.benchmark.bench import Bench
from scripts.benchmark.row import Contenders, NotHere, Row, Sample, at_least
from scripts.benchmark.servers import Server


def _adds(
    connections: int, depth: int, *, fsync: bool
) -> Callable[[Bench], AbstractContextManager[Contenders]]:
    @contextmanager
    def contenders(bench: Bench) -> Iterator[Contenders]:
        ours = bench.ours("full" if fsync else "normal", is_empty=True)
        found: dict[str, Callable[[], Sample]] = {
            "edgesync": lambda: bench.add(ours, connections, depth)
        }
        with suppress(NotHere):
            theirs = bench.slapd(fsync=fsync, indexes="eq", is_empty=True)
            found["slapd"] = lambda: bench.add(theirs, connections, depth)
        yield found

    return contenders


def _changes(
    requests: str, connections: int, depth: int, *, fsync: bool
) -> Callable[[Bench], AbstractContextManager[Contenders]]:
    @contextmanager
    def contenders(bench: Bench) -> Iterator[Contenders]:
        def load(server: Server) -> Callable[[], Sample]:
            return lambda: bench.load(
                server, requests, connections, depth, in_order=True, is_admin=True, is_probed=True
            )

        found = {"edgesync": load(bench.ours("full" if fsync else "normal"))}
        with suppress(NotHere):
            found["slapd"] = load(bench.slapd(fsync=fsync))
        yield found

    return contenders


ROWS = (
    Row("90 % search and 10 % modify, 16 × 16", "operations/s",
        _changes("mixed", 16, 16, fsync=False), at_least(3, times="slapd")),
    Row("add without fsync, one at a time", "adds/s", _adds(1, 1, fsync=False),
        at_least(3, times="slapd")),
    Row("add without fsync, 16 × 16", "adds/s", _adds(16, 16, fsync=False),
        at_least(3, times="slapd")),
    Row("add with fsync, one at a time", "adds/s", _adds(1, 1, fsync=True),
        at_least(2, times="slapd")),
    Row("add with fsync, 16 × 16", "adds/s", _adds(16, 16, fsync=True),
        at_least(20, times="slapd")),
    Row("modify without fsync, 16 × 16", "modifies/s", _changes("modify", 16, 16, fsync=False),
        at_least(4, times="slapd")),
    Row("modify with fsync, 16 × 16", "modifies/s", _changes("modify", 16, 16, fsync=True),
        at_least(20, times="slapd")),
)  # fmt: skip
