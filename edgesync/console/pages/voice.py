"""Unified Messaging: how the services run, whom they talk to, and what a call would come to."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console.asking import ask
from edgesync.console.rendering import page
from edgesync.console.trust_table import path_table


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/calls", calls)]


def calls(request: Request) -> Response:
    """Services, dial plans, gateways, and each gateway's way to each service."""
    values = {
        "status_": ask(request, "um.status"),
        "plans": ask(request, "um.dialplan"),
        "gateways": ask(request, "um.gateway"),
        "ways": path_table(request, ("gateway-um", "um-hub")).rows,
    }
    return page(request, "calls.html", "calls", "Calls", values)
