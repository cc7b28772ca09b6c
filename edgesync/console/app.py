"""The application a running lab serves: pages at ``/``, the API below ``/api/v1/``."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console import api
from edgesync.console.calls import Caller, as_known, status_of
from edgesync.console.protection import Protection, RequestRefused, refusal
from edgesync.console.streams import EventStreams, events
from edgesync.lab.lab import Lab


def create_app(lab: Lab, token: str, *, stop: Callable[[], None] | None = None) -> Starlette:
    """The application of one lab. ``stop`` ends the lab when the API is asked to."""
    routes: list[BaseRoute] = [*api.routes(), Route("/api/v1/events", events)]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Protection, token=token)],
        exception_handlers={404: _not_found, 405: _not_allowed, Exception: _failed},
    )
    app.state.lab = lab
    app.state.caller = Caller(lab)
    app.state.streams = EventStreams(lab)
    app.state.stop = stop
    return app


def _not_found(_: Request, __: Exception) -> Response:
    return refusal(RequestRefused(404, "there is no such page", "start at /"))


def _not_allowed(_: Request, error: Exception) -> Response:
    answer = refusal(RequestRefused(405, "this address has no such method", "see /openapi.json"))
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


def _failed(_: Request, error: Exception) -> Response:
    return refusal(as_known(error), status_of(error))
