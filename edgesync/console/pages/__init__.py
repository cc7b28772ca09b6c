"""The console's pages, one module per section."""

from __future__ import annotations

from starlette.routing import BaseRoute

from edgesync.console.pages import (
    actions,
    certificates,
    clients,
    directory,
    events,
    faults,
    mail,
    overview,
    scenarios,
    sync,
    trust,
    voice,
    whatif,
)

SECTIONS = (
    overview, trust, certificates, directory, sync, mail, clients, voice, whatif, scenarios,
    faults, events, actions,
)  # fmt: skip


def routes() -> list[BaseRoute]:
    """Every page."""
    return [route for section in SECTIONS for route in section.routes()]
