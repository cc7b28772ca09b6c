"""What a real organisation's exports say, as values: servers, certificates, virtual directories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from cryptography import x509

from edgesync.certificates.certificate import thumbprint
from edgesync.certificates.services import Services
from edgesync.config import Version
from edgesync.lab.importers.iis import IisConfiguration
from edgesync.organization.connectors import ReceiveConnector, SendConnector
from edgesync.organization.domains import AcceptedDomain, RemoteDomain, TransportConfig
from edgesync.organization.names import ForestNames
from edgesync.organization.servers import ServerRole


@dataclass(frozen=True, slots=True)
class ExportedServer:
    """One Exchange server of the real organisation."""

    name: str
    fqdn: str
    roles: ServerRole
    version: Version
    site: str = ""
    """Name of its AD site; empty for an Edge that is not subscribed."""
    serial_number: str = ""
    """As ``serialNumber`` in AD has it: ``Version 15.2 (Build 30986.5)``."""
    version_number: int = 0
    edition: str = ""
    guid: UUID | None = None


@dataclass(frozen=True, slots=True)
class ExportedCertificate:
    """One certificate of a server's store. Exports hold no private keys."""

    server: str
    """NetBIOS name of the server whose store has it."""
    der: bytes = field(repr=False)
    services: Services | None = None
    """What it is enabled for; None when the export does not say."""
    status: str = ""
    """In Get-ExchangeCertificate's words, e.g. ``Valid``; empty when the export does not say."""
    friendly_name: str = ""
    root_ca_type: str = ""
    exportable: bool | None = None
    provider_type: int | None = None
    """Windows provider of the real key: 0 is CNG, which EdgeSync cannot use (event 1035)."""
    recorded: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Every field the export recorded, as text."""

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the DER in upper-case hex."""
        return thumbprint(self.der)

    @property
    def not_after(self) -> datetime:
        """When it expires."""
        return x509.load_der_x509_certificate(self.der).not_valid_after_utc


@dataclass(frozen=True, slots=True)
class ExportedVirtualDirectory:
    """One of a Client Access server's virtual directories."""

    server: str
    kind: str
    """The noun of its cmdlet: ``Owa``, ``WebServices``, ``ActiveSync``, ..."""
    name: str
    internal_url: str = ""
    external_url: str = ""
    internal_authentication: tuple[str, ...] = ()
    external_authentication: tuple[str, ...] = ()
    recorded: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class OrganizationExport:
    """A real organisation as far as its exports tell; names are below ``names``.

    ``published`` maps a server to the DER of its internal transport certificate in AD.
    """

    forest: str
    organization: str
    version: Version
    servers: tuple[ExportedServer, ...]
    certificates: tuple[ExportedCertificate, ...] = ()
    published: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    accepted_domains: tuple[AcceptedDomain, ...] = ()
    remote_domains: tuple[RemoteDomain, ...] = ()
    send_connectors: tuple[SendConnector, ...] = ()
    receive_connectors: Mapping[str, tuple[ReceiveConnector, ...]] = field(default_factory=dict)
    """Per server; a server without an entry was exported without, and gets setup's."""
    transport_config: TransportConfig | None = None
    virtual_directories: tuple[ExportedVirtualDirectory, ...] = ()
    iis: Mapping[str, IisConfiguration] = field(default_factory=dict, repr=False)
    """Per server; one without an entry has the flags of setup."""
    edge_subscriptions: tuple[str, ...] = ()
    """Names of Edges the real organisation had subscribed."""
    last_changed: datetime | None = None
    """When the newest object was last changed: the exports were made then or later."""
    auth_certificate: str = ""
    """Thumbprint of the certificate the organisation signs OAuth tokens with."""
    taken: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    @property
    def names(self) -> ForestNames:
        """Where the organisation's objects are."""
        return ForestNames.of(self.forest, self.organization)

    @property
    def sites(self) -> tuple[str, ...]:
        """AD sites that have a server, each once, in the order of the servers."""
        return tuple(dict.fromkeys(server.site for server in self.servers if server.site))

    def certificates_of(self, server: str) -> tuple[ExportedCertificate, ...]:
        """The certificates of one server's store."""
        return tuple(c for c in self.certificates if c.server.casefold() == server.casefold())
