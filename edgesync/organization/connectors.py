"""Send and Receive connectors under Exchange's property names.

Sources: certificate-facts 5.5, edgesync-facts 6.

Where Exchange packs several switches into a flags integer or a security descriptor whose layout no
source gives, each switch has an attribute of its own, named ``lab...`` (see ``lab.schema``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Flag, StrEnum

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import AddRequest, DeleteRequest, ModifyRequest, Scope
from edgesync.organization.mapping import (
    BOOLEAN,
    INTEGER,
    NAMES,
    SECONDS,
    TEXT,
    TEXTS,
    changes,
    dump,
    flags,
    load,
    numbers,
    stored,
    words,
)
from edgesync.organization.names import ConfigurationNames
from edgesync.port.port import DirectoryPort, find, read

SEND_CLASS = b"msExchRoutingSMTPConnector"
RECEIVE_CLASS = b"msExchSmtpReceiveConnector"
LAB_CLASS = b"labConnector"
ALL_INTERNAL_DOMAINS = "--"
"""Address space and smart host of the connector EdgeSync makes for inbound mail."""


class AuthMechanism(Flag):
    """What a Receive connector offers for authentication."""

    NONE = 0
    TLS = 1
    INTEGRATED = 2
    BASIC_AUTH = 4
    BASIC_AUTH_REQUIRE_TLS = 8
    EXCHANGE_SERVER = 16
    EXTERNAL_AUTHORITATIVE = 32


class PermissionGroups(Flag):
    """Who may use a Receive connector."""

    NONE = 0
    ANONYMOUS_USERS = 1
    EXCHANGE_USERS = 2
    EXCHANGE_SERVERS = 4
    EXCHANGE_LEGACY_SERVERS = 8
    PARTNERS = 16


class SmartHostAuth(StrEnum):
    """How a Send connector authenticates to its smart hosts."""

    NONE = "None"
    BASIC_AUTH = "BasicAuth"
    BASIC_AUTH_REQUIRE_TLS = "BasicAuthRequireTLS"
    EXCHANGE_SERVER = "ExchangeServer"
    EXTERNAL_AUTHORITATIVE = "ExternalAuthoritative"


class LoggingLevel(StrEnum):
    """Whether SMTP sessions leave a protocol log."""

    NONE = "None"
    VERBOSE = "Verbose"


class TlsAuthLevel(StrEnum):
    """What a Send connector asks of the server's certificate (2010 and later)."""

    NONE = ""
    ENCRYPTION_ONLY = "EncryptionOnly"
    CERTIFICATE_VALIDATION = "CertificateValidation"
    DOMAIN_VALIDATION = "DomainValidation"


@dataclass(frozen=True, slots=True)
class SendConnector:
    """Where a class of mail goes and how. Address spaces read ``SMTP:*;100``."""

    dn: DN
    name: str = stored("cn", TEXT)
    address_spaces: tuple[str, ...] = stored("routingList", TEXTS, ())
    source_transport_servers: tuple[DN, ...] = stored("msExchSourceBridgeheadServersDN", NAMES, ())
    smart_hosts: tuple[str, ...] = stored("msExchSmtpSmartHost", TEXTS, ())
    enabled: bool = stored("msExchSmtpSendEnabled", BOOLEAN, True)
    dns_routing_enabled: bool = stored("labDnsRoutingEnabled", BOOLEAN, True)
    smart_host_auth_mechanism: SmartHostAuth = stored(
        "labSmartHostAuth", words(SmartHostAuth), SmartHostAuth.NONE
    )
    fqdn: str = stored("msExchSmtpSendAdvertisedDomain", TEXT, "")
    port: int = stored("msExchSmtpSendPort", INTEGER, 25)
    require_tls: bool = stored("labRequireTls", BOOLEAN, False)
    ignore_starttls: bool = stored("labIgnoreStartTls", BOOLEAN, False)
    domain_secure_enabled: bool = stored("labDomainSecureEnabled", BOOLEAN, False)
    tls_auth_level: TlsAuthLevel = stored("labTlsAuthLevel", words(TlsAuthLevel), TlsAuthLevel.NONE)
    tls_domain: str = stored("msExchSmtpSendTlsDomain", TEXT, "")
    tls_certificate_name: str = stored("msExchSmtpTLSCertificate", TEXT, "")
    max_message_size: int = stored("labMaxMessageSize", INTEGER, 10 * 1024 * 1024)
    connection_inactivity_timeout: timedelta = stored(
        "msExchSmtpSendConnectionTimeout", SECONDS, timedelta(minutes=10)
    )
    protocol_logging_level: LoggingLevel = stored(
        "msExchSmtpSendProtocolLoggingLevel", numbers(LoggingLevel), LoggingLevel.NONE
    )
    is_edge_sync: bool = stored("labEdgeSyncOwned", BOOLEAN, False)
    """Made by an Edge Subscription, and removed with the last one."""


@dataclass(frozen=True, slots=True)
class ReceiveConnector:
    """What a server offers to whom on which address. Bindings read ``0.0.0.0:25``."""

    dn: DN
    name: str = stored("cn", TEXT)
    bindings: tuple[str, ...] = stored("msExchSmtpReceiveBindings", TEXTS, ("0.0.0.0:25",))
    remote_ip_ranges: tuple[str, ...] = stored(
        "msExchSmtpReceiveRemoteIPRanges", TEXTS, ("0.0.0.0-255.255.255.255", "::/0")
    )
    enabled: bool = stored("msExchSmtpReceiveEnabled", BOOLEAN, True)
    fqdn: str = stored("msExchSmtpReceiveAdvertisedDomain", TEXT, "")
    auth_mechanism: AuthMechanism = stored(
        "labAuthMechanism", flags(AuthMechanism), AuthMechanism.NONE
    )
    permission_groups: PermissionGroups = stored(
        "msExchSmtpReceivePermissionGroups", flags(PermissionGroups), PermissionGroups.NONE
    )
    require_tls: bool = stored("labRequireTls", BOOLEAN, False)
    domain_secure_enabled: bool = stored("labDomainSecureEnabled", BOOLEAN, False)
    suppress_x_anonymous_tls: bool = stored("labSuppressXAnonymousTls", BOOLEAN, False)
    tls_certificate_name: str = stored("msExchSmtpTLSCertificate", TEXT, "")
    max_message_size: int = stored("msExchSmtpReceiveMaxMessageSize", INTEGER, 10 * 1024 * 1024)
    max_header_size: int = stored("labMaxHeaderSize", INTEGER, 64 * 1024)
    max_recipients_per_message: int = stored(
        "msExchSmtpReceiveMaxRecipientsPerMessage", INTEGER, 200
    )
    connection_inactivity_timeout: timedelta = stored(
        "msExchSmtpReceiveConnectionInactivityTimeout", SECONDS, timedelta(minutes=5)
    )
    tarpit_interval: timedelta = stored(
        "msExchSmtpReceiveTarpitInterval", SECONDS, timedelta(seconds=5)
    )
    protocol_logging_level: LoggingLevel = stored(
        "msExchSmtpReceiveProtocolLoggingLevel", numbers(LoggingLevel), LoggingLevel.NONE
    )

    @property
    def port(self) -> int:
        """Port of the first binding."""
        return int(self.bindings[0].rpartition(":")[2])


def entry_of(connector: SendConnector | ReceiveConnector) -> Entry:
    """The entry that adds a connector."""
    kind = SEND_CLASS if isinstance(connector, SendConnector) else RECEIVE_CLASS
    return Entry(connector.dn, {"objectClass": (b"top", kind, LAB_CLASS), **dump(connector)})


def list_send_connectors(
    port: DirectoryPort, names: ConfigurationNames
) -> tuple[SendConnector, ...]:
    """All Send connectors, by name."""
    found = find(port, names.connectors, Equality("objectClass", SEND_CLASS), scope=Scope.ONE)
    return tuple(sorted((load(SendConnector, e) for e in found), key=lambda c: c.name.casefold()))


def list_receive_connectors(
    port: DirectoryPort, names: ConfigurationNames, server: str
) -> tuple[ReceiveConnector, ...]:
    """A server's Receive connectors, by name."""
    found = find(
        port,
        names.receive_connectors(server),
        Equality("objectClass", RECEIVE_CLASS),
        scope=Scope.ONE,
    )
    return tuple(
        sorted((load(ReceiveConnector, e) for e in found), key=lambda c: c.name.casefold())
    )


def write_connector(port: DirectoryPort, connector: SendConnector | ReceiveConnector) -> None:
    """Add a connector, or change what differs in the one that is there."""
    entry = read(port, connector.dn)
    if entry is None:
        port.add(AddRequest(entry_of(connector)))
        return
    before = dump(load(type(connector), entry))
    if modifications := changes(before, connector):
        port.modify(ModifyRequest(connector.dn, modifications))


def remove_connector(port: DirectoryPort, connector: SendConnector | ReceiveConnector) -> None:
    """Delete a connector."""
    port.delete(DeleteRequest(connector.dn))
