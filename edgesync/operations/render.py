"""Plain-text tables for people. Data for machines is the document itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def columns(
    headers: Sequence[str], rows: Iterable[Sequence[Any]], *, indent: int = 0
) -> Iterator[str]:
    """Rows aligned in columns two spaces apart; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [len(header) for header in headers]
    for row in cells:
        for i, value in enumerate(row):
            widths[i] = max(widths[i], len(value))
    right = [
        bool(cells) and all(_is_number(row[i]) for row in cells if row[i])
        for i in range(len(headers))
    ]
    for row in ([list(headers)] if any(headers) else []) + cells:
        parts = [
            value.rjust(widths[i]) if right[i] else value.ljust(widths[i])
            for i, value in enumerate(row)
        ]
        yield (" " * indent + "  ".join(parts)).rstrip()


def listing(pairs: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """``Name : value`` lines, as Format-List prints them."""
    items = [(name, _cell(value)) for name, value in pairs]
    width = max((len(name) for name, _ in items), default=0)
    for name, value in items:
        yield f"{name.ljust(width)} : {value}".rstrip()


def properties(document: Mapping[str, Any]) -> Iterator[str]:
    """A whole answer as a listing, its ``schema`` left out."""
    yield from listing((name, value) for name, value in document.items() if name != "schema")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(item) for item in value)
    return str(value)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "", 1).isdigit()
