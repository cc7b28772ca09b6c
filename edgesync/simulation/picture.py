"""Pictures of plays and campaigns, as SVG without scripts or fonts of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from xml.sax.saxutils import escape

from edgesync.events import CATALOGUE, Severity
from edgesync.simulation.campaign import Result
from edgesync.simulation.outcome import Played

WIDTH = 760
MARGIN = 12
ROW = 18
AXIS = 190
"""Width of the axis of time."""

WORDS_MAX = 84
"""Characters of a step that fit beside it."""

TICK = 5
"""Length of the tick that an event is."""

COMPLAINTS_MAX = 4
"""Kinds of complaints shown between two steps."""

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


def timeline(played: Played) -> str:
    """A play on the axis of virtual time, as its trace has it.

    Each step is a dot at its instant, with its words; what servers complained of until the next
    step stands below it. Every event is a tick below the axis.
    """
    rows = list(_rows(played))
    height = MARGIN * 2 + ROW * (len(rows) + 1)
    span = max((played.ended_at - played.started_at).total_seconds(), 1.0)

    def across(at: datetime) -> float:
        return MARGIN + AXIS * (at - played.started_at).total_seconds() / span

    ticks = {round(across(line.at)) for line in played.trace.lines if line.what == "event"}
    parts = [
        _opened(height),
        f"<title>{escape(played.scenario.title)}</title>",
        f"<rect width='{WIDTH}' height='{height}' fill='#ffffff'/>",
        f"<line x1='{MARGIN}' y1='{MARGIN}' x2='{MARGIN + AXIS}' y2='{MARGIN}' stroke='#999999'/>",
        *(
            f"<line x1='{x}' y1='{MARGIN}' x2='{x}' y2='{MARGIN + TICK}' stroke='#6c8ebf'/>"
            for x in sorted(ticks)
        ),
    ]
    for number, row in enumerate(rows, 1):
        x, y = across(row.at), MARGIN + ROW * number
        parts.append(
            f"<line x1='{x:.1f}' y1='{MARGIN}' x2='{x:.1f}' y2='{y}' stroke='#eeeeee'/>"
            f"<circle cx='{x:.1f}' cy='{y}' r='{row.radius}' fill='{row.fill}'/>"
            + _words(MARGIN + AXIS + 12, y, "#666666", _span(row.at - played.started_at))
            + _words(MARGIN + AXIS + 82, y, row.ink, row.text[:WORDS_MAX])
        )
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True, slots=True)
class _Row:
    at: datetime
    text: str
    fill: str
    ink: str = "#222222"
    radius: int = 4


def _rows(played: Played) -> Iterator[_Row]:
    """Steps, and after each the complaints that came before the next."""
    heard: dict[str, tuple[datetime, int]] = {}
    for line in played.trace.lines:
        if line.what == "event":
            name = line.text.partition(" ")[0]
            kind = CATALOGUE[name]
            if kind.severity is not Severity.INFORMATION:
                said = f"{kind.id or ''} {name}, {line.server}".strip()
                first, count = heard.get(said, (line.at, 0))
                heard[said] = (first, count + 1)
            continue
        if line.what not in {"step", "fault", "check"}:
            continue
        yield from _complaints(heard)
        heard.clear()
        fill = _COLORS.get(line.text.partition(" ")[0], _COLORS["step"])
        yield _Row(line.at, line.text, _COLORS["fault"] if line.what == "fault" else fill)
    yield from _complaints(heard)


def _complaints(heard: Mapping[str, tuple[datetime, int]]) -> Iterator[_Row]:
    shown = sorted(heard.items(), key=lambda item: (item[1][0], item[0]))
    for said, (first, count) in shown[:COMPLAINTS_MAX]:
        text = f"{said}: {count} times" if count > 1 else said
        yield _Row(first, text, "#c1121f", "#c1121f", 2)


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
