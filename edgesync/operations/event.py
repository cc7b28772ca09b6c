"""What the servers of the lab would have written to their event logs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.errors import UsageError
from edgesync.operations.registry import Document, Help, Outcome, operation

if TYPE_CHECKING:
    from edgesync.operations.context import Context

_WIDTH = 78
LIMIT_MAX = 100_000
"""As many as the lab keeps."""

Severity = Literal["information", "warning", "error"]


def _render(document: Document) -> Iterable[str]:
    for event in document["events"]:
        number = event["id"] or "-"
        head = f"{event['at'][:19]}Z  {event['server']}  {event['severity']}"
        yield f"{head}  {event['source']} {number} {event['name']}"
        yield from wrap(event["text"], _WIDTH, initial_indent="    ", subsequent_indent="    ")
    if not document["events"]:
        yield "No events."


@operation(
    "event", "list", render=_render, rows="events",
    example="edgesync event list --server HUB01 --severity error",
)  # fmt: skip
def list_(
    context: Context,
    *,
    server: Annotated[str | None, Help("only of this server", completes="server")] = None,
    id_: Annotated[int | None, Help("only this event id: 1036, 2018, 10104", metavar="ID")] = None,
    name: Annotated[str | None, Help("only this name, or the beginning of one")] = None,
    source: Annotated[str | None, Help("only of this source: MSExchangeTransport")] = None,
    severity: Annotated[Severity | None, Help("this severity or worse")] = None,
    since: Annotated[str | None, Help("from this instant of lab time on (RFC 3339)")] = None,
    exchange: Annotated[bool, Help("only events a real Exchange server has")] = False,
    limit: Annotated[int, Help("how many, the latest", metavar="N")] = 100,
) -> Outcome:
    """List events, oldest first: Exchange's ids and names, and the lab's own without an id."""
    if not 1 <= limit <= LIMIT_MAX:
        raise UsageError(f"--limit takes 1 to {LIMIT_MAX}", "for example --limit 50")
    lab = context.lab
    wanted = lab.server(server).name if server else ""
    start = _instant(since) if since else None
    order = ("information", "warning", "error")
    found = [
        {"number": number, **event.document()}
        for number, event in lab.ledger.events(server=wanted)
        if (id_ is None or event.kind.id == id_)
        and (name is None or event.kind.name.casefold().startswith(name.casefold()))
        and (source is None or event.kind.source.casefold() == source.casefold())
        and (severity is None or order.index(event.kind.severity) >= order.index(severity))
        and (start is None or event.at >= start)
        and (not exchange or event.kind.id)
    ]
    return Outcome({"schema": "edgesync.event-list/1", "events": found[-limit:]})


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{text!r} is not an instant", "for example 2026-11-02T08:00:00Z"
        ) from None
    if at.tzinfo is None:
        raise UsageError(f"{text!r} has no time zone", "put a Z behind it for UTC")
    return at
