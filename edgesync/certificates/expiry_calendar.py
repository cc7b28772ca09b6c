"""Expiry rows for other programs' eyes: an iCalendar file and an SVG strip of months."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from edgesync.certificates.expiry import Expiry, Light

LINE_OCTETS_MAX = 75
"""Longest line of iCalendar, octets (RFC 5545 section 3.1)."""

ALARM_DAYS = 30
"""How long before the end the calendar reminds: when the light turns red."""

ROWS_MAX = 500
"""Most rows drawn; an organisation with more wants the table."""

_COLOURS = {
    Light.EXPIRED: "#7f1d1d",
    Light.RED: "#dc2626",
    Light.YELLOW: "#d97706",
    Light.GREEN: "#15803d",
}
_LEFT, _WIDTH, _ROW, _HEAD = 250, 720, 22, 34


def icalendar(items: Sequence[Expiry], now: datetime) -> str:
    """A calendar with one all-day event per end and a reminder before it (RFC 5545).

    The same rows give the same UIDs, so that importing again updates instead of doubling.
    """
    return "".join(f"{_folded(line)}\r\n" for line in _calendar_lines(items, now))


def svg_strip(items: Sequence[Expiry], now: datetime) -> str:
    """A strip of time from now to the last end, one bar per row, coloured by urgency."""
    shown = items[:ROWS_MAX]
    last = max((item.ends_at for item in shown), default=now)
    end = max(last, now + timedelta(days=30)) + timedelta(days=7)
    total = (end - now).total_seconds()

    def x(at: datetime) -> float:
        share = (at - now).total_seconds() / total
        return round(_LEFT + _WIDTH * min(1.0, max(0.0, share)), 1)

    height = _HEAD + _ROW * max(1, len(shown)) + 10
    width = _LEFT + _WIDTH + 20
    box = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="12">',
        f"<title>Expiry from {now:%Y-%m-%d}: {len(items)} items</title>",
        *_months(now, end, x, height),
        *_bars(shown, now, x),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _calendar_lines(items: Sequence[Expiry], now: datetime) -> Iterator[str]:
    yield "BEGIN:VCALENDAR"
    yield "VERSION:2.0"
    yield "PRODID:-//edgesync-lab//expiry//EN"
    yield "CALSCALE:GREGORIAN"
    for item in items:
        yield "BEGIN:VEVENT"
        yield f"UID:{item.kind.value}-{item.server}-{item.name}@edgesync-lab"
        yield f"DTSTAMP:{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        yield f"DTSTART;VALUE=DATE:{item.ends_at:%Y%m%d}"
        yield f"SUMMARY:{_text(f'{item.server}: {item.kind.value} {item.name} expires')}"
        yield f"DESCRIPTION:{_text(item.detail)}"
        yield f"CATEGORIES:{item.light(now).value}"
        yield "TRANSP:TRANSPARENT"
        yield "BEGIN:VALARM"
        yield "ACTION:DISPLAY"
        yield f"DESCRIPTION:{_text(f'{item.server}: {item.name} expires soon')}"
        yield f"TRIGGER:-P{ALARM_DAYS}D"
        yield "END:VALARM"
        yield "END:VEVENT"
    yield "END:VCALENDAR"


def _text(value: str) -> str:
    """A TEXT value (RFC 5545 section 3.3.11)."""
    for char, escaped in (("\\", "\\\\"), (";", "\\;"), (",", "\\,"), ("\n", "\\n")):
        value = value.replace(char, escaped)
    return value


def _folded(line: str) -> str:
    """A line broken at 75 octets, never inside a character."""
    parts: list[str] = []
    current, size = "", 0
    for char in line:
        width = len(char.encode())
        if size + width > LINE_OCTETS_MAX:
            parts.append(current)
            current, size = " ", 1
        current += char
        size += width
    return "\r\n".join([*parts, current])


def _months(
    now: datetime, end: datetime, x: Callable[[datetime], float], height: int
) -> Iterator[str]:
    total = (end.year - now.year) * 12 + end.month - now.month
    step = max(1, total // 12)
    for count in range(1, total + 1, step):
        index = now.month - 1 + count
        at = datetime(now.year + index // 12, index % 12 + 1, 1, tzinfo=UTC)
        left = x(at)
        yield f'<line x1="{left}" y1="24" x2="{left}" y2="{height}" stroke="#d4d4d8"/>'
        yield f'<text x="{left}" y="16" text-anchor="middle" fill="#52525b">{at:%Y-%m}</text>'


def _bars(items: Sequence[Expiry], now: datetime, x: Callable[[datetime], float]) -> Iterator[str]:
    for number, item in enumerate(items):
        top = _HEAD + _ROW * number
        width = max(3.0, round(x(item.ends_at) - _LEFT, 1))
        label = escape(f"{item.server} {item.kind.value} {item.name[:16]}")
        hover = escape(f"{item.detail}: {item.ends_at:%Y-%m-%d}, {item.left(now).days} days")
        colour = _COLOURS[item.light(now)]
        yield f'<text x="8" y="{top + 13}" fill="#18181b">{label}</text>'
        yield (
            f'<rect x="{_LEFT}" y="{top + 2}" width="{width}" height="14" rx="2" '
            f'fill="{colour}"><title>{hover}</title></rect>'
        )
