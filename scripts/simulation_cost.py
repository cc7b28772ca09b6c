"""``python -m scripts.simulation_cost``: what virtual time costs, over what happens in it.

Years of different length and with different numbers of changes are played; the table shows that
the cost follows the activities that run and not the hours that pass. ``--picture FILE`` draws it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from edgesync.lab.description import contoso
from scripts.benchmark.chart import Chart, draw
from scripts.benchmark.machine import describe
from scripts.benchmark.rows.simulation import pass_time

DAYS = (30, 120, 365, 1095)
CHANGES = (10, 30, 100)


class Cost(NamedTuple):
    """One measurement."""

    days: int
    changes: int
    activities: int
    events: int
    cpu_s: float


def costs() -> Iterator[Cost]:
    """Quiet spans of growing length, then a year with growing numbers of changes."""
    lab = contoso(edges=1, recipients=50, seed=7)
    pass_time(lab, timedelta(days=1))  # what is imported once is not counted
    for days, changes in [*((days, 0) for days in DAYS), *((365, many) for many in CHANGES)]:
        sample, activities, events = pass_time(lab, timedelta(days=days), changes)
        assert sample.cpu_us is not None
        yield Cost(days, changes, activities, events, sample.cpu_us * activities / 1e6)


def main() -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(prog="scripts.simulation_cost", description=__doc__)
    parser.add_argument("--picture", type=Path, help="SVG to write")
    options = parser.parse_args()
    found = list(costs())
    sys.stdout.write(f"{', '.join(describe().values())}\n\n")
    sys.stdout.write("| virtual days | changes | activities | events | CPU s |\n")
    sys.stdout.write("|---|---|---|---|---|\n")
    for cost in found:
        sys.stdout.write(
            f"| {cost.days} | {cost.changes} | {cost.activities} | {cost.events} "
            f"| {cost.cpu_s:.2f} |\n"
        )
    if options.picture is not None:
        by_activities = sorted((cost.activities, cost.cpu_s) for cost in found)
        by_days = sorted((cost.days, cost.cpu_s) for cost in found if not cost.changes)
        chart = [
            Chart("Virtual time, by what runs in it", "CPU s", {"edgesync": by_activities}),
            Chart("Virtual time, by quiet days", "CPU s", {"edgesync": by_days}),
        ]
        options.picture.write_text(draw(chart), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
