"""docs/fuzzing.md: how parsers are fuzzed, what was run and found, what hostile inputs cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scripts.fuzzing.bounds import (
    CPU_US_PER_BYTE_MAX,
    MEMORY_FREE,
    MEMORY_PER_BYTE_MAX,
    SMALL,
    Cost,
)
from scripts.fuzzing.record import GOAL, RECORD, read_costs, read_record
from scripts.fuzzing.targets import NAMES, find_target
from scripts.generators.document import document

PAGE = Path(__file__).with_suffix(".md")
"""What people wrote of the page; tables stand where its comments name them."""


@document("fuzzing.md")
def fuzzing() -> str:
    """The whole page."""
    page = PAGE.read_text("utf-8")
    for name, table in (("targets", _targets()), ("record", _record()), ("costs", _costs())):
        page = page.replace(f"<!-- {name} -->", "\n".join(table))
    return page


def _targets() -> Iterator[str]:
    yield "## Targets"
    yield ""
    yield "| target | reads | promise | refuses with |"
    yield "|---|---|---|---|"
    for name in NAMES:
        target = find_target(name)
        refusals = ", ".join(f"`{kind.__name__}`" for kind in target.refusals) or "nothing"
        yield f"| `{name}` | {target.reads} | {target.promise or '–'} | {refusals} |"


def _record() -> Iterator[str]:
    runs = read_record(RECORD)
    whole = [run for run in runs.values() if run.executions >= GOAL]
    yield "## Recorded"
    yield ""
    yield (
        f"Coverage-guided executions: {sum(r.executions for r in runs.values()):,} in all;"
        f" {len(whole)} of {len(NAMES)} targets have reached 10 million. *Edges* are the places of"
        " our code that were reached, *inputs* those that reached something new, *memory* the"
        " process's peak."
    )
    yield ""
    yield "| target | executions | edges | inputs | memory, MB | slowest input, s | last |"
    yield "|---|--:|--:|--:|--:|--:|---|"
    for name in NAMES:
        run = runs.get(name)
        if run is None:
            yield f"| `{name}` | 0 | | | | | |"
        else:
            yield (
                f"| `{name}` | {run.executions:,} | {run.coverage} | {run.corpus} |"
                f" {run.peak_mb} | {run.slowest_s or '< 1'} | {run.on} |"
            )


def _costs() -> Iterator[str]:
    costs = read_costs()
    yield "## What hostile inputs cost"
    yield ""
    yield (
        f"Inputs that nest, repeat, or claim more than is there, of {SMALL // 1024} and"
        f" {SMALL // 256} KiB: CPU must stay below {CPU_US_PER_BYTE_MAX:g} µs per byte and memory"
        f" below {MEMORY_PER_BYTE_MAX:g} bytes per byte beyond {MEMORY_FREE >> 20} MiB; the lines"
        " of Python run must not grow with the square (`tests/property/fuzzing`). The dearest"
        " input of each target:"
    )
    yield ""
    yield "| target | dearest input | µs per byte | 4 times as large | bytes per byte |"
    yield "|---|---|--:|--:|--:|"
    for name in NAMES:
        own = [cost for cost in costs if cost.target == name]
        if own:
            yield _row(max(own, key=lambda cost: cost.cpu_us_per_byte), own)


def _row(dearest: Cost, own: list[Cost]) -> str:
    memory = max(cost.memory_per_byte for cost in own)
    return (
        f"| `{dearest.target}` | {dearest.grower} | {dearest.cpu_us_per_byte:.2f} |"
        f" × {dearest.growth:.1f} | {memory:.1f} |"
    )
