"""Rounds into one line of the table, and lines into JSON."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from directory.build import PLAIN
from scripts.benchmark.row import Row, Sample

SCHEMA = "edgesync.bench/2"


def result(row: Row, entries: int, rounds: Sequence[Mapping[str, Sample]]) -> dict[str, Any]:
    """The medians of all rounds, and the median of their ratios."""
    names = list(rounds[0])
    found: dict[str, Any] = {"row": row.name, "unit": row.unit, "entries": entries,
                             "rounds": len(rounds), "grows": row.grows}  # fmt: skip
    found["contenders"] = {name: _medians([r[name] for r in rounds]) for name in names}
    value = statistics.median(r[names[0]].figure for r in rounds)
    if len(names) > 1:
        ratios = [r[names[0]].figure / max(r[names[1]].figure, 1e-9) for r in rounds]
        found["ratio"] = statistics.median(ratios)
        found["ratios"] = [round(ratio, 3) for ratio in ratios]
    cpus = [contender.get("cpu_us") for contender in found["contenders"].values()]
    if len(cpus) > 1 and cpus[0] and cpus[1]:
        found["cpu_ratio"] = cpus[1] / cpus[0]
    if row.target is not None:
        found["target"] = str(row.target)
        found["times"] = row.target.times
        compared = found.get("ratio") if row.target.times else value
        found["met"] = None if compared is None else row.target.is_met(compared)
    return found


def is_plain(found: Mapping[str, Any]) -> bool:
    """Whether a result was measured with nothing compiled."""
    return bool(found["machine"].get("build", PLAIN) == PLAIN)


def _medians(samples: Sequence[Sample]) -> dict[str, Any]:
    found: dict[str, Any] = {"figure": statistics.median(s.figure for s in samples)}
    for name in ("cpu_us", "p50_us", "p99_us", "stall_ms", "turn_ms"):
        values = [value for s in samples if (value := getattr(s, name)) is not None]
        if values:
            found[name] = statistics.median(values)
    found["errors"] = sum(s.errors for s in samples)
    notes = [s.note for s in samples if s.note]
    if notes:
        found["note"] = notes[-1]
    return found


HEAD = (
    f"{'row':42} {'entries':>8} {'ours':>11} {'other':>11} {'ratio':>7} {'of CPU':>7} {'target':>8}"
    f" {'us CPU':>8} {'other':>8} {'p50 us':>8} {'p99 us':>8} {'stall ms':>8} {'turn ms':>8}"
    f" {'err':>4}"
)


def line(found: Mapping[str, Any]) -> str:
    """One line of the table people read while it runs."""
    contenders = list(found["contenders"].values())
    ours, other = contenders[0], contenders[1] if len(contenders) > 1 else {}
    met = {True: " ", False: "!", None: "?"}[found.get("met", True)]
    return (
        f"{found['row'][:42]:42} {found['entries']:8} {_figure(ours.get('figure')):>11}"
        f" {_figure(other.get('figure')):>11} {_figure(found.get('ratio')):>7}"
        f" {_figure(found.get('cpu_ratio')):>7}"
        f" {found.get('target', ''):>7}{met} {_figure(ours.get('cpu_us')):>8}"
        f" {_figure(other.get('cpu_us')):>8} {_figure(ours.get('p50_us')):>8}"
        f" {_figure(ours.get('p99_us')):>8} {_figure(ours.get('stall_ms')):>8}"
        f" {_figure(ours.get('turn_ms')):>8} {ours['errors']:4} {found['unit']}"
    )


def _figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
