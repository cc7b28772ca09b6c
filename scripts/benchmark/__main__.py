"""Measure the rows asked for, show each as it comes, and write what they say."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from directory.build import PLAIN, running_build
from scripts.benchmark import document
from scripts.benchmark.bench import Bench
from scripts.benchmark.load import LdapLoad, LoadClient, OwnClient
from scripts.benchmark.machine import describe
from scripts.benchmark.result import HEAD, SCHEMA, is_plain, line, result
from scripts.benchmark.row import NotHere, Row, Sample
from scripts.benchmark.rows import all_rows
from scripts.compiled.build import CompileFailed, build, environment, is_current


def parse() -> argparse.Namespace:
    """The options."""
    options = argparse.ArgumentParser(
        prog="scripts/bench", description="Measure the product beside slapd and others."
    )
    add = options.add_argument
    add("--entries", default="10000", help="recipients; several sizes with commas between them")
    add("--rounds", type=int, default=5, help="each contender's turns (default: 5)")
    add("--seconds", type=float, default=1.0, help="how long a turn loads a server (default: 1)")
    add("--row", action="append", metavar="WORDS", help="only rows whose name contains this")
    add("--growth", action="store_true", help="only rows whose cost is plotted over entries")
    add("--nice", type=int, default=0, metavar="N",
        help="run all contenders at this priority, below 0 on a shared machine")  # fmt: skip
    add("--ldap-load", type=Path, metavar="FOLDER",
        help="load with lload.c of this folder instead of our own client")  # fmt: skip
    add("--json", type=Path, metavar="FILE",
        help="write the figures here; those of other rows and sizes there are kept")  # fmt: skip
    add("--build", default="plain", choices=["plain", "compiled"],
        help="run all of ours with the hot modules compiled, as scripts/compile does")  # fmt: skip
    add("--document", action="store_true",
        help="measure nothing: write docs/performance.md from docs/performance.json")  # fmt: skip
    add("--list", action="store_true", help="name the rows and their targets")
    return options.parse_args()


def main() -> int:
    """Measure and print."""
    options = parse()
    if options.document:
        document.write()
        return 0
    rows = [row for row in all_rows() if _is_wanted(row, options)]
    if options.list:
        for row in rows:
            print(f"{row.name:50} {row.unit:14} {row.target or ''}")
        return 0
    if options.build == "compiled" and running_build() == PLAIN:
        _start_over_compiled()
    sizes = [int(size) for size in options.entries.split(",")]
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        try:
            client: LoadClient = (
                LdapLoad(options.ldap_load, folder) if options.ldap_load else OwnClient()
            )
        except NotHere as missing:
            print(f"error: no load client: {missing}\nhint: leave --ldap-load out", file=sys.stderr)
            return 1
        machine = describe() | {"client": client.name, "niceness": str(os.nice(options.nice))}
        print("; ".join(f"{key} {value}" for key, value in machine.items()), HEAD, sep="\n")
        for size in sizes:
            with Bench(folder, size, client=client, seconds=options.seconds) as bench:
                for found in measured(rows, bench, options.rounds):
                    print(line(found), flush=True)
                    if options.json:
                        keep(options.json, found | {"machine": machine})
    return 0


def _start_over_compiled() -> NoReturn:
    """In a Python that imports the compiled build."""
    try:
        if not is_current():
            build()
    except CompileFailed as error:
        sys.exit(f"error: no compiled build: {error}")
    command = [sys.executable, "-m", "scripts.benchmark", *sys.argv[1:]]
    os.execve(sys.executable, command, environment())


def _is_wanted(row: Row, options: argparse.Namespace) -> bool:
    if options.growth and not row.grows:
        return False
    return not options.row or any(words in row.name for words in options.row)


def measured(rows: Sequence[Row], bench: Bench, rounds: int) -> Iterator[dict[str, Any]]:
    """Each row's result, as it comes; rows that cannot be measured here are named and left out."""
    for row in rows:
        try:
            with row.open(bench) as contenders:
                taken = [
                    {name: _turn(measure) for name, measure in contenders.items()}
                    for _ in range(row.rounds or rounds)
                ]
            yield result(row, bench.entries, taken)
        except NotHere as missing:
            print(f"{row.name:42} not measured here: needs {missing}", flush=True)


def _turn(measure: Callable[[], Sample]) -> Sample:
    """One contender's, which pays for nothing another one left behind."""
    gc.collect()
    if hasattr(os, "sync"):
        os.sync()  # or the disk is still busy with what was written without waiting for it
    return measure()


def keep(path: Path, found: Mapping[str, Any]) -> None:
    """Put a result into a file of results, in place of that row's of the same size and build."""
    document: dict[str, Any] = {"schema": SCHEMA, "results": []}
    if path.exists():
        document = json.loads(path.read_text(encoding="utf-8"))
    kept = [old for old in document["results"] if _which(old) != _which(found)]
    document["results"] = sorted([*kept, dict(found)], key=_which)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _which(found: Mapping[str, Any]) -> tuple[str, int, bool]:
    return found["row"], found["entries"], is_plain(found)


if __name__ == "__main__":
    sys.exit(main())
