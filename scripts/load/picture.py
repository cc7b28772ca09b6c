"""Memory and descriptors over time as an SVG, without a library: two lines on one time axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scripts.load.gauge import Sample

WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 70, 70, 30, 40
_MIB = 1024 * 1024


def draw(samples: Sequence[Sample], title: str = "A lab in mixed use") -> str:
    """The picture."""
    ends = max(sample.at_s for sample in samples) or 1.0
    memory = [sample.resident / _MIB for sample in samples]
    handles = [float(sample.descriptors) for sample in samples]
    most_memory, most_handles = _round(max(memory) * 1.2), _round(max(handles) * 2.2)
    times = [sample.at_s / ends for sample in samples]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{WIDTH / 2}" y="18" text-anchor="middle" font-size="14">{title}</text>',
        *_axes(ends, most_memory, most_handles),
        _line(times, memory, most_memory, "#1f6feb"),
        _line(times, handles, most_handles, "#d1242f"),
        "</svg>", "",
    ])  # fmt: skip


def _axes(ends: float, most_memory: float, most_handles: float) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for step in range(5):
        y = bottom - (bottom - TOP) * step / 4
        yield f'<line x1="{LEFT}" y1="{y}" x2="{right}" y2="{y}" stroke="#ddd"/>'
        yield (
            f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end" fill="#1f6feb">'
            f"{most_memory * step / 4:.0f} MiB</text>"
        )
        handles = most_handles * step / 4
        yield f'<text x="{right + 8}" y="{y + 4}" fill="#d1242f">{handles:.0f}</text>'
    for step in range(7):
        x = LEFT + (right - LEFT) * step / 6
        yield (
            f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">'
            f"{ends * step / 360:.0f} min</text>"
        )
    yield (
        f'<text x="{LEFT}" y="{HEIGHT - 6}" fill="#1f6feb">resident memory</text>'
        f'<text x="{right}" y="{HEIGHT - 6}" text-anchor="end" fill="#d1242f">'
        "open descriptors</text>"
    )


def _line(times: Sequence[float], values: Sequence[float], most: float, colour: str) -> str:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    points = " ".join(
        f"{LEFT + (right - LEFT) * at:.1f},{bottom - (bottom - TOP) * value / most:.1f}"
        for at, value in zip(times, values, strict=True)
    )
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'


def _round(value: float) -> float:
    """The next number that is easy to divide by four."""
    step = 4.0
    while step * 10 < value:
        step *= 5
    return step * (int(value / step) + 1)
