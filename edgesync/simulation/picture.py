"""Pictures of plays and campaigns, as SVG without scripts or fonts of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from xml.sax.saxutils import escape

from edgesync.simulation.campaign import Result
from edgesync.simulation.play import Played

WIDTH = 760
MARGIN = 12
ROW = 18
COLUMNS = 50
CELL = 14

_STYLE = "font-family='sans-serif' font-size='11'"
_COLORS = {
    "step": "#33658a", "fault": "#f26419", "check": "#c1121f", "event": "#8a9a5b",
    "expect": "#2f9e44",
}  # fmt: skip


def timeline(played: Played) -> str:
    """A play's steps on the axis of virtual time: each a dot at its instant, with its words."""
    steps = [line for line in played.trace.lines if line.what in {"step", "check"}]
    whole = max((played.ended_at - played.started_at).total_seconds(), 1.0)
    height = MARGIN * 2 + ROW * (len(steps) + 1)
    axis = 190
    parts = [
        _opened(height),
        f"<title>{escape(played.scenario.title)}</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
        f"<line x1='{MARGIN}' y1='{MARGIN}' x2='{MARGIN + axis}' y2='{MARGIN}' stroke='#999999'/>",
    ]
    for number, line in enumerate(steps, 1):
        passed = line.at - played.started_at
        x = MARGIN + axis * passed.total_seconds() / whole
        y = MARGIN + ROW * number
        word = line.text.partition(" ")[0]
        kind = "check" if line.what == "check" else word if word in _COLORS else "step"
        parts.append(
            f"<line x1='{x:.1f}' y1='{MARGIN}' x2='{x:.1f}' y2='{y}' stroke='#eeeeee'/>"
            f"<circle cx='{x:.1f}' cy='{y}' r='4' fill='{_COLORS[kind]}'/>"
            + _words(MARGIN + axis + 12, y, "#666666", _span(passed))
            + _words(MARGIN + axis + 82, y, "#222222", line.text[:84])
        )
    return "\n".join([*parts, "</svg>", ""])


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
