"""The record of campaigns: every slice of fuzzing that was run, added up in one JSON file.

A campaign writes beside its corpus; ``keep`` puts the record into the repository, from where
docs/fuzzing.md is made.
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scripts.fuzzing import corpus
from scripts.fuzzing.bounds import Cost
from scripts.fuzzing.corpus import KEPT, ROOT

RECORD = KEPT / "campaign.json"
COSTS = KEPT / "costs.json"
SCHEMA = "edgesync.fuzz/1"

GOAL = 10_000_000
"""Executions of each target that a campaign is for."""


@dataclass(frozen=True)
class Run:
    """What coverage-guided fuzzing of one target came to, over one or more slices."""

    target: str
    executions: int
    seconds: float
    coverage: int
    """Edges of the parser's code that were reached, as atheris counts them."""
    corpus: int
    """Inputs that reached something new."""
    peak_mb: int
    """Most memory of the process, MB."""
    slowest_s: int
    """Slowest input, whole seconds, as libFuzzer gives it."""
    crashes: int
    commit: str = ""
    """The last commit fuzzed; earlier slices were of earlier ones."""
    on: str = ""

    def joined(self, later: Run) -> Run:
        """This run and a later one of the same target as one."""
        return Run(
            self.target, self.executions + later.executions,
            round(self.seconds + later.seconds, 1), max(self.coverage, later.coverage),
            later.corpus, max(self.peak_mb, later.peak_mb), max(self.slowest_s, later.slowest_s),
            self.crashes + later.crashes, later.commit, later.on,
        )  # fmt: skip


def running() -> Path:
    """The record of the campaign under way; it goes on from the one in the repository."""
    return corpus.WORKING / "campaign.json"


def read_record(path: Path) -> dict[str, Run]:
    """What was run so far, by target."""
    if not path.exists():
        return {}
    document = json.loads(path.read_text("utf-8"))
    return {run["target"]: Run(**run) for run in document["runs"]}


def current() -> dict[str, Run]:
    """The record of the campaign under way, or the repository's where there is none."""
    return read_record(running()) or read_record(RECORD)


def append(run: Run) -> None:
    """Add a slice to what is on disk, so that a campaign may end at any time.

    Campaigns of different targets may run side by side: they add one after the other.
    """
    import fcntl  # noqa: PLC0415 - campaigns are for Linux, reading the record is not

    corpus.WORKING.mkdir(exist_ok=True)
    with (corpus.WORKING / "campaign.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        runs = current()
        before = runs.get(run.target)
        runs[run.target] = run if before is None else before.joined(run)
        write_record(runs.values(), running())


def write_record(runs: Iterable[Run], path: Path) -> None:
    """Write a whole record."""
    document = {
        "schema": SCHEMA,
        "made_with": f"atheris {version('atheris')}, {_machine()}",
        "runs": [asdict(run) for run in sorted(runs, key=lambda run: run.target)],
    }
    _write(document, path)


def write_costs(costs: Iterable[Cost]) -> None:
    """Keep what hostile inputs cost on this machine."""
    document = {"schema": "edgesync.fuzz-costs/1", "made_with": _machine(),
                "costs": [asdict(cost) for cost in costs]}  # fmt: skip
    _write(document, COSTS)


def read_costs() -> list[Cost]:
    """What hostile inputs cost when they were last measured."""
    if not COSTS.exists():
        return []
    return [Cost(**cost) for cost in json.loads(COSTS.read_text("utf-8"))["costs"]]


def _write(document: Mapping[str, object], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    temporary.replace(path)


def _machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"


def commit() -> str:
    """The commit that is checked out, short; with a plus sign when files differ from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True,
                              check=False).stdout.strip()  # fmt: skip

    changed = git("status", "--porcelain", "--untracked-files=no", "directory", "edgesync")
    return git("rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def today() -> str:
    """The day, in UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d")
