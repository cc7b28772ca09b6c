"""The trust matrix as pages show it: rows verify, columns are verified."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from directory.clock import SystemClock
from edgesync.console.asking import Answer
from edgesync.console.calls import Caller, request_of
from edgesync.lab.folder import fork_lab
from edgesync.lab.lab import Lab
from edgesync.planning.all_paths import PathTester
from edgesync.planning.paths import HUB_HUB, questions

FRESH_S = 4.0
"""How long one matrix serves several pages: making it opens a connection for each cell."""

PATHS = ("smtp", "ldaps")
"""Where direct trust is used: one table each."""

ALL_PATHS = "all"
"""The page of every path."""

PATHS_ASKED_MAX = 250
"""Most paths one page tries: some ten seconds of handshakes."""


@dataclass(frozen=True, slots=True)
class TrustTable:
    """One path's cells by verifier and peer."""

    path: str
    verifiers: tuple[str, ...]
    peers: tuple[str, ...]
    cells: Mapping[tuple[str, str], Mapping[str, Any]]
    bad: int
    applicable: int


def trust_table(cells: Iterable[Mapping[str, Any]], path: str) -> TrustTable:
    """Arrange the cells of one path; servers that take no part are left out."""
    judged = [c for c in cells if c["path"] == path]
    applicable = [c for c in judged if c["verdict"] != "not_applicable"]
    return TrustTable(
        path,
        tuple(dict.fromkeys(c["verifier"] for c in applicable)),
        tuple(sorted({c["peer"] for c in applicable})),
        {(c["verifier"], c["peer"]): c for c in judged},
        sum(c["verdict"] != "trusted" for c in applicable),
        len(applicable),
    )


def matrix_answer(request: Request) -> Answer:
    """The matrix, at most a few seconds old, asked of a fork.

    Servers log what they see in a handshake. A page that is only looked at must not fill their
    logs, so the handshakes are made between the servers of a copy.
    """
    state = request.app.state
    now = SystemClock().monotonic()
    kept: tuple[float, int, Answer] | None = getattr(state, "matrix", None)
    version = state.caller.changes
    if kept is not None and kept[1] == version and now - kept[0] < FRESH_S:
        return kept[2]
    asked = request_of("trust.matrix", {})
    lab: Lab = state.lab
    with state.caller.looking(), lab.exclusive:
        twin = fork_lab(lab)
    try:
        answer = Answer(Caller(twin).run(asked), asked.command_line, asked.operation)
    finally:
        twin.close()
    state.matrix = (now, version, answer)
    return answer


@dataclass(frozen=True, slots=True)
class PathTable:
    """Rows of paths as they went, and how many were left out."""

    rows: tuple[Mapping[str, Any], ...]
    left_out: int


def path_table(request: Request, words: Collection[str]) -> PathTable:
    """Every path with one of these words, tried between the servers of a copy, as the matrix is.

    Of too many, those between Hubs are left out first.
    """
    state = request.app.state
    now, version = SystemClock().monotonic(), state.caller.changes
    tables: dict[Collection[str], tuple[float, int, PathTable]] = getattr(state, "paths", {})
    kept = tables.get(words)
    if kept is not None and kept[1] == version and now - kept[0] < FRESH_S:
        return kept[2]
    lab: Lab = state.lab
    with lab.exclusive:
        twin = fork_lab(lab)
    try:
        asked = [question for question in questions(twin) if question.path in words]
        if len(asked) > PATHS_ASKED_MAX:
            asked.sort(key=lambda question: question.path == HUB_HUB)
        tester = PathTester(twin, SystemClock())
        rows = tuple(tester.ask(question).document() for question in asked[:PATHS_ASKED_MAX])
    finally:
        twin.close()
    table = PathTable(rows, max(0, len(asked) - PATHS_ASKED_MAX))
    state.paths = {**tables, words: (now, version, table)}
    return table
