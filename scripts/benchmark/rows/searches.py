"""Searches and compares beside slapd, over plain LDAP and LDAPS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from scripts.benchmark.bench import Bench
from scripts.benchmark.row import Contenders, NotHere, Row, Sample, Target, at_least
from scripts.benchmark.servers import Server


def beside_slapd(
    requests: str, connections: int, depth: int, **options: Any
) -> Callable[[Bench], AbstractContextManager[Contenders]]:
    """Load both servers with the same requests."""

    @contextmanager
    def contenders(bench: Bench) -> Iterator[Contenders]:
        def load(server: Server) -> Callable[[], Sample]:
            # what an index needs is built when somebody first asks: that is no round's work
            bench.load(server, requests, 1, 1, at_most=1, **options)
            return lambda: bench.load(server, requests, connections, depth, **options)

        found = {"edgesync": load(bench.ours())}
        with suppress(NotHere):
            found["slapd"] = load(bench.slapd())
        yield found

    return contenders


def _search(
    name: str, requests: str, connections: int, depth: int, bound: float | None = None,
    *, unit: str = "searches/s", grows: bool = False, **options: Any,
) -> Row:  # fmt: skip
    target: Target | None = None if bound is None else at_least(bound, times="slapd")
    return Row(name, unit, beside_slapd(requests, connections, depth, **options), target,
               grows=grows)  # fmt: skip


def _dump(name: str, requests: str, bound: float) -> Row:
    return _search(name, requests, 1, 1, bound, unit="entries/s", counts="entries", grows=True,
                   is_probed=True)  # fmt: skip


ROWS = (
    _search("indexed search, one at a time", "eq_sel", 1, 1, 2, grows=True),
    _search("indexed search, 16 connections", "eq_sel", 16, 1, 2),
    _search("indexed search, 32 in flight", "eq_sel", 1, 32, 6),
    _search("indexed search, 16 × 16", "eq_sel", 16, 16, 5, grows=True),
    _search("base search, all attributes, 16 × 16", "base_all", 16, 16),
    _search("and of two, 16 × 16", "and_sel", 16, 16),
    _search("no such mail, 16 × 16", "eq_miss", 16, 16),
    _search("LDAPS, indexed search, one at a time", "eq_sel", 1, 1, 1.5, is_tls=True),
    _search("LDAPS, indexed search, 16 × 16", "eq_sel", 16, 16, 3, is_tls=True),
    _dump("dump of all entries", "dump_all", 3),
    _dump("dump of three attributes", "dump_some", 3),
    _search("USN tail of 20", "usn_tail", 16, 1, 4, grows=True),
    _search("prefix search", "prefix", 16, 1, 4, grows=True),
    _search("infix search", "infix", 1, 1, 0.5, grows=True),
    _search("compare, 16 connections", "compare", 16, 1, unit="compares/s"),
)  # fmt: skip
