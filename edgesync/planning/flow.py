"""What becomes of mail that sets out now, read off real handshakes of a lab."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgesync.lab.lab import Lab
from edgesync.organization.connectors import list_receive_connectors, list_send_connectors
from edgesync.organization.domains import list_accepted_domains
from edgesync.planning.classify import reason_of
from edgesync.planning.matrix import Cell, Matrix
from edgesync.planning.observation import Path
from edgesync.planning.pairs import Topology
from edgesync.planning.world import Flow, in_through, out_through
from edgesync.transport.routing import best_connector, is_inbound
from edgesync.trust.direct import Direction
from edgesync.trust.verdict import Reason

SOMEWHERE = "somewhere.invalid"
"""A domain of nobody (RFC 2606): whatever takes it is the way to the Internet."""


@dataclass(frozen=True, slots=True)
class FlowNow:
    """One stream of mail and how it fares."""

    name: str
    flow: Flow
    is_outbound: bool


def flows_now(lab: Lab, matrix: Matrix) -> tuple[FlowNow, ...]:
    """Every stream between Hubs and Edges of subscribed sites: out of each Hub, in by each Edge."""
    topology = Topology.of(lab)
    cells = {
        (c.pair.verifier, c.pair.peer): c for c in matrix.applicable if c.pair.path is Path.SMTP
    }
    edges = [e for e in topology.edges if topology.hubs_of(e)]
    doors = {e: _is_open(lab, e) for e in edges}
    found = []
    for hub in dict.fromkeys(h.name for e in edges for h in topology.hubs_of(e)):
        own = [e for e in edges if any(h.name == hub for h in topology.hubs_of(e))]
        hops = ((_hop(cells, hub, e), _has_route(lab, e, inbound=False)) for e in own)
        found.append(FlowNow(f"{hub} to the Internet", out_through(hops), is_outbound=True))
    for edge in edges:
        flow = _inbound(lab, topology, cells, edge, doors)
        found.append(FlowNow(f"Internet by {edge}", flow, is_outbound=False))
    return tuple(found)


def _inbound(
    lab: Lab,
    topology: Topology,
    cells: dict[tuple[str, str], Cell],
    edge: str,
    doors: dict[str, bool],
) -> Flow:
    if not doors[edge]:  # senders take another MX, where there is one
        return Flow.OK if any(doors.values()) else Flow.HELD
    hops = [_hop(cells, edge, hub.name) for hub in topology.hubs_of(edge)]
    return in_through(
        hops,
        knows_domains=bool(list_accepted_domains(lab.edge_port(edge), lab.edge(edge).names)),
        has_route=_has_route(lab, edge, inbound=True),
    )


def _hop(cells: dict[tuple[str, str], Cell], sender: str, receiver: str) -> Flow:
    """One connection: the sender judges the receiver first, then is judged."""
    if not _accepts(cells.get((sender, receiver)), Direction.OUTBOUND):
        return Flow.HELD
    known = _accepts(cells.get((receiver, sender)), Direction.INBOUND)
    return Flow.OK if known else Flow.LOST


def _accepts(cell: Cell | None, direction: Direction) -> bool:
    if cell is None or cell.seen is None:
        return False
    good = {Reason.TRUSTED, Reason.TRUSTED_EXPIRED}
    approaches: Iterable[bool] = (
        reason_of(a, cell.seen) in good for a in cell.seen.approaches if a.direction is direction
    )
    return all(approaches)


def _is_open(lab: Lab, edge: str) -> bool:
    """Whether the Edge takes connections on port 25."""
    found = list_receive_connectors(lab.edge_port(edge), lab.edge(edge).names, edge)
    return any(c.enabled and c.port == 25 for c in found)


def _has_route(lab: Lab, edge: str, *, inbound: bool) -> bool:
    """Whether the connectors EdgeSync brings are there."""
    found = [
        c for c in list_send_connectors(lab.edge_port(edge), lab.edge(edge).names) if c.enabled
    ]
    if inbound:
        return any(is_inbound(c) for c in found)
    return best_connector(found, SOMEWHERE) is not None
