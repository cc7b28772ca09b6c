"""EdgeSync: what is due, what ran, who holds the lease, what would change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console.asking import ask
from edgesync.console.drawings import lease_timeline
from edgesync.console.rendering import drawing, page
from edgesync.events import LEASE_TAKEN
from edgesync.lab.lab import Lab

RUNS = 40
EVENTS_SEARCHED = 2000
LEASES_SHOWN = timedelta(hours=24)
"""How far back the lease timeline goes from the latest lease."""


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/sync", sync), Route("/sync/plan", plan), Route("/sync/verify", verify)]


def sync(request: Request) -> Response:
    """Every Edge's jobs, leases and latest runs."""
    lab = request.app.state.lab
    values = {
        "sync": ask(request, "sync.status"),
        "subscriptions": ask(request, "subscription.list"),
        "leases": ask(request, "sync.lease"),
        "history": ask(request, "sync.history", limit=RUNS),
        "timeline": drawing(lease_timeline(lease_spans(lab))),
        "edges": [server.name for server in lab.servers("edge")],
    }
    return page(request, "sync.html", "sync", "Synchronization", values)


def lease_spans(lab: Lab) -> list[dict[str, Any]]:
    """Who held which Edge from when to when, from the events of taking."""
    taken = [
        (event.at, str(event.data["edge"]), str(event.data["hub"]), _until(event.data["until"]))
        for _, event in lab.ledger.events(limit=EVENTS_SEARCHED)
        if event.kind is LEASE_TAKEN
    ]
    return list(_joined(taken))


def _until(value: str | int) -> datetime:
    return datetime.fromisoformat(str(value))


def _joined(taken: Iterable[tuple[datetime, str, str, datetime]]) -> Iterable[dict[str, Any]]:
    """Renewals of one holder are one span; another holder ends it."""
    last: dict[str, dict[str, Any]] = {}
    spans: list[dict[str, Any]] = []
    for at, edge, holder, until in taken:
        before = last.get(edge)
        if before is not None and before["end"] > at:
            if before["holder"] == holder:
                before["end"] = max(before["end"], until)
                continue
            before["end"] = at
        last[edge] = {"edge": edge, "holder": holder, "start": at, "end": until}
        spans.append(last[edge])
    newest = max((span["end"] for span in spans), default=None)
    return [s for s in spans if newest is not None and s["end"] > newest - LEASES_SHOWN]


def plan(request: Request) -> Response:
    """What a run would change now; nothing is changed."""
    edge = request.query_params.get("edge", "")
    values = {"answer": ask(request, "sync.plan", edge=(edge,) if edge else ()), "edge": edge}
    return page(request, "sync_plan.html", "sync", "Plan", values)


def verify(request: Request) -> Response:
    """Compare organisation and Edge, as Test-EdgeSynchronization does."""
    full = request.query_params.get("full") == "1"
    values = {"answer": ask(request, "sync.verify", full=full or None), "full": full}
    return page(request, "sync_verify.html", "sync", "Verify", values)
