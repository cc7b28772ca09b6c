"""What the servers would have written to the event log, and what was done to the lab."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console.rendering import page
from edgesync.events import Severity

SHOWN = 200
"""Events on one page."""

COMMANDS_SHOWN = 50
"""Latest commands on the page."""

SEARCHED = 5000
"""Latest events a filter looks through."""


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/events", events)]


def events(request: Request) -> Response:
    """The latest events, newest first, by server, severity and word."""
    lab = request.app.state.lab
    wanted = {key: request.query_params.get(key, "") for key in ("server", "severity", "word")}
    is_filtered = bool(wanted["severity"] or wanted["word"])
    found = lab.ledger.events(server=wanted["server"], limit=SEARCHED if is_filtered else SHOWN)
    rows = [
        {"number": number, **event.document()}
        for number, event in reversed(found)
        if wanted["severity"] in {"", event.kind.severity.value}
        and wanted["word"].lower() in f"{event.kind.name} {event.text}".lower()
    ]
    values = {
        "rows": rows[:SHOWN],
        "servers": [server.name for server in lab.servers()],
        "severities": [item.value for item in Severity],
        "commands": list(lab.ledger.commands())[-COMMANDS_SHOWN:][::-1],
        **wanted,
    }
    return page(request, "events.html", "events", "Events", values)
