"""The record of campaigns: every slice of fuzzing that was run, appended to one JSON file."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scripts.fuzzing.corpus import ROOT

PATH = ROOT / "fixtures" / "fuzz" / "campaign.json"
SCHEMA = "edgesync.fuzz/1"


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


def read_record(path: Path = PATH) -> dict[str, Run]:
    """What was run so far, by target."""
    if not path.exists():
        return {}
    document = json.loads(path.read_text("utf-8"))
    return {run["target"]: Run(**run) for run in document["runs"]}


def append(run: Run, path: Path = PATH) -> dict[str, Run]:
    """Add a slice to what is on disk, so that a campaign may end at any time."""
    runs = read_record(path)
    before = runs.get(run.target)
    runs[run.target] = run if before is None else before.joined(run)
    write_record(runs.values(), path)
    return runs


def write_record(runs: Iterable[Run], path: Path = PATH) -> None:
    """Write the whole record."""
    document = {
        "schema": SCHEMA,
        "made_with": f"atheris {_atheris()}, Python {platform.python_version()},"
        f" {platform.system()} {platform.machine()}",
        "runs": [asdict(run) for run in sorted(runs, key=lambda run: run.target)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    temporary.replace(path)


def _atheris() -> str:
    return version("atheris")


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
