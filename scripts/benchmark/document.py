"""The page of figures, written from what the bench has measured: docs/performance.md."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.benchmark import rows
from scripts.benchmark.chart import Chart, draw, short
from scripts.benchmark.result import is_plain
from scripts.benchmark.row import Row

DOCS = Path(__file__).resolve().parents[2] / "docs"
RESULTS = DOCS / "performance.json"
PAGE = DOCS / "performance.md"
GROWTH = DOCS / "images" / "performance-growth.svg"
TEXT = Path(__file__).parent / "performance.md"
"""What people wrote: how it is fast, and why; the figures follow."""

NOTICE = (
    "<!-- Written by scripts/bench --document from docs/performance.json and "
    "scripts/benchmark/performance.md. -->\n\n"
)

Result = Mapping[str, Any]


def write() -> None:
    """Write the page and its picture."""
    for path, content in documents().items():
        path.write_text(content, encoding="utf-8")


def documents() -> dict[Path, str]:
    """The files and what should be in them."""
    results: list[Result] = json.loads(RESULTS.read_text(encoding="utf-8"))["results"]
    plain = [result for result in results if is_plain(result)]
    return {PAGE: _page(results, plain), GROWTH: draw(_charts(plain))}


def _page(results: Sequence[Result], plain: Sequence[Result]) -> str:
    parts = [
        NOTICE,
        TEXT.read_text(encoding="utf-8").strip(),
        "\n\n## The machine\n\n", _machine(results), "\n## Figures\n\n", _LEGEND,
    ]  # fmt: skip
    for title, group in _groups():
        table = "".join(_table(group, plain))
        if table:
            parts.append(f"\n### {title}\n\n{table}")
    parts += ("\n## Targets with the hot modules compiled\n\n", _COMPILED, *_compiled(results))
    parts.append("\n## As the directory grows\n\n")
    parts.append(f"![Figures by number of entries](images/{GROWTH.name})\n")
    return "".join(parts)


_LEGEND = """A figure is the median of its rounds, a ratio the median of the rounds' ratios: the
first contender's figure by the second's. *CPU* is what an operation took of the server's processor,
microseconds, of both, and *CPU ratio* the other's by ours: it moves less than rates do when other
programs take their share of the machine. Stalls are in
milliseconds: the longest wait of a probe, and in brackets the longest turn of our event loop in CPU
time. A target that was missed is marked **✗**.
"""

_COMPILED = """The same rows with `--build compiled`: all of ours is, the other is what it was.
The last column is the ratio, or figure, of plain Python above.

| work | entries | figure | other | ratio | target | in plain Python |
|---|--:|--:|--:|--:|--:|--:|
"""


def _compiled(results: Sequence[Result]) -> Iterator[str]:
    plain = {(r["row"], r["entries"]): r for r in results if is_plain(r)}
    names = [row.name for _, group in _groups() for row in group]
    found = [r for r in results if not is_plain(r) and "target" in r]
    for result in sorted(found, key=lambda r: (names.index(r["row"]), r["entries"])):
        before = plain.get((result["row"], result["entries"]), {})
        cells = _cells(result)[:6]
        yield "| " + " | ".join((*cells, _verdict(before) if before else "")) + " |\n"


def _verdict(result: Result) -> str:
    (ours, *_) = result["contenders"].values()
    said = f"{number(result['ratio'])} ×" if "ratio" in result else number(ours["figure"])
    return said + _missed(result)


_HEAD = (
    "| work | entries | figure | other | ratio | target | CPU | CPU ratio | p50 µs | p99 µs |"
    " stall |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
)


def _groups() -> Iterator[tuple[str, tuple[Row, ...]]]:
    """Each module of rows with the first sentence of its description."""
    for found in sorted(pkgutil.iter_modules(rows.__path__), key=lambda module: module.name):
        module = importlib.import_module(f"{rows.__name__}.{found.name}")
        title = (module.__doc__ or found.name).strip().splitlines()[0].rstrip(".:")
        yield title, module.ROWS


def _table(group: Sequence[Row], results: Sequence[Result]) -> Iterator[str]:
    names = [row.name for row in group]
    lines = [r for name in names for r in results if r["row"] == name]
    if lines:
        yield _HEAD
    for result in lines:
        yield _line(result)


def _line(result: Result) -> str:
    return "| " + " | ".join(_cells(result)) + " |\n"


def _missed(result: Result) -> str:
    return " **✗**" if result.get("met") is False else ""


def _cells(result: Result) -> tuple[str, ...]:
    (name, ours), *others = result["contenders"].items()
    other_name, other = others[0] if others else ("", {})
    own = "" if name == "edgesync" else f" ({name})"
    return (
        f"{result['row']}{own}", short(result["entries"]),
        f"{number(ours['figure'])} {result['unit']}",
        f"{number(other['figure'])} ({other_name})" if other else "",
        f"{number(result['ratio'])} ×" if "ratio" in result else "",
        result.get("target", "") + _missed(result),
        " / ".join(number(c["cpu_us"]) for c in (ours, other) if "cpu_us" in c),
        f"{number(result['cpu_ratio'])} ×" if "cpu_ratio" in result else "",
        number(ours.get("p50_us")), number(ours.get("p99_us")), _stall(ours),
    )  # fmt: skip


def _stall(ours: Mapping[str, Any]) -> str:
    stall, turn = number(ours.get("stall_ms")), number(ours.get("turn_ms"))
    return f"{stall} ({turn})" if turn else stall


def number(value: float | None) -> str:
    """A figure with the digits that mean something."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _machine(results: Sequence[Result]) -> str:
    """What the results have in common, and how busy it was."""
    machines = [result["machine"] for result in results]
    lines = []
    for key in dict.fromkeys(key for machine in machines for key in machine):
        values = Counter(machine[key] for machine in machines if key in machine)
        if key == "load":
            loads = sorted(float(value.split()[0]) for value in values.elements())
            said = f"{loads[0]:g} to {loads[-1]:g} when measuring began, by other programs"
        else:
            said = " · ".join(value for value, _ in values.most_common())
        lines.append(f"| {key} | {said} |\n")
    return "| | |\n|---|---|\n" + "".join(lines)


def _charts(results: Sequence[Result]) -> list[Chart]:
    """A chart for each row measured at more than one size: of CPU, where that is known."""
    charts = []
    names = [row.name for _, group in _groups() for row in group if row.grows]
    for name in names:
        found = sorted((r for r in results if r["row"] == name), key=lambda r: r["entries"])
        if len(found) < 2:
            continue
        contenders = list(dict.fromkeys(key for r in found for key in r["contenders"]))[:2]
        samples = [s for r in found for s in r["contenders"].values()]
        by_cpu = all(sample.get("cpu_us") for sample in samples)
        key, unit = ("cpu_us", "µs of CPU each") if by_cpu else ("figure", found[0]["unit"])
        lines = {
            contender: [
                (r["entries"], r["contenders"][contender][key])
                for r in found if contender in r["contenders"]
            ]
            for contender in contenders
        }  # fmt: skip
        charts.append(Chart(name, unit, lines))
    return charts
