"""The lab's own time: look at it, let it pass."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import listing

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context

SPAN_MAX = timedelta(days=3660)
"""Furthest advance of one call: ten years, twice a certificate's life."""

SLICE = timedelta(days=7)
"""Progress is told, and others are let in, this often."""


def _render(document: Document) -> Iterable[str]:
    yield from listing(
        [
            ("Clock", document["clock"]),
            ("Runs", "with real time" if document["is_running"] else "only when told"),
            ("Next", _next_text(document["next"])),
        ]
    )
    if "ran" in document:
        yield f"{document['advanced_s']:.0f} s passed, {document['ran']} activities ran"


def _next_text(row: Document | None) -> str:
    return f"{row['name']} at {row['due']}" if row else "nothing is due"


def _document(lab: Lab) -> Document:
    following = lab.agenda.next()
    return {
        "schema": "edgesync.lab-clock/1",
        "clock": _instant(lab.clock.now()),
        "is_running": lab.clock.is_running,
        "next": following and {"name": following.name, "due": _instant(following.due)},
    }


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


@operation("lab", "clock", render=_render, example="edgesync lab clock")
def clock(context: Context) -> Outcome:
    """Show the lab's time and what its servers do next by themselves."""
    return Outcome(_document(context.lab))


@operation("lab", "advance", render=_render, writes=True, example="edgesync lab advance 30d")
def advance(
    context: Context,
    span: Annotated[str | None, Help("how far: 90s, 5m, 36h, 30d", metavar="SPAN")] = None,
    *,
    until: Annotated[str | None, Help("to this instant, RFC 3339", metavar="TIME")] = None,
    to_next: Annotated[bool, Help("to what is due next")] = False,
) -> Outcome:
    """Let the lab's time pass; what falls due on the way runs as if it had passed.

    A lab that is up goes on in real time from there. Time never goes back: take a snapshot before.
    """
    from edgesync.errors import RefusedByRule

    lab = context.lab
    start = lab.clock.now()
    end = _end(lab, span, until, is_next=to_next)
    if not start <= end <= start + SPAN_MAX:
        raise RefusedByRule(
            f"{_instant(end)} is not between now and ten years from now",
            "time does not go back: lab restore a snapshot, or fork",
        )
    ran = 0
    with lab.clock.standing():
        while (here := lab.clock.now()) < end:
            ran += lab.agenda.advance_to(min(end, here + SLICE))
            context.progress(
                {"phase": "time", "done": (here - start).days, "total": (end - start).days}
            )
        if to_next:
            ran += lab.agenda.advance_to(lab.clock.now())
    document = _document(lab)
    return Outcome({**document, "advanced_s": (end - start).total_seconds(), "ran": ran})


def _end(lab: Lab, span: str | None, until: str | None, *, is_next: bool) -> datetime:
    """The instant that is meant: exactly one of the three says it."""
    from edgesync.errors import NoSuchThing, UsageError
    from edgesync.operations.timespan import parse_timespan

    if sum((span is not None, until is not None, is_next)) != 1:
        raise UsageError("say how far", "a span, or --until TIME, or --to-next")
    now = lab.clock.now()
    if is_next:
        following = lab.agenda.next()
        if following is None:
            raise NoSuchThing("nothing is due in this lab", "give a span; subscribe an Edge first")
        return max(now, following.due)
    try:
        if span is not None:
            return now + parse_timespan(span)
        found = datetime.fromisoformat(until or "")
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{until or span!r} is no time", "for example 2027-11-02T08:00:00Z") from (
            error
        )
    return found if found.tzinfo else found.replace(tzinfo=UTC)
