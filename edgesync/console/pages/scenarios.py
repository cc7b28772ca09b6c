"""Scenarios that can be played."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console.asking import ask
from edgesync.console.rendering import page
from edgesync.operations.registry import operations_of


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/scenarios", scenarios)]


def scenarios(request: Request) -> Response:
    """The gallery, and what else is done with scenarios."""
    values = {
        "listed": ask(request, "simulate.list"),
        "operations": [item for item in operations_of("simulate") if item.remote],
    }
    return page(request, "scenarios.html", "scenarios", "Scenarios", values)
