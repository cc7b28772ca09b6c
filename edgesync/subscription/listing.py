"""Get-EdgeSubscription: the subscriptions AD has (edgesync-facts 8.1)."""

from __future__ import annotations

from dataclasses import dataclass

from edgesync.organization.names import ForestNames
from edgesync.organization.servers import ServerObject, ServerRole, list_servers
from edgesync.port.port import DirectoryPort
from edgesync.subscription.credentials import CredentialRecord, readable_records


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscribed Edge as AD has it."""

    server: ServerObject
    site: str
    domain: str
    credentials: tuple[CredentialRecord, ...]
    """Of every participating Hub, without anything readable of the passwords."""

    @property
    def name(self) -> str:
        """The Edge's name."""
        return self.server.name

    @property
    def hubs(self) -> tuple[str, ...]:
        """Host names of the Hubs that take part."""
        names = {r.source_server_fqdn for r in self.credentials if not r.is_bootstrap}
        return tuple(sorted(names))

    def late_hubs(self, hubs: tuple[ServerObject, ...]) -> tuple[str, ...]:
        """Hubs of the site that are smart hosts already but do not sync (edgesync-facts 1.4)."""
        return tuple(hub.name for hub in hubs if hub.fqdn not in self.hubs)


def list_subscriptions(port: DirectoryPort, names: ForestNames) -> tuple[Subscription, ...]:
    """Every subscribed Edge, by name."""
    return tuple(
        Subscription(
            server,
            server.site.rdn.value if server.site else "",
            names.dns_domain,
            tuple(record for _, record in readable_records(server.credentials)),
        )
        for server in list_servers(port, names, role=ServerRole.EDGE)
    )
