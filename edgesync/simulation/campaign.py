"""Many seeds on many processes, their results in one SQLite file, the first failure shrunk."""

from __future__ import annotations

import json
import sqlite3
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from edgesync.simulation.coverage import Met, coverage
from edgesync.simulation.perform import Perform
from edgesync.simulation.play import play
from edgesync.simulation.scenario import Scenario
from edgesync.simulation.shrink import shrink
from edgesync.simulation.world import world

SEEDS_MAX = 1_000_000
"""Most seeds of one campaign."""

AHEAD = 4
"""Worlds handed out per worker: enough to keep it busy, few enough to stop soon."""

BROKEN = "exception"
"""Checker's name for a play that ended with an exception nobody expected."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one seed."""

    seed: int
    trace_hash: str
    checker: str
    """Empty when everything held."""
    detail: str
    steps: int
    events: int
    virtual_s: float
    met: str = "{}"
    """Kinds of steps and strikes with their counts, as JSON (``edgesync.simulation.coverage``)."""

    @property
    def failed(self) -> bool:
        """Whether something did not hold."""
        return bool(self.checker)

    @property
    def replay(self) -> str:
        """The command that shows it again."""
        return f"edgesync simulate replay {self.seed}"


def play_seed(seed: int, perform: Perform) -> Result:
    """Play one seed's world; what breaks the play itself is a result too."""
    return judge(world(seed), perform)


def judge(scenario: Scenario, perform: Perform) -> Result:
    """Play a scenario and keep its first failure."""
    seed = scenario.seed
    try:
        played = play(scenario, perform)
    except Exception as error:  # noqa: BLE001 - a bug of any kind is what a campaign looks for
        frames = traceback.extract_tb(error.__traceback__)
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        detail = f"{type(error).__name__} at {where}: {error}"
        return Result(seed, "", BROKEN, detail, len(scenario.steps), 0, 0.0)
    first = played.failures[0] if played.failures else None
    return Result(
        seed, played.trace.hash, first.checker if first else "",
        f"step {first.step}: {first.detail}" if first else "",
        len(scenario.steps), played.events,
        (played.ended_at - played.started_at).total_seconds(),
        json.dumps(played.met, sort_keys=True),
    )  # fmt: skip


def run_campaign(
    seeds: Iterable[int],
    task: Callable[[int], Result],
    executor: Executor,
    workers: int,
    progress: Callable[[Mapping[str, Any]], None] = lambda _step: None,
) -> Iterator[Result]:
    """Results as they come; never more than a few worlds per worker are under way."""
    waiting: set[Future[Result]] = set()
    left, done, failed = iter(seeds), 0, 0
    exhausted = False
    while waiting or not exhausted:
        while not exhausted and len(waiting) < workers * AHEAD:
            seed = next(left, None)
            if seed is None:
                exhausted = True
            else:
                waiting.add(executor.submit(task, seed))
        if not waiting:
            return
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in sorted(finished, key=lambda future: future.result().seed):
            result = future.result()
            done, failed = done + 1, failed + result.failed
            progress({"phase": "campaign", "done": done, "failed": failed, "seed": result.seed})
            yield result


def shortest(result: Result, perform: Perform) -> Scenario:
    """A failing seed's story, shrunk to what the same checker still fails on."""

    def still_fails(scenario: Scenario) -> bool:
        return judge(scenario, perform).checker == result.checker

    return shrink(world(result.seed), still_fails)


def coverage_of(results: Iterable[Result]) -> list[Met]:
    """What the worlds of a campaign met."""
    return list(coverage(json.loads(result.met) for result in results))


class ResultFile:
    """Results of campaigns in one SQLite file: one row per seed, the latest."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._open()) as db, db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS result (seed INTEGER PRIMARY KEY, trace_hash TEXT, "
                "checker TEXT, detail TEXT, steps INTEGER, events INTEGER, virtual_s REAL, "
                "met TEXT DEFAULT '{}') STRICT"
            )
            if "met" not in {row[1] for row in db.execute("PRAGMA table_info(result)")}:
                db.execute("ALTER TABLE result ADD COLUMN met TEXT DEFAULT '{}'")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path)

    def keep(self, results: Iterable[Result]) -> None:
        """Write results."""
        rows = [astuple(result) for result in results]
        with closing(self._open()) as db, db:
            db.executemany("INSERT OR REPLACE INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def results(self) -> list[Result]:
        """Everything kept, by seed."""
        with closing(self._open()) as db:
            return [Result(*row) for row in db.execute("SELECT * FROM result ORDER BY seed")]
