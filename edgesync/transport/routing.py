"""Where a message goes next: mailbox, Hub of another site, Edge, or the world.

Sources: certificate-facts 0 and 3.5 (paths and delivery types), edgesync-facts 6 (the connectors
an Edge Subscription makes).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from directory.model.dn import DN
from edgesync.organization.connectors import ALL_INTERNAL_DOMAINS, SendConnector, SmartHostAuth
from edgesync.organization.domains import DomainKind, find_accepted_domain
from edgesync.organization.servers import ServerObject, ServerRole, list_servers
from edgesync.transport.command import domain_of
from edgesync.transport.host import TransportHost
from edgesync.transport.message import AuthAs
from edgesync.transport.reply import Reply
from edgesync.trust.anchors import TRANSPORT_ROLES

INTRA_ORG_CONNECTOR = "Intra-Organization SMTP Send Connector"
"""The invisible connector between servers of the organisation (certificate-facts 5.4)."""

NOT_FOUND = Reply.of("550 5.1.1 RESOLVER.ADR.RecipNotFound; not found")
AUTH_REQUIRED = Reply.of("550 5.7.1 RESOLVER.RST.AuthRequired; authentication required")
NO_ROUTE = Reply.of(
    "450 4.4.0 A matching connector cannot be found to route the external recipient"
)


class DeliveryType(StrEnum):
    """As Get-Queue shows them."""

    MAPI = "MapiDelivery"
    WITHIN_SITE = "SmtpRelayWithinAdSite"
    REMOTE_SITE = "SmtpRelayToRemoteAdSite"
    TO_EDGE = "SmtpRelayWithinAdSiteToEdge"
    DNS = "DnsConnectorDelivery"
    SMART_HOST = "SmartHostConnectorDelivery"
    UNREACHABLE = "Unreachable"


@dataclass(frozen=True, slots=True)
class NextHop:
    """One queue's destination. Equal hops share a queue."""

    type: DeliveryType
    domain: str
    """What Get-Queue calls the next hop domain."""
    connector: SendConnector | None = None
    hosts: tuple[str, ...] = ()
    """Servers to try, in order; empty for a mailbox, and for DNS (asked when delivering)."""

    @property
    def is_internal(self) -> bool:
        """Whether the next server belongs to the organisation."""
        return self.type in (
            DeliveryType.WITHIN_SITE,
            DeliveryType.REMOTE_SITE,
            DeliveryType.TO_EDGE,
        ) or (self.connector is not None and is_inbound(self.connector))

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells queues apart; mailboxes of one server share one."""
        return (self.type.value, self.domain, self.connector.name if self.connector else "")


class Router:
    """Routes for one server, as its directory has things now."""

    def __init__(self, host: TransportHost) -> None:
        self._host = host
        self._domains = host.accepted_domains()
        self._connectors = host.send_connectors()
        self._servers = list_servers(host.directory, host.names)

    def route(self, address: str, auth_as: AuthAs) -> NextHop | Reply:
        """The next hop for one recipient, or the reply that goes into a bounce."""
        domain = domain_of(address)
        if not self._host.server.roles & (TRANSPORT_ROLES | ServerRole.EDGE):
            return self._to_hub()
        accepted = find_accepted_domain(self._domains, domain)
        if self._host.is_edge:
            if accepted is not None:
                return self._inbound(domain)
            return self._outbound(domain)
        if accepted is not None and accepted.kind is not DomainKind.EXTERNAL_RELAY:
            found = self._host.lookup(address) if self._host.lookup else None
            if found is not None:
                if found.require_auth and auth_as is AuthAs.ANONYMOUS:
                    return AUTH_REQUIRED
                return self._mailbox(found.site)
            if accepted.kind is DomainKind.AUTHORITATIVE:
                return NOT_FOUND
        return self._outbound(domain)

    def _to_hub(self) -> NextHop | Reply:
        """A Unified Messaging server knows one way: a Hub of its site (certificate-facts 0)."""
        hubs = [s for s in self._servers if s.site == self._host.site and s.roles & TRANSPORT_ROLES]
        if not hubs:
            return NO_ROUTE
        return NextHop(DeliveryType.WITHIN_SITE, hubs[0].name.lower(), hosts=self._fqdns(hubs))

    def _mailbox(self, site: DN | None) -> NextHop | Reply:
        if site is None or site == self._host.site:
            return NextHop(DeliveryType.MAPI, self._host.name)
        return self._to_site(site)

    def _to_site(self, site: DN) -> NextHop | Reply:
        hubs = [s for s in self._servers if s.site == site and s.roles & TRANSPORT_ROLES]
        if not hubs:
            return NO_ROUTE
        return NextHop(DeliveryType.REMOTE_SITE, site.rdn.value.lower(), hosts=self._fqdns(hubs))

    def _inbound(self, domain: str) -> NextHop | Reply:
        """Edge to the Hubs of its site: the connector whose address space is ``--``."""
        connector = next((c for c in self._connectors if is_inbound(c)), None)
        if connector is None:
            return self._outbound(domain)
        hubs = [s for s in self._servers if s.roles & TRANSPORT_ROLES]
        if not hubs:
            return NO_ROUTE
        return NextHop(DeliveryType.SMART_HOST, ALL_INTERNAL_DOMAINS, connector, self._fqdns(hubs))

    def _outbound(self, domain: str) -> NextHop | Reply:
        connector = best_connector(self._connectors, domain)
        if connector is None:
            return NO_ROUTE
        sources = set(connector.source_transport_servers)
        if self._host.is_edge or self._host.server.server_dn in sources or not sources:
            return self._own(connector, domain)
        holders = [s for s in self._servers if s.dn in sources]
        edges = [s for s in holders if s.roles & ServerRole.EDGE and s.site == self._host.site]
        if edges:
            return NextHop(DeliveryType.TO_EDGE, edges[0].name.lower(), hosts=self._fqdns(edges))
        near = [s for s in holders if s.site == self._host.site and s.roles & TRANSPORT_ROLES]
        if near:
            return NextHop(DeliveryType.WITHIN_SITE, near[0].name.lower(), hosts=self._fqdns(near))
        far = next((s.site for s in holders if s.site is not None), None)
        return self._to_site(far) if far is not None else NO_ROUTE

    def _own(self, connector: SendConnector, domain: str) -> NextHop:
        if connector.smart_hosts and not connector.dns_routing_enabled:
            hosts = tuple(h.strip("[]") for h in connector.smart_hosts)
            return NextHop(DeliveryType.SMART_HOST, ",".join(hosts), connector, hosts)
        return NextHop(DeliveryType.DNS, domain, connector)

    def _fqdns(self, servers: Iterable[ServerObject]) -> tuple[str, ...]:
        """Host names, an order of the sender's own so that the load spreads the same each run."""
        names = sorted(s.fqdn for s in servers if s.name != self._host.name)
        return tuple(names)


def is_inbound(connector: SendConnector) -> bool:
    """Whether this is an Edge's way to its Hubs."""
    return ALL_INTERNAL_DOMAINS in connector.smart_hosts or any(
        _space(space)[0] == ALL_INTERNAL_DOMAINS for space in connector.address_spaces
    )


def wants_exchange_auth(connector: SendConnector) -> bool:
    """Whether a connector authenticates as an Exchange server to its smart hosts."""
    return connector.smart_host_auth_mechanism is SmartHostAuth.EXCHANGE_SERVER


def best_connector(connectors: Iterable[SendConnector], domain: str) -> SendConnector | None:
    """The Send connector for a domain: closest address space, then least cost, then name."""
    best: tuple[int, int, str] | None = None
    chosen: SendConnector | None = None
    for connector in connectors:
        if is_inbound(connector):
            continue
        for space in connector.address_spaces:
            pattern, cost = _space(space)
            closeness = _closeness(pattern, domain)
            if closeness is None:
                continue
            rank = (-closeness, cost, connector.name.casefold())
            if best is None or rank < best:
                best, chosen = rank, connector
    return chosen


def _space(text: str) -> tuple[str, int]:
    """Pattern and cost of ``SMTP:*.contoso.com;1``."""
    body, _, cost = text.partition(";")
    kind, colon, pattern = body.partition(":")
    if not colon:
        kind, pattern = "SMTP", body
    if kind.upper() != "SMTP":
        pattern = ""
    return pattern.strip().lower(), int(cost) if cost.strip().isdecimal() else 1


def _closeness(pattern: str, domain: str) -> int | None:
    if pattern == "*":
        return 0
    if pattern.startswith("*."):
        rest = pattern[2:]
        return len(rest) if domain == rest or domain.endswith("." + rest) else None
    return 1000 + len(pattern) if pattern and pattern == domain else None
