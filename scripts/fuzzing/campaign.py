"""Guided by coverage: one process, one target, one slice at a time; the record grows with each."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.fuzzing import record
from scripts.fuzzing.corpus import ROOT, crash_folder, inputs_in, working_folder
from scripts.fuzzing.target import Target
from scripts.fuzzing.targets import NAMES, find_target

INPUT_SECONDS_MAX = 60
"""Time by the clock that one input of at most a few kilobytes may take before it counts as a crash:
long, because a campaign is the machine's last concern; ``bounds`` measures CPU."""

MEMORY_MB_MAX = 1024
"""Memory of the process, all inputs and the corpus together, before it counts as a crash."""

SLICE_SECONDS = 120
"""How long one target is fuzzed before its figures are written down."""

_SHOWN = re.compile(r"cov: (\d+)")
_COUNTED = re.compile(r"^#(\d+)\t", re.MULTILINE)
_STATISTIC = re.compile(r"stat::(\w+):\s+(\d+)")


@dataclass(frozen=True)
class Slice:
    """One process's work: figures for the record, and the inputs that broke a promise."""

    run: record.Run
    crashes: tuple[Path, ...]
    report: str
    """What the process said of the crash; empty without one."""


def fuzz(
    target: Target,
    *,
    executions: int = 0,
    seconds: int = SLICE_SECONDS,
    corpus: Path | None = None,
    quiet: bool = True,
) -> Slice:
    """Fuzz one target until so many inputs (0: any number) or so many seconds are over."""
    folder = corpus or working_folder(target)
    crashes = crash_folder(target)
    known = set(crashes.iterdir())
    commit = record.commit()
    with tempfile.TemporaryDirectory() as scratch:
        words = Path(scratch) / "words"
        words.write_text("".join(f"{_quoted(word)}\n" for word in target.words))
        options = [
            f"-runs={executions or -1}", f"-max_total_time={seconds}",
            f"-max_len={target.size_max}", f"-timeout={INPUT_SECONDS_MAX}",
            f"-rss_limit_mb={MEMORY_MB_MAX}", f"-artifact_prefix={crashes}/",
            "-print_final_stats=1", "-reload=0", *([f"-dict={words}"] if target.words else ()),
        ]  # fmt: skip
        said = _guided(target, [*options, str(folder)], quiet=quiet)
    figures = {name: int(number) for name, number in _STATISTIC.findall(said)}
    found = tuple(sorted(set(crashes.iterdir()) - known))
    # a process that was ended from outside has said no last word, but how far it was
    counted = max((int(n) for n in _COUNTED.findall(said)), default=0)
    done = figures.get("number_of_executed_units", counted)
    rate = figures.get("average_exec_per_sec", 0)
    run = record.Run(
        target.name, done, round(done / rate, 1) if rate else float(seconds),
        max((int(n) for n in _SHOWN.findall(said)), default=0), len(inputs_in(folder)),
        figures.get("peak_rss_mb", 0), figures.get("slowest_unit_time_sec", 0), len(found),
        commit, record.today(),
    )  # fmt: skip
    return Slice(run, found, _of_crash(said) if found else "")


def _of_crash(said: str) -> str:
    """Python's traceback, or libFuzzer's words where time or memory ran out."""
    _, mark, report = said.partition(" === Uncaught Python exception: ===")
    return report.partition("==")[0].strip() if mark else said[-2000:]


def campaign(
    goal: int,
    names: Sequence[str] = NAMES,
    *,
    slice_seconds: int = SLICE_SECONDS,
    seconds: int = 0,
) -> Iterator[Slice]:
    """Slices, target by target, until each has its number of executions in the record.

    ``seconds`` is the most that is spent on each target this time; 0: what it takes. A target that
    crashed is left for another campaign: the same input would end the next slice.
    """
    for name in names:
        target, spent = find_target(name), 0.0
        while (done := _executions(name)) < goal and (not seconds or spent < seconds):
            length = min(slice_seconds, int(seconds - spent) + 1) if seconds else slice_seconds
            part = fuzz(target, executions=goal - done, seconds=length)
            spent += max(part.run.seconds, 1.0)
            record.append(part.run)
            yield part
            if part.crashes or not part.run.executions:
                break


def _executions(name: str) -> int:
    run = record.current().get(name)
    return run.executions if run else 0


def _guided(target: Target, options: Sequence[str], *, quiet: bool = True) -> str:
    """Run the process under atheris; what it said."""
    command = [sys.executable, "-m", "scripts.fuzzing.guided", target.name, *options]
    said: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if not quiet:
                sys.stderr.write(line)
    return "".join(said)


def _quoted(word: bytes) -> str:
    return '"' + "".join(f"\\x{octet:02x}" for octet in word) + '"'
