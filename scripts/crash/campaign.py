"""Many kills: every write boundary first, then random moments; each one judged."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.crash.content import command, drafts, half_written, known
from scripts.crash.victim import Boundary, Ended, count, kill_at, refuse_from, run
from scripts.crash.workloads import Workload, copy_case

RANDOM_SHARE = 5
"""One kill in so many comes at a random moment, however many boundaries there are."""

TRIES = 5
"""How often a boundary is tried that a victim did not come to."""

REFUSED = {
    "pwrite64": "ENOSPC", "fsync": "EIO", "fdatasync": "EIO",
    "ftruncate": "EIO", "mkdir": "EROFS", "rename": "EROFS", "sendfile": "ENOSPC",
}  # fmt: skip
"""How a full, failing or read-only disk answers each call."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A kill that left something wrong."""

    workload: str
    moment: str
    complaint: str


@dataclass(slots=True)
class Tally:
    """What became of one workload's victims."""

    boundaries: int = 0
    at_boundaries: int = 0
    reached: list[str] = field(default_factory=list)
    """Boundaries at which the signal, or the refusal, found the command alive."""
    at_random: int = 0
    came_late: int = 0
    """Victims that were done before the signal came: judged all the same."""
    took_s: float = 0.0
    failures: list[Failure] = field(default_factory=list)


class Course:
    """One workload with its folders: the case it starts from and the one nobody disturbed."""

    def __init__(self, workload: Workload, folder: Path) -> None:
        self.workload = workload
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._start, self._whole = folder / "start", folder / "whole"
        for path in (self._start, self._whole):
            shutil.rmtree(path, ignore_errors=True)
        self._start.mkdir()
        prepared = run(lambda: _done(workload.prepare, self._start), folder)
        if prepared.code:
            raise RuntimeError(f"{workload.name} cannot be prepared: {prepared.said}")
        copy_case(self._start, self._whole)
        ended = run(lambda: workload.act(self._whole), folder)
        if ended.code:
            raise RuntimeError(f"{workload.name} fails by itself: {ended.said}")
        self.took_s = 0.0
        self.boundaries: list[Boundary] = []
        for lab in (self._start / "lab", self._whole / "lab", self._start / "lab/snapshots/before"):
            for volatile in (False, True):
                if (lab / "lab.json").exists():
                    known(lab, volatile=volatile)

    def watch(self) -> None:
        """Note the writes of the command, and how long it takes.

        Only once all courses are made: each may import more, here or as compiled files, and what
        is imported already is not opened by a victim.
        """
        case = copy_case(self._start, self._folder / "case")
        self.took_s = run(lambda: self.workload.act(case), self._folder).took_s
        copy_case(self._start, case)
        ended, self.boundaries = count(lambda: self.workload.act(case), self._folder)
        if ended.code:
            raise RuntimeError(f"{self.workload.name} fails when watched: {ended.said}")

    def kill(self, moment: Boundary | float) -> tuple[Ended, list[str]]:
        """Kill it there; what was wrong afterwards.

        How often a command writes is not the same each time: one that was done with fewer writes
        than that is given another chance to reach it.
        """
        case = self._folder / "case"
        for _ in range(TRIES):
            copy_case(self._start, case)
            ended = self._victim(case, moment)
            if ended.was_killed or not isinstance(moment, Boundary):
                break
        return ended, self._judged(case)

    def _victim(self, case: Path, moment: Boundary | float) -> Ended:
        def work() -> int:
            return self.workload.act(case)

        if isinstance(moment, Boundary):
            return kill_at(work, self._folder, moment)
        return run(work, self._folder, kill_after_s=moment)

    def refuse(self, boundary: Boundary) -> tuple[Ended, list[str]]:
        """Let the disk refuse from there on, then be well again; what was wrong afterwards."""
        case = copy_case(self._start, self._folder / "case")
        error = REFUSED[boundary.call]
        ended = refuse_from(lambda: self.workload.act(case), self._folder, boundary, error)
        wrong = []
        if ended.code and not {"error:", "hint:"} <= set(ended.said.split()):
            wrong.append(f"ended with {ended.code} and said {ended.said[-600:]!r}")
        if "this is a fault of the tool" in ended.said or "Traceback" in ended.said:
            wrong.append(f"blamed itself: {ended.said[-600:]!r}")
        return ended, wrong + self._judged(case)

    def _judged(self, case: Path) -> list[str]:
        verdict = run(lambda: self._judge(case), self._folder)
        lines = [line for line in verdict.said.splitlines() if line.startswith("WRONG ")]
        if verdict.code and not lines:
            lines = [f"WRONG the judge ended with {verdict.code}: {verdict.said[-900:]}"]
        return [line.removeprefix("WRONG ") for line in lines]

    def _judge(self, case: Path) -> int:
        wrong = False
        for complaint in self._complaints(case):
            wrong = True
            print("WRONG", complaint.replace("\n", " | "), flush=True)
        return int(wrong)

    def _complaints(self, case: Path) -> Iterator[str]:
        work, lab = self.workload, case / "lab"
        yield from half_written(case)
        if work.opens:
            code, said = command("directory", "verify", "--lab", str(lab))
            if code:
                yield f"directory verify ended with {code}: {said[-400:]}"
                return
        yield from work.survived(case, self._start)
        yield from work.go_on(case, self._whole)
        code, said = command("directory", "verify", "--lab", str(lab))
        if code:
            yield f"directory verify at the end: {code}: {said[-400:]}"
        yield from drafts(case)


def every(courses: list[Course], calls: Collection[str]) -> list[tuple[Course, Boundary | float]]:
    """Each write of each command once, or each of these calls; nothing at random."""
    return [
        (course, boundary)
        for course in courses
        for boundary in course.boundaries
        if not calls or boundary.call in calls
    ]


def _done(prepare: Callable[[Path], None], case: Path) -> int:
    prepare(case)
    return 0


def moments(courses: list[Course], kills: int, chance: random.Random) -> list[
    tuple[Course, Boundary | float]
]:  # fmt: skip
    """Whom to kill when: all boundaries if there are kills enough, a sample otherwise."""
    every: list[tuple[Course, Boundary | float]] = [
        (course, boundary)
        for course in courses
        for boundary in course.boundaries[:: course.workload.one_in]
    ]
    at_random = max(kills // RANDOM_SHARE, kills - len(every))
    chosen = chance.sample(every, min(kills - at_random, len(every)))
    chosen += random_moments(courses, at_random, chance)
    order = {course.workload.name: index for index, course in enumerate(courses)}
    return sorted(chosen, key=lambda item: order[item[0].workload.name])


def random_moments(courses: list[Course], kills: int, chance: random.Random) -> list[
    tuple[Course, Boundary | float]
]:  # fmt: skip
    """Each command in its turn, at a moment between its beginning and a little after its end."""
    turns = (courses[number % len(courses)] for number in range(kills))
    return [(course, round(chance.uniform(0.0, course.took_s * 1.1), 4)) for course in turns]
