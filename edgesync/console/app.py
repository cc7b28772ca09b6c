"""The application a running lab serves: pages at ``/``, the API below ``/api/v1/``."""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from directory.errors import DirectoryError
from edgesync.console import api, pages, revocation
from edgesync.console.asking import RunLog
from edgesync.console.calls import Caller, as_known, status_of
from edgesync.console.metrics import Counters, metrics
from edgesync.console.protection import Protection, RequestRefused, refusal
from edgesync.console.rendering import FOLDER, page
from edgesync.console.streams import EventStreams, events
from edgesync.errors import EdgeSyncError
from edgesync.lab.lab import Lab

_log = logging.getLogger(__name__)


def create_app(lab: Lab, token: str, *, stop: Callable[[], None] | None = None) -> Starlette:
    """The application of one lab. ``stop`` ends the lab when the API is asked to."""
    routes: list[BaseRoute] = [
        *api.routes(),
        Route("/api/v1/events", events),
        Route("/metrics", metrics),
        *revocation.routes(),
        Mount("/static", StaticFiles(directory=FOLDER / "static")),
        *pages.routes(),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Protection, token=token, fault=_failed)],
        exception_handlers={
            404: _not_found,
            405: _not_allowed,
            EdgeSyncError: _failed,
            DirectoryError: _failed,
        },
    )
    app.state.lab = lab
    app.state.caller = Caller(lab)
    app.state.streams = EventStreams(lab)
    app.state.counters = Counters(lab)
    app.state.runs = RunLog()
    app.state.stop = stop
    return app


def _not_found(request: Request, _: Exception) -> Response:
    return _refused(request, RequestRefused(404, "there is no such page", "start at /"))


def _not_allowed(request: Request, error: Exception) -> Response:
    refused = RequestRefused(405, "this address has no such method", "see /openapi.json")
    answer = _refused(request, refused)
    answer.headers.update(getattr(error, "headers", None) or {})
    return answer


def _failed(request: Request, error: Exception) -> Response:
    # people get the message on the page; the traceback is for who turned logging on
    _log.debug("%s failed", request.url.path, exc_info=error)
    return _refused(request, error)


def _refused(request: Request, error: Exception) -> Response:
    """The error as a page for people, as JSON for programs."""
    known = as_known(error)
    status = error.status if isinstance(error, RequestRefused) else status_of(error)
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return refusal(known, status)
    return page(request, "error.html", "", "Not here", {"error": known}, status=status)
