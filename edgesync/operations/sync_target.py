"""Which Edges a command about EdgeSync is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgesync.errors import NoSuchThing
from edgesync.operations.registry import Help

if TYPE_CHECKING:
    from edgesync.lab.edge_sync import EdgeSync
    from edgesync.operations.context import Context

EDGES = Help("only this Edge; default: every subscribed one", completes="edge")


def edge_sync_of(context: Context) -> EdgeSync:
    """The lab's EdgeSync services."""
    from edgesync.lab.edge_sync import EdgeSync

    return context.lab.service(EdgeSync)


def subscribed_edges(context: Context, wanted: Iterable[str]) -> tuple[str, ...]:
    """The Edges named, or every subscribed one.

    Raises:
        NoSuchThing: none is subscribed, or one that was named is not.
    """
    named = tuple(wanted)
    known = {s.name.casefold(): s.name for s in edge_sync_of(context).subscribed()}
    if not named:
        if not known:
            raise NoSuchThing("no Edge is subscribed", "edgesync subscription export EDGE")
        return tuple(known.values())
    for name in named:
        edge = context.lab.edge(name).name
        if edge.casefold() not in known:
            raise NoSuchThing(f"{edge} is not subscribed", f"edgesync subscription export {edge}")
    return tuple(known[name.casefold()] for name in named)
