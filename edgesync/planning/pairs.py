"""Which servers have to trust which others, and on which path (certificate-facts 0, 4.2, 4.9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from directory.model.dn import DN
from edgesync.lab.lab import Lab
from edgesync.organization.servers import ServerObject, ServerRole, list_servers
from edgesync.planning.observation import Path
from edgesync.subscription.credentials import readable_records

SERVERS_SHOWN_MAX = 40
"""Most servers whose pairs are all listed; larger labs list the subscribed sites' servers only,
since the pairs that do not apply grow with the square."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One cell of the matrix. ``why_not`` empty: direct trust has to hold there."""

    verifier: str
    peer: str
    path: Path
    why_not: str = ""

    @property
    def applies(self) -> bool:
        """Whether direct trust is used between the two on this path."""
        return not self.why_not


@dataclass(frozen=True, slots=True)
class Topology:
    """The transport servers of the organisation as AD knows them, and the lab's Edges."""

    hubs: tuple[ServerObject, ...]
    edges: dict[str, ServerObject | None]
    """Edges by name; None while AD has no object of them: not subscribed."""

    @classmethod
    def of(cls, lab: Lab) -> Topology:
        """The topology now."""
        known = list_servers(lab.ad_port(), lab.ad.names)
        roles = ServerRole.HUB
        if not lab.description.profile.separate_roles:
            roles |= ServerRole.MAILBOX
        hubs = tuple(s for s in known if s.roles & roles and not s.roles & ServerRole.EDGE)
        in_ad = {s.name.casefold(): s for s in known if s.roles & ServerRole.EDGE}
        return cls(hubs, {name: in_ad.get(name.casefold()) for name in sorted(lab.edges)})

    def hub(self, name: str) -> ServerObject | None:
        """A Hub by name."""
        return next((h for h in self.hubs if h.name.casefold() == name.casefold()), None)

    def site_of(self, edge: str) -> DN | None:
        """The AD site an Edge is subscribed to."""
        server = self.edges.get(edge)
        return server.site if server is not None else None

    def hubs_of(self, edge: str) -> tuple[ServerObject, ...]:
        """The Hubs an Edge exchanges mail with: those of its site."""
        site = self.site_of(edge)
        return tuple(h for h in self.hubs if site is not None and h.site == site)

    def syncs(self, hub: ServerObject, edge: str) -> bool:
        """Whether a Hub takes part in EdgeSync with an Edge: it has a credential record for it."""
        server = self.edges.get(edge)
        return server is not None and any(
            record.target_server_fqdn == server.fqdn
            for _, record in readable_records(hub.credentials)
        )


def pair(topology: Topology, verifier: str, peer: str, path: Path) -> Pair:
    """Whether direct trust applies between two servers, and why not."""
    return Pair(verifier, peer, path, _why_not(topology, verifier, peer, path))


def all_pairs(topology: Topology) -> Iterator[Pair]:
    """Every verifier with every peer on every path that could be asked about, in reading order."""
    hubs = [h.name for h in topology.hubs]
    edges = list(topology.edges)
    if len(hubs) + len(edges) > SERVERS_SHOWN_MAX:
        edges = [e for e in edges if topology.site_of(e) is not None]
        sites = {topology.site_of(e) for e in edges}
        hubs = [h.name for h in topology.hubs if h.site in sites]
    for verifier in (*hubs, *edges):
        for peer in (*hubs, *edges):
            if peer != verifier:
                yield pair(topology, verifier, peer, Path.SMTP)
    for hub in hubs:
        for edge in edges:
            yield pair(topology, hub, edge, Path.LDAPS)


def _why_not(topology: Topology, verifier: str, peer: str, path: Path) -> str:
    hub = topology.hub(verifier) or topology.hub(peer)
    edge = next((n for n in (peer, verifier) if n in topology.edges), None)
    if hub is None:
        return "Edges do not trust each other: mail between them is Internet mail"
    if edge is None:
        return "Hubs authenticate each other with Kerberos, not by certificate"
    if path is Path.LDAPS and verifier == edge:
        return "the Hub opens the LDAPS session, never the Edge"
    if topology.edges[edge] is None:
        return f"{edge} is not subscribed"
    if topology.site_of(edge) is None:
        return f"{edge} belongs to no AD site"
    if hub.site != topology.site_of(edge):
        return f"{hub.name} is in another AD site than {edge}'s subscription"
    if path is Path.LDAPS and not topology.syncs(hub, edge):
        return f"{hub.name} joined after {edge} was subscribed: it does not sync until resubscribed"
    return ""
