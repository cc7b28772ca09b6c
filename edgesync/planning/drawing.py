"""The matrix as SVG and HTML: one file each, printable, no script, nothing fetched.

Colour is never alone: every cell has its word, every footnote its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

ROW_H, COLUMN_W, HEAD_W, LINE_H, MARGIN = 30, 168, 110, 17, 10
"""Measures of the drawing, pixels: the longest reason word fits a column."""

STYLE = """
:root { color-scheme: light; }
body { font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem;
  padding: 0 1rem; color: #1b1f24; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .6rem 0; }
th, td { border: 1px solid #c4c9cf; padding: .3rem .6rem; text-align: left;
  vertical-align: top; }
thead th { background: #f0f2f4; }
.ok { background: #dff3e3; } .bad { background: #fbdcd9; } .warn { background: #fdf0c8; }
.none { color: #6a7178; }
code, pre { font: 13px/1.4 ui-monospace, monospace; }
pre { background: #f5f6f7; padding: .6rem .8rem; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
footer { margin-top: 2rem; color: #58606a; font-size: .85rem; }
@media print { body { margin: 0; max-width: none; } h2 { break-after: avoid; }
  table, pre { break-inside: avoid; } .ok, .bad, .warn { print-color-adjust: exact; } }
"""

_FILL = {"ok": "#dff3e3", "warn": "#fdf0c8", "bad": "#fbdcd9", "none": "#ffffff"}
_PATHS = {"smtp": "SMTP, X-ANONYMOUSTLS", "ldaps": "EdgeSync, LDAPS"}

Cell = Mapping[str, Any]


def tone(cell: Cell) -> str:
    """How a cell is coloured: good, good with a remark, bad, or nothing to say."""
    if cell["verdict"] == "not_applicable":
        return "none"
    if cell["verdict"] != "trusted":
        return "bad"
    return "ok" if cell["reason"] == "trusted" else "warn"


def tables(
    document: Mapping[str, Any],
) -> Iterable[tuple[str, list[str], list[str], dict[Any, Cell]]]:
    """Per path: its title, verifiers, peers, and the cells by both; empty paths left out."""
    for path, title in _PATHS.items():
        cells = [c for c in document["cells"] if c["path"] == path]
        live = [c for c in cells if c["verdict"] != "not_applicable"]
        if not live:
            continue
        order = dict.fromkeys([*(c["verifier"] for c in cells), *(c["peer"] for c in cells)])
        verifiers = [n for n in order if any(c["verifier"] == n for c in live)]
        peers = [n for n in order if any(c["peer"] == n for c in live)]
        yield title, verifiers, peers, {(c["verifier"], c["peer"]): c for c in cells}


def note_of(cell: Cell, document: Mapping[str, Any]) -> int | None:
    """The number of a cell's footnote."""
    for note in document["footnotes"]:
        if note["reason"] == cell["reason"] and note["server"] in {cell["peer"], cell["verifier"]}:
            return int(note["number"])
    return None


def word(cell: Cell | None, document: Mapping[str, Any]) -> str:
    """A cell in a word."""
    if cell is None or cell["verdict"] == "not_applicable":
        return "–"
    number = note_of(cell, document)
    return f"{cell['reason']} {number}" if number else str(cell["reason"])


def matrix_svg(document: Mapping[str, Any]) -> str:
    """The matrix as one SVG picture."""
    parts: list[str] = []
    top, width = 34, 480
    for title, verifiers, peers, cells in tables(document):
        parts.append(_text(0, top, title, "bold"))
        top += 12
        for i, peer in enumerate(peers):
            parts.append(_text(HEAD_W + i * COLUMN_W + 8, top + 20, peer, "bold"))
        for j, verifier in enumerate(verifiers):
            y = top + (j + 1) * ROW_H
            parts.append(_text(0, y + 20, verifier, "bold"))
            for i, peer in enumerate(peers):
                cell = cells.get((verifier, peer))
                parts.append(_box(HEAD_W + i * COLUMN_W, y, cell, word(cell, document)))
        top += (len(verifiers) + 1) * ROW_H + 34
        width = max(width, HEAD_W + len(peers) * COLUMN_W + 2)
    for note in document["footnotes"]:
        text = f"{note['number']} {note['reason']} ({note['server']}): {note['text']}"
        parts.append(_text(0, top, text))
        top += LINE_H
        width = max(width, 8 * len(text))
    if not parts:
        parts.append(_text(0, top, "No Edge is subscribed: direct trust is used nowhere."))
        top += LINE_H
    said = f"Who trusts whom, at {document['at']}: rows verify columns"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 2 * MARGIN}" height="{top + 20}" '
        f'viewBox="-{MARGIN} -{MARGIN} {width + 2 * MARGIN} {top + 20}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13"><title>{escape(said)}</title>'
        f'<rect x="-{MARGIN}" y="-{MARGIN}" width="100%" height="100%" fill="#ffffff"/>'
        f"{_text(0, 10, said)}"
        f"{''.join(parts)}</svg>\n"
    )


def _box(x: int, y: int, cell: Cell | None, text: str) -> str:
    fill = _FILL[tone(cell) if cell else "none"]
    return (
        f'<rect x="{x}" y="{y}" width="{COLUMN_W}" height="{ROW_H}" fill="{fill}" '
        f'stroke="#c4c9cf"/>{_text(x + 8, y + 20, text)}'
    )


def _text(x: int, y: int, text: str, weight: str = "normal") -> str:
    return f'<text x="{x}" y="{y}" font-weight="{weight}" fill="#1b1f24">{escape(text)}</text>'


def matrix_section(document: Mapping[str, Any]) -> str:
    """The matrix as a piece of HTML: tables, then footnotes."""
    parts: list[str] = []
    for title, verifiers, peers, cells in tables(document):
        rows = []
        for verifier in verifiers:
            found = (cells.get((verifier, peer)) for peer in peers)
            boxes = (
                f'<td class="{tone(c) if c else "none"}">{escape(word(c, document))}</td>'
                for c in found
            )
            rows.append(f'<tr><th scope="row">{escape(verifier)}</th>{"".join(boxes)}</tr>')
        heads = "".join(f'<th scope="col">{escape(peer)}</th>' for peer in peers)
        parts.append(
            f'<div class="wide"><table><caption>{escape(title)}: rows verify columns</caption>'
            f"<thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        )
    if document["footnotes"]:
        notes = "".join(
            f'<li value="{note["number"]}"><strong>{escape(note["reason"])}</strong> '
            f"({escape(note['server'])}): {escape(note['text'])}. "
            f"<code>{escape(note['explain'])}</code></li>"
            for note in document["footnotes"]
        )
        parts.append(f"<ol>{notes}</ol>")
    return "".join(parts) or "<p>No Edge is subscribed: direct trust is used nowhere.</p>"


def matrix_html(document: Mapping[str, Any]) -> str:
    """The matrix as a page."""
    return page("Who trusts whom", f"Lab clock {document['at']}", [("", matrix_section(document))])


def page(title: str, subtitle: str, sections: Sequence[tuple[str, str]]) -> str:
    """A whole self-contained page from headed pieces of HTML."""
    body = "".join(
        (f"<h2>{escape(head)}</h2>" if head else "") + content for head, content in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1><p>{escape(subtitle)}</p>{body}"
        "<footer>Made by edgesync on a simulated organisation; nothing here was measured on a "
        "production server.</footer></body></html>\n"
    )
