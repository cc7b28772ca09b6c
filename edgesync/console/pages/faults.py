"""Faults on the lab's lines: which lie there, what they struck, one more."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console import forms
from edgesync.console.asking import ask
from edgesync.console.rendering import page
from edgesync.lab.faults.fault import GISTS
from edgesync.operations.fault import when
from edgesync.operations.registry import find_operation


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/faults", faults)]


def faults(request: Request) -> Response:
    """Every fault with its counts, and a form for one more."""
    adding = find_operation("fault.add")
    listed = ask(request, "fault.list")
    values = {
        "listed": listed,
        "rows": [{**row, "when": when(row)} for row in listed.rows("faults")],
        "operation": adding,
        "gists": {kind.value: text for kind, text in GISTS.items()},
        "fields": forms.fields_of(adding, {}, request.app.state.lab),
        "command": adding.command_line({}),
    }
    return page(request, "faults.html", "faults", "Faults", values)
