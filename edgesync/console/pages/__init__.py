"""The console's pages, one module per section."""

from __future__ import annotations

from starlette.routing import BaseRoute

from edgesync.console.pages import actions, directory, events, overview


def routes() -> list[BaseRoute]:
    """Every page."""
    return [
        route for section in (overview, directory, actions, events) for route in section.routes()
    ]
