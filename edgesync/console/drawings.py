"""Drawings made on the server: who trusts whom, and who held the lease when.

Every text is escaped here; colours come from classes of the style sheet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from edgesync.console.rendering import query, tone, words

WIDTH, HEIGHT = 760, 460
NODE_RX, NODE_RY = 52, 20
BEND = 26
"""How far an edge bends aside, so that the two directions of a pair lie apart."""

NODES_MAX = 60
"""Most servers drawn; the matrix below the drawing holds all."""

LANE_H = 34
LEFT, RIGHT = 120, 20


def trust_graph(cells: Iterable[Mapping[str, Any]], path: str) -> str:
    """An arrow from each verifier to each peer it judges, drawn by verdict."""
    judged = [cell for cell in cells if cell["verdict"] != "not_applicable"]
    names = sorted({c["verifier"] for c in judged} | {c["peer"] for c in judged})[:NODES_MAX]
    if not names:
        return ""
    places = {name: _place(number, len(names)) for number, name in enumerate(names)}
    said = f"Who trusts whom on {escape(path)}: {len(judged)} arrows"
    parts = [
        _opening("graph", HEIGHT, said, role="group"),  # its nodes are links, which no image has
        "<defs>",
        *(
            f'<marker id="tip-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path class="tip {kind}" d="M0 0L8 4L0 8z"/></marker>'
            for kind in ("good", "warn", "bad", "none")
        ),
        "</defs>",
    ]
    parts += [
        _arrow(cell, places) for cell in judged
        if cell["verifier"] in places and cell["peer"] in places
    ]  # fmt: skip
    for name, (x, y) in places.items():
        parts.append(
            f'<a href="/certificates?{escape(query(server=name))}">'
            f'<rect class="node" x="{x - NODE_RX:.0f}" y="{y - NODE_RY:.0f}" '
            f'width="{2 * NODE_RX}" height="{2 * NODE_RY}" rx="9"/>'
            f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle">{escape(name)}</text></a>'
        )
    return "".join([*parts, "</svg>"])


def _place(number: int, count: int) -> tuple[float, float]:
    angle = 2 * math.pi * number / count - math.pi / 2
    across, down = WIDTH / 2 - NODE_RX - 8, HEIGHT / 2 - NODE_RY - 8
    return WIDTH / 2 + across * math.cos(angle), HEIGHT / 2 + down * math.sin(angle)


def _arrow(cell: Mapping[str, Any], places: Mapping[str, tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = places[cell["verifier"]], places[cell["peer"]]
    distance = math.hypot(x2 - x1, y2 - y1) or 1.0
    along_x, along_y = (x2 - x1) / distance, (y2 - y1) / distance
    bent_x = (x1 + x2) / 2 - along_y * BEND
    bent_y = (y1 + y2) / 2 + along_x * BEND
    start = _edge_of_node(x1, y1, bent_x, bent_y)
    end = _edge_of_node(x2, y2, bent_x, bent_y)
    kind = tone(cell["verdict"])
    said = f"{cell['verifier']} judges {cell['peer']}: {words(cell['reason'])}"
    return (
        f'<path class="edge {kind}" marker-end="url(#tip-{kind})" '
        f'd="M{start[0]:.1f} {start[1]:.1f}Q{bent_x:.1f} {bent_y:.1f} {end[0]:.1f} {end[1]:.1f}">'
        f"<title>{escape(said)}</title></path>"
    )


def _edge_of_node(x: float, y: float, to_x: float, to_y: float) -> tuple[float, float]:
    """Where the line from a node's middle leaves its box."""
    dx, dy = to_x - x, to_y - y
    scale = min(
        (NODE_RX + 3) / abs(dx) if dx else math.inf, (NODE_RY + 3) / abs(dy) if dy else math.inf
    )
    return x + dx * min(scale, 1), y + dy * min(scale, 1)


def lease_timeline(spans: Sequence[Mapping[str, Any]]) -> str:
    """Bars of who held which Edge's lease when; ``spans`` have edge, holder, start, end."""
    if not spans:
        return ""
    edges = list(dict.fromkeys(str(span["edge"]) for span in spans))
    first = min(span["start"] for span in spans)
    last = max(span["end"] for span in spans)
    whole = max((last - first).total_seconds(), 1.0)
    height = LANE_H * len(edges) + 34
    parts = [_opening("timeline", height, f"Leases from {_clock(first)} to {_clock(last)}")]
    scale = (WIDTH - LEFT - RIGHT) / whole
    for lane, edge in enumerate(edges):
        y = 6 + lane * LANE_H
        parts.append(f'<text x="4" y="{y + 18}">{escape(edge)}</text>')
        for span in spans:
            if span["edge"] == edge:
                x = LEFT + (span["start"] - first).total_seconds() * scale
                width = max((span["end"] - span["start"]).total_seconds() * scale, 3)
                said = f"{span['holder']} {_clock(span['start'])} – {_clock(span['end'])}"
                parts.append(
                    f'<rect class="span" x="{x:.1f}" y="{y}" width="{width:.1f}" height="26" '
                    f'rx="4"><title>{escape(said)}</title></rect>'
                )
                if width > 8 * len(str(span["holder"])):
                    parts.append(
                        f'<text x="{x + 6:.1f}" y="{y + 18}">{escape(str(span["holder"]))}</text>'
                    )
    y = height - 8
    parts.append(
        f'<text class="small" x="{LEFT}" y="{y}">{_clock(first)}</text>'
        f'<text class="small" x="{WIDTH - RIGHT}" y="{y}" text-anchor="end">{_clock(last)}</text>'
    )
    return "".join([*parts, "</svg>"])


def _opening(kind: str, height: int, said: str, *, role: str = "img") -> str:
    return f'<svg class="{kind}" viewBox="0 0 {WIDTH} {height}" role="{role}" aria-label="{said}">'


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
