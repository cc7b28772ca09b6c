"""The first page: is everything well, and if not, where to look."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console.asking import ask
from edgesync.console.rendering import page
from edgesync.console.trust_table import matrix_answer, trust_table

EXPIRIES = 5
EVENTS = 12


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/", overview)]


def overview(request: Request) -> Response:
    """Matrix, sync lamps, next expiries, servers, latest events."""
    lab = request.app.state.lab
    matrix = matrix_answer(request)
    expiry = ask(request, "cert.expiry")
    status = ask(request, "lab.status")
    values = {
        "matrix": matrix,
        "tables": [trust_table(matrix.rows("cells"), path) for path in ("smtp", "ldaps")],
        "sync": ask(request, "sync.status"),
        "expiry": expiry,
        "expiries": expiry.rows("items")[:EXPIRIES],
        "status": status,
        "time": ask(request, "lab.clock"),
        "faults": ask(request, "fault.list"),
        "servers": status.document.get("servers", {}),
        "events": [event.document() for _, event in lab.ledger.events(limit=EVENTS)][::-1],
    }
    return page(request, "overview.html", "overview", "Overview", values)
