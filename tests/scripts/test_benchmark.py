"""The bench counts what happened, compares fairly, and writes the page that is checked in."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from directory.build import COMPILED, PLAIN
from directory.model.dn import DN
from directory.model.filter import Equality
from directory.model.messages import CompareRequest, DeleteRequest, Request, SearchRequest
from scripts.benchmark import document
from scripts.benchmark.__main__ import keep
from scripts.benchmark.chart import Chart, draw
from scripts.benchmark.data import read_requests, write_requests
from scripts.benchmark.load import Load, LoadResult, OwnClient
from scripts.benchmark.result import line, result
from scripts.benchmark.row import Row, Sample, Target, at_least, at_most
from scripts.benchmark.rows import all_rows
from tests.support.agents import DictAgent, person
from tests.support.listener import serve

SUFFIX = DN.parse("dc=test")


def _loaded(folder: Path, requests: Sequence[Request], connections: int, depth: int,
            *, in_order: bool = True) -> tuple[LoadResult, DictAgent]:  # fmt: skip
    path = folder / "some.req"
    write_requests(path, requests)
    agent = DictAgent([person(number) for number in range(7)])
    with serve(agent) as server:
        load = Load(port=server.address[1], requests=path, connections=connections, depth=depth,
                    seconds=5, in_order=in_order, bind_dn="cn=x", password="x",
                    at_most=len(requests))  # fmt: skip
        return OwnClient().run(load), agent


@pytest.mark.parametrize(("connections", "depth"), [(1, 1), (3, 4)])
def test_our_client_counts_answers_and_their_entries(
    tmp_path: Path, connections: int, depth: int
) -> None:
    one = SearchRequest(SUFFIX, filter=Equality("cn", b"Person 00003"))
    counted, agent = _loaded(tmp_path, [one, SearchRequest(SUFFIX)] * 20, connections, depth)
    assert counted.operations == 40
    assert counted.entries == 20 * (1 + 7)
    assert counted.errors == 0
    assert 0 < counted.p50_us <= counted.p99_us
    assert [type(request) for request, _ in agent.seen].count(SearchRequest) == 40


def test_our_client_counts_refusals_as_errors_and_no_compare_that_is_true(tmp_path: Path) -> None:
    name = person(1).dn
    requests: list[Request] = [CompareRequest(name, "cn", person(1).values("cn")[0]),
                DeleteRequest(DN.parse("cn=nobody,dc=test"))] * 5  # fmt: skip
    counted, _ = _loaded(tmp_path, requests, 1, 2)
    assert (counted.operations, counted.errors) == (10, 5)


def test_request_files_hold_what_was_written(tmp_path: Path) -> None:
    requests: list[Request] = [DeleteRequest(SUFFIX), SearchRequest(SUFFIX)]
    write_requests(tmp_path / "r", requests)
    assert [operation[0] for operation in read_requests(tmp_path / "r")] == [0x4A, 0x63]


@contextmanager
def _nothing(_: Any) -> Any:
    yield {}


def _row(target: Target | None = None) -> Row:
    return Row("a row", "things/s", _nothing, target)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    rounds = [{"edgesync": Sample(ours, cpu_us=2.0), "slapd": Sample(theirs, cpu_us=8.0)}
              for ours, theirs in ((10, 1), (20, 10), (300, 100))]  # fmt: skip
    found = result(_row(at_least(3, times="slapd")), 1000, rounds)
    assert (found["ratio"], found["met"], found["cpu_ratio"]) == (3, True, 4)
    assert found["contenders"]["slapd"]["figure"] == 10
    assert "a row" in line(found)


@pytest.mark.parametrize(
    ("target", "met"),
    [(at_least(5), True), (at_least(6), False), (at_most(5), True), (at_most(4), False),
     (at_least(1, times="slapd"), None)],
)  # fmt: skip
def test_a_target_is_met_missed_or_not_compared(target: Target, met: bool | None) -> None:
    assert result(_row(target), 1, [{"edgesync": Sample(5)}])["met"] is met


def test_results_of_other_rows_sizes_and_builds_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for row, entries, build, figure in (
        ("a", 1, PLAIN, 1), ("b", 1, PLAIN, 2), ("a", 2, PLAIN, 3), ("a", 1, COMPILED, 5),
        ("a", 1, PLAIN, 4),
    ):  # fmt: skip
        machine = {"build": build}
        keep(path, {"row": row, "entries": entries, "figure": figure, "machine": machine})
    found = json.loads(path.read_text())["results"]
    assert [(r["row"], r["entries"], r["figure"]) for r in found] == [
        ("a", 1, 5), ("a", 1, 4), ("a", 2, 3), ("b", 1, 2),
    ]  # fmt: skip


def test_a_chart_has_every_point_and_is_xml() -> None:
    points = [(1000.0, 5.0), (10_000.0, 0.0), (100_000.0, 7000.0)]
    charts = [Chart("cost < limit & more", "µs", {"edgesync": points, "slapd": points[:2]})] * 4
    root = ET.fromstring(draw(charts))
    circles = root.iter("{http://www.w3.org/2000/svg}circle")
    assert len(list(circles)) == 4 * 5


def test_the_page_of_figures_is_written_from_the_figures() -> None:
    for path, content in document.documents().items():
        assert path.read_text(encoding="utf-8") == content, f"{path}: run scripts/bench --document"


TARGETS = [
    ("indexed search, one at a time", "≥ 2 ×"), ("indexed search, 16 connections", "≥ 2 ×"),
    ("indexed search, 32 in flight", "≥ 6 ×"), ("indexed search, 16 × 16", "≥ 5 ×"),
    ("LDAPS, indexed search, one at a time", "≥ 1.5 ×"),
    ("LDAPS, indexed search, 16 × 16", "≥ 3 ×"), ("dump of all entries", "≥ 3 ×"),
    ("USN tail of 20", "≥ 4 ×"), ("prefix search", "≥ 4 ×"), ("infix search", "≥ 0.5 ×"),
    ("90 % search and 10 % modify, 16 × 16", "≥ 3 ×"),
    ("add without fsync, 16 × 16", "≥ 3 ×"), ("add with fsync, one at a time", "≥ 2 ×"),
    ("add with fsync, 16 × 16", "≥ 20 ×"), ("modify without fsync, 16 × 16", "≥ 4 ×"),
    ("modify with fsync, 16 × 16", "≥ 20 ×"),
    ("simple bind, scrypt and Argon2, 16 connections", "≥ 1 ×"),
    ("dump in pages of 1,000", "≥ 0.8 ×"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "target"), TARGETS)
def test_what_speed_was_promised_on_the_wire_is_measured(name: str, target: str) -> None:
    found = {row.name: row for row in all_rows()}
    assert str(found[name].target) == target
