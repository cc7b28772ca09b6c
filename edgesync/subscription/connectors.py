"""The Send connectors an Edge Subscription makes and unmakes (edgesync-facts 6)."""

from __future__ import annotations

from dataclasses import replace

from directory.model.dn import DN
from edgesync.organization.connectors import (
    ALL_INTERNAL_DOMAINS,
    SendConnector,
    SmartHostAuth,
    list_send_connectors,
    remove_connector,
    write_connector,
)
from edgesync.organization.names import ConfigurationNames
from edgesync.port.port import DirectoryPort


def inbound_connector(names: ConfigurationNames, site: str, edge: DN) -> SendConnector:
    """From the Edge to the Hubs of its site: all accepted domains, over direct trust."""
    name = f"EdgeSync - Inbound to {site}"
    return SendConnector(
        names.connectors.child("CN", name),
        name,
        address_spaces=(f"SMTP:{ALL_INTERNAL_DOMAINS};1",),
        source_transport_servers=(edge,),
        smart_hosts=(ALL_INTERNAL_DOMAINS,),
        dns_routing_enabled=False,
        smart_host_auth_mechanism=SmartHostAuth.EXCHANGE_SERVER,
        is_edge_sync=True,
    )


def internet_connector(names: ConfigurationNames, site: str, edge: DN) -> SendConnector:
    """From the Edge to the world, by DNS, with Domain Security."""
    name = f"EdgeSync - {site} to Internet"
    return SendConnector(
        names.connectors.child("CN", name),
        name,
        address_spaces=("SMTP:*;100",),
        source_transport_servers=(edge,),
        domain_secure_enabled=True,
        is_edge_sync=True,
    )


def add_source(port: DirectoryPort, names: ConfigurationNames, wanted: SendConnector) -> None:
    """Write a connector, or append its source server to the one of that name."""
    existing = {c.name.casefold(): c for c in list_send_connectors(port, names)}
    present = existing.get(wanted.name.casefold())
    if present is None:
        write_connector(port, wanted)
        return
    sources = dict.fromkeys((*present.source_transport_servers, *wanted.source_transport_servers))
    write_connector(port, replace(present, source_transport_servers=tuple(sources)))


def remove_source(port: DirectoryPort, names: ConfigurationNames, edge: DN) -> tuple[str, ...]:
    """Take an Edge out of every Send connector; names of those deleted for want of a source."""
    deleted: list[str] = []
    for connector in list_send_connectors(port, names):
        if edge not in connector.source_transport_servers:
            continue
        left = tuple(dn for dn in connector.source_transport_servers if dn != edge)
        if left:
            write_connector(port, replace(connector, source_transport_servers=left))
        else:
            remove_connector(port, connector)
            deleted.append(connector.name)
    return tuple(deleted)
