"""``scripts/fuzz``: list the targets, fuzz one, run a campaign, minimise, measure, report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.fuzzing import record
from scripts.fuzzing.bounds import FACTOR, measure
from scripts.fuzzing.campaign import campaign, fuzz
from scripts.fuzzing.minimise import minimise
from scripts.fuzzing.target import Target
from scripts.fuzzing.targets import NAMES, find_target


def main() -> int:
    """Parse the words and do it."""
    options = _parser().parse_args()
    match options.verb:
        case "list":
            return _list()
        case "run":
            return _run(find_target(options.target), options)
        case "campaign":
            return _campaign(options)
        case "minimise":
            return _minimise(options.target or NAMES)
        case "bounds":
            return _bounds(options)
    return _report(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="the targets and what they read")
    run = verbs.add_parser("run", help="fuzz one target, guided by coverage")
    run.add_argument("target", choices=NAMES, metavar="TARGET")
    run.add_argument("--executions", type=int, default=0, help="stop after so many; 0: never")
    run.add_argument("--seconds", type=int, default=60, help="stop after so many seconds")
    run.add_argument("--corpus", type=Path, help="folder of inputs to start from and to grow")
    many = verbs.add_parser("campaign", help="every target up to a number of executions")
    many.add_argument("target", nargs="*", choices=[*NAMES, []], metavar="TARGET")
    many.add_argument("--executions", type=int, default=record.GOAL)
    many.add_argument("--seconds", type=int, default=0, help="most for each target; 0: any")
    many.add_argument("--slice", type=int, default=120, help="seconds between two records")
    small = verbs.add_parser("minimise", help="campaign's corpus to fixtures/fuzz, made small")
    small.add_argument("target", nargs="*", choices=[*NAMES, []], metavar="TARGET")
    bounds = verbs.add_parser("bounds", help="CPU and memory of hostile inputs")
    bounds.add_argument("target", nargs="*", choices=[*NAMES, []], metavar="TARGET")
    bounds.add_argument("--keep", action="store_true", help="record them in fixtures/fuzz")
    report = verbs.add_parser("report", help="what was run so far")
    report.add_argument("--keep", action="store_true", help="record it in fixtures/fuzz")
    return parser


def _list() -> int:
    for name in NAMES:
        print(f"{name:24} {find_target(name).reads}")
    return 0


def _run(target: Target, options: argparse.Namespace) -> int:
    part = fuzz(
        target, executions=options.executions, seconds=options.seconds, corpus=options.corpus,
        quiet=False,
    )  # fmt: skip
    if options.corpus is None:  # another corpus is somebody's experiment
        record.append(part.run)
    print(_line(part.run))
    for path in part.crashes:
        print(f"crash: {path}")
    return 1 if part.crashes else 0


def _campaign(options: argparse.Namespace) -> int:
    failed = 0
    for part in campaign(
        options.executions,
        options.target or NAMES,
        slice_seconds=options.slice,
        seconds=options.seconds,
    ):
        print(_line(part.run), flush=True)
        if part.crashes or not part.run.executions:
            failed += 1
            print(part.report, file=sys.stderr, flush=True)
    return 1 if failed else 0


def _minimise(names: Sequence[str]) -> int:
    for name in names:
        inputs = minimise(find_target(name))
        print(f"{name:24} {len(inputs):6} inputs {sum(map(len, inputs)):9} bytes", flush=True)
    return 0


def _bounds(options: argparse.Namespace) -> int:
    costs = []
    for name in options.target or NAMES:
        for cost in measure(find_target(name)):
            costs.append(cost)
            print(
                f"{name:20} {cost.grower:34} {cost.cpu_us_per_byte:8.3f} us/byte,"
                f" x{cost.growth:5.2f} when {FACTOR} times as large,"
                f" {cost.memory_per_byte:8.1f} bytes/byte"
                f"{'' if cost.is_within else '  TOO MUCH'}",
                flush=True,
            )
    if options.keep:
        record.write_costs(costs)
    return 0 if all(cost.is_within for cost in costs) else 1


def _report(options: argparse.Namespace) -> int:
    runs = record.current()
    if options.keep:
        record.write_record(runs.values(), record.RECORD)
    for name in NAMES:
        print(_line(runs[name]) if name in runs else f"{name:24} not run")
    return 0


def _line(run: record.Run) -> str:
    rate = run.executions / run.seconds if run.seconds else 0
    return (
        f"{run.target:24} {run.executions:12,} executions {run.seconds:8.0f} s {rate:8,.0f}/s"
        f" cov {run.coverage:5} corpus {run.corpus:5} crashes {run.crashes}"
    )


if __name__ == "__main__":
    sys.exit(main())
