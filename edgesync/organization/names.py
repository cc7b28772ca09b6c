"""Where Exchange keeps its objects: DN shapes (edgesync-facts 5.4, certificate-facts 1.1)."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from directory.model.dn import DN

ADMINISTRATIVE_GROUP = "Exchange Administrative Group (FYDIBOHF23SPDLT)"
ROUTING_GROUP = "Exchange Routing Group (DWBGZMFD01QNBJR)"
DEFAULT_SITE = "Default-First-Site-Name"
EDGE_ORGANIZATION = "First Organization"
"""Name of the organisation inside an Edge's own ADAM."""


@dataclass(frozen=True, slots=True)
class ConfigurationNames:
    """Names below one configuration partition; AD and ADAM have the same Exchange sub-tree."""

    configuration: DN
    organization_name: str

    @property
    def services(self) -> DN:
        """Container of services."""
        return self.configuration.child("CN", "Services")

    @property
    def exchange(self) -> DN:
        """The Exchange container."""
        return self.services.child("CN", "Microsoft Exchange")

    @property
    def organization(self) -> DN:
        """The organisation object."""
        return self.exchange.child("CN", self.organization_name)

    @property
    def administrative_groups(self) -> DN:
        """Container of administrative groups."""
        return self.organization.child("CN", "Administrative Groups")

    @property
    def administrative_group(self) -> DN:
        """The administrative group all servers since 2007 are in."""
        return self.administrative_groups.child("CN", ADMINISTRATIVE_GROUP)

    @property
    def servers(self) -> DN:
        """Container of server objects."""
        return self.administrative_group.child("CN", "Servers")

    def server(self, name: str) -> DN:
        """Object of one server, by NetBIOS name."""
        return self.servers.child("CN", name)

    @property
    def transport_settings(self) -> DN:
        """The transport configuration object."""
        return self.organization.child("CN", "Transport Settings")

    @property
    def accepted_domains(self) -> DN:
        """Container of accepted domains."""
        return self.transport_settings.child("CN", "Accepted Domains")

    @property
    def message_classifications(self) -> DN:
        """Container of message classifications."""
        return self.transport_settings.child("CN", "Message Classifications")

    @property
    def global_settings(self) -> DN:
        """Container of global settings."""
        return self.organization.child("CN", "Global Settings")

    @property
    def remote_domains(self) -> DN:
        """Container of remote domains."""
        return self.global_settings.child("CN", "Internet Message Formats")

    @property
    def routing_groups(self) -> DN:
        """Container of routing groups."""
        return self.administrative_group.child("CN", "Routing Groups")

    @property
    def routing_group(self) -> DN:
        """The routing group all connectors since 2007 are in."""
        return self.routing_groups.child("CN", ROUTING_GROUP)

    @property
    def connectors(self) -> DN:
        """Container of Send connectors."""
        return self.routing_group.child("CN", "Connections")

    def receive_connectors(self, server: str) -> DN:
        """Container of a server's Receive connectors."""
        return self.server(server).child("CN", "Protocols").child("CN", "SMTP Receive Connectors")


@dataclass(frozen=True, slots=True)
class ForestNames(ConfigurationNames):
    """Names in AD."""

    domain: DN

    @classmethod
    def of(cls, dns_domain: str, organization_name: str) -> ForestNames:
        """Names of a single-domain forest: ``ForestNames.of("contoso.test", "Contoso")``."""
        domain = DN.of(*(("DC", label) for label in dns_domain.split(".")))
        return cls(domain.child("CN", "Configuration"), organization_name, domain)

    @property
    def dns_domain(self) -> str:
        """The domain as DNS has it."""
        return ".".join(rdn.value for rdn in self.domain.rdns)

    @property
    def netbios_domain(self) -> str:
        """The domain's short name."""
        return self.domain.rdn.value.upper()

    @property
    def sites(self) -> DN:
        """Container of AD sites."""
        return self.configuration.child("CN", "Sites")

    def site(self, name: str) -> DN:
        """One AD site."""
        return self.sites.child("CN", name)

    def edge_sync_service(self, site: str) -> DN:
        """A site's EdgeSync service configuration."""
        return self.site(site).child("CN", "EdgeSyncService")

    @property
    def users(self) -> DN:
        """Container of users and other recipients."""
        return self.domain.child("CN", "Users")

    @property
    def computers(self) -> DN:
        """Container of machine accounts."""
        return self.domain.child("CN", "Computers")


@dataclass(frozen=True, slots=True)
class EdgeNames(ConfigurationNames):
    """Names in one Edge's ADAM."""

    gateway: DN

    @classmethod
    def of(cls, instance: UUID) -> EdgeNames:
        """Names of the ADAM instance with this GUID."""
        configuration = DN.of(("CN", "Configuration"), ("CN", f"{{{str(instance).upper()}}}"))
        return cls(configuration, EDGE_ORGANIZATION, DN.of(("OU", "MSExchangeGateway")))

    @property
    def recipients(self) -> DN:
        """Container of replicated recipients."""
        return self.gateway.child("CN", "Recipients")

    @property
    def accounts(self) -> DN:
        """Container of bootstrap and ESRA accounts. No source gives the real name; ours."""
        return self.services.child("CN", "EdgeSync Accounts")

    def account(self, user_name: str) -> DN:
        """One replication account."""
        return self.accounts.child("CN", user_name)
