"""Certificates of every server: the four truths, what ends when, and what can be done."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console.asking import ask
from edgesync.console.rendering import page

Week = list[tuple[date, bool, list[Mapping[str, Any]]]]
"""Seven days: the day, whether it is of the month, what ends on it."""

YEARS = range(1970, 9999)


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/certificates", certificates), Route("/certificates/calendar", month)]


def certificates(request: Request) -> Response:
    """All certificates; with ``server`` that one's in full."""
    asked = request.query_params.get("server", "")
    lab = request.app.state.lab
    listed = ask(request, "cert.list", server=(asked,) if asked else ())
    by_server: dict[str, list[dict[str, Any]]] = {}
    for row in listed.rows("certificates"):
        by_server.setdefault(row["server"], []).append(row)
    values = {
        "listed": listed,
        "by_server": by_server,
        "shown": ask(request, "cert.show", server=asked) if asked else None,
        "server": asked,
        "names": [server.name for server in lab.servers()],
        "expiry": ask(request, "cert.expiry", server=(asked,) if asked else ()),
    }
    status = 404 if asked and listed.error else 200
    return page(request, "certificates.html", "certificates", "Certificates", values, status=status)


def month(request: Request) -> Response:
    """One month with what ends on each day."""
    expiry = ask(request, "cert.expiry")
    items = expiry.rows("items")
    first = _first_day(request, items)
    before = date(first.year - (first.month == 1), (first.month - 2) % 12 + 1, 1)
    after = date(first.year + (first.month == 12), first.month % 12 + 1, 1)
    values = {
        "expiry": expiry,
        "first": first,
        "title_": f"{calendar.month_name[first.month]} {first.year}",
        "days": [calendar.day_abbr[n] for n in range(7)],
        "weeks": _weeks(first, items),
        "before": before,
        "after": after,
        "busy": sorted({item["not_after"][:7] for item in items}),
    }
    return page(request, "calendar.html", "certificates", "Calendar", values)


def _first_day(request: Request, items: Iterable[Mapping[str, Any]]) -> date:
    """The month asked for, else the one in which something ends next."""
    asked = request.query_params.get("month", "")
    try:
        found = datetime.strptime(asked, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError:
        now: datetime = request.app.state.lab.clock.now()
        ends = [item["not_after"][:7] for item in items if item["not_after"][:7] >= f"{now:%Y-%m}"]
        year, number = map(int, (min(ends, default=f"{now:%Y-%m}")).split("-"))
        found = date(year, number, 1)
    return found if found.year in YEARS else date(2026, 1, 1)


def _weeks(first: date, items: Iterable[Mapping[str, Any]]) -> list[Week]:
    by_day: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        by_day.setdefault(item["not_after"][:10], []).append(item)
    weeks = calendar.Calendar().monthdatescalendar(first.year, first.month)
    return [
        [(day, day.month == first.month, by_day.get(day.isoformat(), [])) for day in week]
        for week in weeks
    ]
