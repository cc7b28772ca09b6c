"""Pictures of plays and campaigns, as SVG without scripts or fonts of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from xml.sax.saxutils import escape

from edgesync.simulation.campaign import Result
from edgesync.simulation.play import QUIET_TIME
from edgesync.simulation.scenario import Scenario, parse_span

WIDTH = 760
MARGIN = 12
ROW = 18
AXIS = 190
"""Width of the axis of time."""

WORDS_MAX = 84
"""Characters of a step that fit beside it."""

COLUMNS = 50
CELL = 14

_STYLE = "font-family='sans-serif' font-size='11'"
_COLORS = {
    "step": "#33658a",
    "advance": "#bbbbbb",
    "settle": "#bbbbbb",
    "fault": "#f26419",
    "heal": "#f2a65a",
    "expect": "#2f9e44",
}


def timeline(scenario: Scenario) -> str:
    """A scenario's steps on the axis of virtual time: each a dot at its instant, with its words."""
    instants = list(_instants(scenario.steps))
    whole = max(instants[-1].total_seconds(), 1.0) if instants else 1.0
    height = MARGIN * 2 + ROW * (len(instants) + 1)
    parts = [
        _opened(height),
        f"<title>{escape(scenario.title)}</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
        f"<line x1='{MARGIN}' y1='{MARGIN}' x2='{MARGIN + AXIS}' y2='{MARGIN}' stroke='#999999'/>",
    ]
    for number, (step, passed) in enumerate(zip(scenario.steps, instants, strict=True), 1):
        x = MARGIN + AXIS * passed.total_seconds() / whole
        y = MARGIN + ROW * number
        fill = _COLORS.get(step.partition(" ")[0], _COLORS["step"])
        parts.append(
            f"<line x1='{x:.1f}' y1='{MARGIN}' x2='{x:.1f}' y2='{y}' stroke='#eeeeee'/>"
            f"<circle cx='{x:.1f}' cy='{y}' r='4' fill='{fill}'/>"
            + _words(MARGIN + AXIS + 12, y, "#666666", _span(passed))
            + _words(MARGIN + AXIS + 82, y, "#222222", step[:WORDS_MAX])
        )
    return "\n".join([*parts, "</svg>", ""])


def _instants(steps: Sequence[str]) -> Iterator[timedelta]:
    """When each step begins: spans of time pass, everything else takes none."""
    passed = timedelta(0)
    for step in steps:
        yield passed
        verb, _, operand = step.partition(" ")
        if verb == "advance":
            passed += parse_span(operand)
        elif verb == "settle":
            passed += QUIET_TIME


def summary(results: Sequence[Result]) -> str:
    """A campaign: one square per seed, and what failed how often."""
    rows = -(-len(results) // COLUMNS)
    counts = Counter(result.checker for result in results if result.failed)
    height = MARGIN * 2 + rows * CELL + ROW * (len(counts) + 2)
    parts = [
        _opened(height),
        f"<title>{len(results)} worlds, {sum(counts.values())} failed</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
    ]
    for number, result in enumerate(results):
        row, column = divmod(number, COLUMNS)
        fill = "#c1121f" if result.failed else "#8fbc8f"
        words = f"seed {result.seed}: {result.checker or 'held'}"
        parts.append(
            f"<rect x='{MARGIN + column * CELL}' y='{MARGIN + row * CELL}' width='{CELL - 2}' "
            f"height='{CELL - 2}' fill='{fill}'><title>{escape(words)}</title></rect>"
        )
    y = MARGIN + rows * CELL + ROW
    days = sum(result.virtual_s for result in results) / 86400
    lines = [f"{len(results)} worlds, {days:.0f} virtual days, {sum(counts.values())} failed"]
    lines += [f"{checker}: {count}" for checker, count in counts.most_common()]
    for number, line in enumerate(lines):
        parts.append(f"<text x='{MARGIN}' y='{y + ROW * number}' {_STYLE}>{escape(line)}</text>")
    return "\n".join([*parts, "</svg>", ""])


def _opened(height: int) -> str:
    size = f"width='{WIDTH}' height='{height}' viewBox='0 0 {WIDTH} {height}'"
    return f"<svg xmlns='http://www.w3.org/2000/svg' {size} role='img'>"


def _words(x: float, y: float, fill: str, text: str) -> str:
    return f"<text x='{x:.0f}' y='{y + 4}' {_STYLE} fill='{fill}'>{escape(text)}</text>"


def _span(passed: timedelta) -> str:
    minutes = int(passed.total_seconds() // 60)
    days, minutes = divmod(minutes, 1440)
    clock = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{days} d {clock}" if days else clock
