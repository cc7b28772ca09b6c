"""Connectors, accepted and remote domains, transport settings from their exports.

Names are rebuilt below the importing forest, since a real name may belong to another forest; which
server a connector goes to is decided by the caller.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

from edgesync.lab.importers.clixml import PSObject
from edgesync.lab.importers.exported import ExportedServer
from edgesync.lab.importers.properties import (
    boolean,
    integer,
    names_of,
    size,
    span,
    text,
    texts,
)
from edgesync.organization.connectors import (
    AuthMechanism,
    LoggingLevel,
    PermissionGroups,
    ReceiveConnector,
    SendConnector,
    SmartHostAuth,
    TlsAuthLevel,
)
from edgesync.organization.domains import AcceptedDomain, DomainKind, RemoteDomain, TransportConfig
from edgesync.organization.names import ForestNames

W = TypeVar("W", bound=StrEnum)


def _word(kind: type[W], item: PSObject, name: str, default: W) -> W:
    """An enum by its word; the default where the real one has a word we do not play."""
    shown = text(item, name)
    return next((word for word in kind if word.value == shown), default)


def accepted_domain(item: PSObject, names: ForestNames) -> AcceptedDomain:
    """One object of Get-AcceptedDomain; ``*.contoso.test`` and ``*`` stay as they are."""
    name = text(item, "Name") or text(item, "DomainName")
    return AcceptedDomain(
        names.accepted_domains.child("CN", name),
        name,
        text(item, "DomainName"),
        _word(DomainKind, item, "DomainType", DomainKind.AUTHORITATIVE),
        boolean(item, "Default"),
    )


def remote_domain(item: PSObject, names: ForestNames) -> RemoteDomain:
    """One object of Get-RemoteDomain."""
    name = text(item, "Name") or text(item, "DomainName")
    return RemoteDomain(
        names.remote_domains.child("CN", name),
        name,
        text(item, "DomainName"),
        boolean(item, "AutoReplyEnabled"),
    )


def transport_config(item: PSObject, names: ForestNames) -> TransportConfig:
    """The object of Get-TransportConfig."""
    return TransportConfig(
        names.transport_settings,
        texts(item, "InternalSMTPServers"),
        texts(item, "TLSSendDomainSecureList"),
        texts(item, "TLSReceiveDomainSecureList"),
    )


def send_connector_servers(item: PSObject) -> tuple[str, ...]:
    """Names of a Send connector's source servers in the real organisation."""
    return names_of(item, "SourceTransportServers")


def send_connector(
    item: PSObject, names: ForestNames, sources: tuple[ExportedServer, ...]
) -> SendConnector:
    """One object of Get-SendConnector, sent from these servers."""
    name = text(item, "Name")
    return SendConnector(
        names.connectors.child("CN", name),
        name,
        address_spaces=texts(item, "AddressSpaces"),
        source_transport_servers=tuple(names.server(server.name) for server in sources),
        smart_hosts=texts(item, "SmartHosts"),
        enabled=boolean(item, "Enabled", default=True),
        dns_routing_enabled=boolean(item, "DNSRoutingEnabled", default=True),
        smart_host_auth_mechanism=_word(
            SmartHostAuth, item, "SmartHostAuthMechanism", SmartHostAuth.NONE
        ),
        fqdn=text(item, "Fqdn"),
        port=integer(item, "Port", 25),
        require_tls=boolean(item, "RequireTLS"),
        ignore_starttls=boolean(item, "IgnoreSTARTTLS"),
        domain_secure_enabled=boolean(item, "DomainSecureEnabled"),
        tls_auth_level=_word(TlsAuthLevel, item, "TlsAuthLevel", TlsAuthLevel.NONE),
        tls_domain=text(item, "TlsDomain"),
        tls_certificate_name=text(item, "TlsCertificateName"),
        max_message_size=size(item, "MaxMessageSize", 10 * 1024 * 1024),
        connection_inactivity_timeout=span(
            item, "ConnectionInactivityTimeOut", timedelta(minutes=10)
        ),
        protocol_logging_level=_word(LoggingLevel, item, "ProtocolLoggingLevel", LoggingLevel.NONE),
    )


def receive_connector(
    item: PSObject, names: ForestNames, server: ExportedServer, real_server: str
) -> ReceiveConnector:
    """One object of Get-ReceiveConnector on a server.

    Where the server goes by another name than in the export, the connector's FQDN follows: mail
    inside the organisation fails unless it is the server's own (certificate-facts 5.5).
    """
    name = text(item, "Name")
    fqdn = text(item, "Fqdn")
    if fqdn.partition(".")[0].casefold() == real_server.casefold():
        fqdn = server.fqdn
    mechanisms = integer(item, "AuthMechanism")
    groups = integer(item, "PermissionGroups")
    return ReceiveConnector(
        names.receive_connectors(server.name).child("CN", name),
        name,
        bindings=texts(item, "Bindings"),
        remote_ip_ranges=texts(item, "RemoteIPRanges"),
        enabled=boolean(item, "Enabled", default=True),
        fqdn=fqdn,
        auth_mechanism=AuthMechanism(mechanisms & _all(AuthMechanism)),
        permission_groups=PermissionGroups(groups & _all(PermissionGroups)),
        require_tls=boolean(item, "RequireTLS"),
        domain_secure_enabled=boolean(item, "DomainSecureEnabled"),
        suppress_x_anonymous_tls=boolean(item, "SuppressXAnonymousTls"),
        tls_certificate_name=text(item, "TlsCertificateName"),
        max_message_size=size(item, "MaxMessageSize", 10 * 1024 * 1024),
        max_header_size=size(item, "MaxHeaderSize", 64 * 1024),
        max_recipients_per_message=integer(item, "MaxRecipientsPerMessage", 200),
        connection_inactivity_timeout=span(
            item, "ConnectionInactivityTimeout", timedelta(minutes=5)
        ),
        tarpit_interval=span(item, "TarpitInterval", timedelta(seconds=5)),
        protocol_logging_level=_word(LoggingLevel, item, "ProtocolLoggingLevel", LoggingLevel.NONE),
    )


def _all(kind: type[AuthMechanism | PermissionGroups]) -> int:
    """Every bit we know: a later Exchange's further bits are left out."""
    return sum(flag.value for flag in kind)


def unplayed(item: PSObject) -> tuple[str, ...]:
    """What a connector's export says that a lab cannot play, in words."""
    found = []
    if item.get("AuthenticationCredential") is not None:
        found.append("its smart host's password, which an export holds encrypted")
    if integer(item, "AuthMechanism") & ~_all(AuthMechanism):
        found.append("authentication mechanisms this project does not know")
    if integer(item, "PermissionGroups") & ~_all(PermissionGroups):
        found.append("permission groups this project does not know")
    return tuple(found)
