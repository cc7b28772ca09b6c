"""``python -m scripts.crash``: kill commands at their writes and at random, judge what is left.

    python -m scripts.crash [--kills 1000] [--every | --random] [--seed 12] [--work NAME]...
                            [--call NAME]... [--refuse] [--json FILE]

Prints a table on stdout and progress on stderr; exit code 3 when a kill left something wrong.
Most kills come at writes and some at random. ``--every`` kills at each write of each command once
and at no other moment, ``--random`` at no write in particular. ``--refuse`` does not kill: from
each chosen boundary on the disk is full, fails or is read-only.
Needs strace, and Linux.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

# what commands import when they run: here once, so that every victim starts with it
import edgesync.cli.build
import edgesync.cli.invoke
import edgesync.operations.cert
import edgesync.operations.directory
import edgesync.operations.lab
import edgesync.operations.subscription
import edgesync.operations.sync
import edgesync.operations.trust
import edgesync.planning.matrix
import edgesync.sync.history  # noqa: F401 - see above
from scripts.crash.campaign import REFUSED, Course, Failure, Tally, every, moments, random_moments
from scripts.crash.content import command
from scripts.crash.victim import CALLS, Boundary
from scripts.crash.workloads import WORKLOADS

SCHEMA = "edgesync.crash-campaign/1"
PROGRESS_EVERY = 50


def main() -> int:
    """Parse, kill, tell."""
    options = argparse.ArgumentParser(prog="python -m scripts.crash", description=__doc__)
    options.add_argument("--kills", type=int, default=1000)
    when = options.add_mutually_exclusive_group()
    when.add_argument("--every", action="store_true", help="at every write, none at random")
    when.add_argument("--random", action="store_true", help="all at random")
    options.add_argument("--call", action="append", choices=CALLS, default=[],
                         help="with --every: only these system calls")  # fmt: skip
    options.add_argument("--seed", type=int, default=12)
    names = [workload.name for workload in WORKLOADS]
    options.add_argument("--work", action="append", choices=names, default=[])
    options.add_argument("--refuse", action="store_true", help="a full disk instead of a kill")
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    chosen = [w for w in WORKLOADS if not given.work or w.name in given.work]
    with tempfile.TemporaryDirectory(prefix="edgesync-crash-") as folder:
        command("directory", "verify", "--lab", folder)  # there is none: for what it imports
        courses = [Course(workload, Path(folder) / workload.name) for workload in chosen]
        for course in courses:
            course.watch()
        tallies = {c.workload.name: Tally(len(c.boundaries), took_s=c.took_s) for c in courses}
        plan = _plan(courses, given)
        for number, (course, moment) in enumerate(plan, 1):
            _one(course, moment, tallies[course.workload.name], refuse=given.refuse)
            if number % PROGRESS_EVERY == 0 or number == len(plan):
                wrong = sum(len(tally.failures) for tally in tallies.values())
                print(f"{number} of {len(plan)}, {wrong} wrong", file=sys.stderr, flush=True)
                _keep(given, tallies, planned=len(plan), judged=number)
    _tell(tallies, given.seed)
    return 3 if any(tally.failures for tally in tallies.values()) else 0


def _plan(
    courses: list[Course], given: argparse.Namespace
) -> list[tuple[Course, Boundary | float]]:
    chance = random.Random(given.seed)
    if given.every:
        plan = every(courses, given.call)
    elif given.random:
        plan = random_moments(courses, given.kills, chance)
    else:
        plan = moments(courses, given.kills, chance)
    if given.refuse:
        return [(c, m) for c, m in plan if isinstance(m, Boundary) and m.call in REFUSED]
    return plan


def _keep(given: argparse.Namespace, tallies: dict[str, Tally], **counts: int) -> None:
    """Write down how far it is, so that a campaign that is stopped has told what it saw."""
    if given.json:
        document = {
            "schema": SCHEMA, "seed": given.seed, "every": given.every, "refused": given.refuse,
            **counts, "workloads": {name: asdict(tally) for name, tally in tallies.items()},
        }  # fmt: skip
        given.json.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def _one(course: Course, moment: Boundary | float, tally: Tally, *, refuse: bool) -> None:
    if refuse:
        assert isinstance(moment, Boundary)
        ended, wrong = course.refuse(moment)
    else:
        ended, wrong = course.kill(moment)
    if isinstance(moment, Boundary):
        tally.at_boundaries += 1
        if refuse or ended.was_killed:
            tally.reached.append(str(moment))
    else:
        tally.at_random += 1
    tally.came_late += not (ended.was_killed or refuse)
    when = str(moment) if isinstance(moment, Boundary) else f"after {moment} s"
    for complaint in wrong:
        failure = Failure(course.workload.name, when, complaint)
        tally.failures.append(failure)
        print(f"WRONG {failure.workload} at {when}: {complaint}", file=sys.stderr, flush=True)


def _tell(tallies: dict[str, Tally], seed: int) -> None:
    print(f"seed {seed}")
    words = ("writes", "tried", "reached", "at random", "wrong")
    print(f"{'command':10}", *(f"{word:>9}" for word in words))
    rows = [
        (name, t.boundaries, t.at_boundaries, len(t.reached), t.at_random, len(t.failures))
        for name, t in tallies.items()
    ]
    total = ("all", *(sum(int(row[n]) for row in rows) for n in range(1, 6)))
    for name, *numbers in (*rows, total):
        print(f"{name:10}", *(f"{number:9}" for number in numbers))


if __name__ == "__main__":
    sys.exit(main())
