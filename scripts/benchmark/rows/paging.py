"""A dump in pages against one in a piece: a page should go on where the last one stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from directory.model.messages import SearchRequest
from scripts.benchmark.bench import Bench
from scripts.benchmark.data import RECIPIENTS
from scripts.benchmark.reader import read_all
from scripts.benchmark.row import Contenders, NotHere, Row, Sample, at_least
from scripts.benchmark.servers import Server

PAGE = 1000
DUMP = SearchRequest(RECIPIENTS)


@contextmanager
def _paged(bench: Bench) -> Iterator[Contenders]:
    server = bench.ours()
    yield {
        "in pages": lambda: read_all(server, DUMP, PAGE),
        "unpaged": lambda: read_all(server, DUMP),
    }


@contextmanager
def _beside_slapd(bench: Bench) -> Iterator[Contenders]:
    def read(server: Server) -> Sample:
        return read_all(server, DUMP, PAGE)

    ours = bench.ours()
    found = {"edgesync": lambda: read(ours)}
    with suppress(NotHere):
        theirs = bench.slapd()
        found["slapd"] = lambda: read(theirs)
    yield found


ROWS = (
    Row("dump in pages of 1,000", "entries/s", _paged, at_least(0.8, times="unpaged"), grows=True),
    Row("dump in pages of 1,000, beside slapd", "entries/s", _beside_slapd),
)
