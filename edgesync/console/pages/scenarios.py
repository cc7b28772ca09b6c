"""Scenarios that can be played, and faults that can be put into the lab."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console.asking import Answer, ask
from edgesync.console.rendering import page
from edgesync.operations.registry import Operation, nouns, operations_of


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/scenarios", scenarios)]


def scenarios(request: Request) -> Response:
    """The gallery, and what else is done with scenarios and faults."""
    offered = [o for noun in ("simulate", "fault") for o in operations_of(noun) if o.remote]
    values = {
        "listed": _asked(request, "simulate.list", offered),
        "faults": _asked(request, "fault.list", offered),
        "operations": offered,
        "has_any": bool({"simulate", "fault"} & set(nouns())),
    }
    return page(request, "scenarios.html", "scenarios", "Scenarios", values)


def _asked(request: Request, name: str, offered: list[Operation]) -> Answer | None:
    return ask(request, name) if any(item.name == name for item in offered) else None
