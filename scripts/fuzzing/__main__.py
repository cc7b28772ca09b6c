"""``scripts/fuzz``: list the targets, fuzz one, run a campaign, keep a small corpus, report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.fuzzing import record
from scripts.fuzzing.target import Target
from scripts.fuzzing.targets import NAMES, find_target

GOAL = 10_000_000
"""Executions of each parser that a campaign is for."""


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
    return _report()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="the targets and what they read")
    run = verbs.add_parser("run", help="fuzz one target, guided by coverage")
    run.add_argument("target", choices=NAMES, metavar="TARGET")
    run.add_argument("--executions", type=int, default=0, help="stop after so many; 0: never")
    run.add_argument("--seconds", type=int, default=60, help="stop after so many seconds")
    run.add_argument("--corpus", type=Path, help="folder of inputs to start from and to grow")
    campaign = verbs.add_parser("campaign", help="every target up to a number of executions")
    campaign.add_argument("target", nargs="*", choices=[*NAMES, []], metavar="TARGET")
    campaign.add_argument("--executions", type=int, default=GOAL)
    campaign.add_argument("--slice", type=int, default=120, help="seconds between two records")
    minimise = verbs.add_parser("minimise", help="campaign's corpus to fixtures/fuzz, made small")
    minimise.add_argument("target", nargs="*", choices=[*NAMES, []], metavar="TARGET")
    verbs.add_parser("report", help="what was recorded so far")
    return parser


def _list() -> int:
    for name in NAMES:
        print(f"{name:24} {find_target(name).reads}")
    return 0


def _run(target: Target, options: argparse.Namespace) -> int:
    from scripts.fuzzing.campaign import fuzz  # noqa: PLC0415 - "list" needs no atheris

    part = fuzz(
        target, executions=options.executions, seconds=options.seconds, corpus=options.corpus,
        quiet=False,
    )  # fmt: skip
    print(_line(part.run))
    for path in part.crashes:
        print(f"crash: {path}")
    return 1 if part.crashes else 0


def _campaign(options: argparse.Namespace) -> int:
    from scripts.fuzzing.campaign import campaign  # noqa: PLC0415

    failed = 0
    for part in campaign(options.executions, options.target or NAMES, slice_seconds=options.slice):
        print(_line(part.run), flush=True)
        if part.crashes or not part.run.executions:
            failed += 1
            print(part.report, file=sys.stderr, flush=True)
    return 1 if failed else 0


def _minimise(names: list[str] | tuple[str, ...]) -> int:
    from scripts.fuzzing.campaign import minimise  # noqa: PLC0415

    for name in names:
        inputs, octets = minimise(find_target(name))
        print(f"{name:24} {inputs:6} inputs {octets:9} bytes", flush=True)
    return 0


def _report() -> int:
    runs = record.read_record()
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
