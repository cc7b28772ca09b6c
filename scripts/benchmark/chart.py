"""Costs as the work grows: one SVG of small charts, both axes logarithmic, ours and the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Points = Sequence[tuple[float, float]]

COLUMNS = 3
WIDTH, HEIGHT = 300, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 34, 30
COLOURS = ("#0b6e4f", "#a23b2a")
"""Ours and the other; dark enough on white, and told apart by the dashes too."""


@dataclass(frozen=True, slots=True)
class Chart:
    """One of them: a title, a unit, and the points of each contender by number of entries."""

    title: str
    unit: str
    lines: Mapping[str, Points]


def draw(charts: Sequence[Chart]) -> str:
    """All charts in a grid."""
    rows = -(-len(charts) // COLUMNS)
    cells = "".join(
        f'<g transform="translate({number % COLUMNS * WIDTH},{number // COLUMNS * HEIGHT})">'
        f"{_cell(chart)}</g>"
        for number, chart in enumerate(charts)
    )
    width, height = COLUMNS * WIDTH, rows * HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" font-family="sans-serif" font-size="10">\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n{cells}</svg>\n'
    )


def _cell(chart: Chart) -> str:
    xs = [x for points in chart.lines.values() for x, _ in points]
    ys = [y for points in chart.lines.values() for _, y in points if y > 0]
    low, high = _decades(ys)
    x_low, x_high = math.log10(min(xs)), math.log10(max(xs))

    def x_of(value: float) -> float:
        share = (math.log10(value) - x_low) / ((x_high - x_low) or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y_of(value: float) -> float:
        share = (math.log10(max(value, 10.0**low)) - low) / (high - low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    parts = [_text(LEFT, 14, chart.title, "bold"), _text(LEFT, 27, chart.unit)]
    for decade in range(low, high + 1):
        y = y_of(10.0**decade)
        parts.append(_line(LEFT, y, WIDTH - RIGHT, y, "#dddddd"))
        parts.append(_text(LEFT - 5, y + 3, short(10.0**decade), anchor="end"))
    parts += [
        _text(x_of(x), HEIGHT - BOTTOM + 14, short(x), anchor="middle") for x in sorted(set(xs))
    ]
    for number, points in enumerate(chart.lines.values()):
        colour, dashes = COLOURS[number % 2], ' stroke-dasharray="5 3"' if number else ""
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"'
                     f' stroke-width="2"{dashes}/>\n')  # fmt: skip
        for x, y in points:
            parts.append(f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3"'
                         f' fill="{colour}"/>\n')  # fmt: skip
    parts.append(_legend(list(chart.lines)))
    return "".join(parts)


def _legend(names: Sequence[str]) -> str:
    spans = " · ".join(
        f'<tspan fill="{COLOURS[number % 2]}">{escape(name)}</tspan>'
        for number, name in enumerate(names)
    )
    return f'<text x="{WIDTH - RIGHT}" y="27" text-anchor="end">{spans}</text>\n'


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low = math.floor(math.log10(min(values)))
    high = math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def short(value: float) -> str:
    """A number in few characters."""
    for bound, letter in ((1e6, "M"), (1e3, "k")):
        if value >= bound:
            return f"{value / bound:g}{letter}"
    return f"{value:g}"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            f' stroke="{colour}"/>\n')  # fmt: skip


def _text(
    x: float, y: float, text: str, weight: str = "normal", *, anchor: str = "start"
) -> str:  # fmt: skip
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}"'
            f' fill="#222222">{escape(text)}</text>\n')  # fmt: skip
