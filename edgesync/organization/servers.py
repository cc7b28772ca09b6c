"""Exchange servers as the directory knows them (certificate-facts 1.1, edgesync-facts 5.2)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Flag

from directory.errors import LdapError, ResultCode
from directory.model import modification as change
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import And, Equality, Filter
from directory.model.messages import ModifyRequest, Scope
from edgesync.organization.mapping import (
    BYTES,
    BYTES_LIST,
    INTEGER,
    NAME,
    TEXT,
    TEXTS,
    dump,
    flags,
    load,
    stored,
)
from edgesync.organization.names import ConfigurationNames
from edgesync.port.port import DirectoryPort, find, read

SERVER_CLASSES = (b"top", b"server", b"msExchExchangeServer")
INTERNAL_CERTIFICATE = "msExchServerInternalTLSCert"
TRANSPORT_FLAGS = "msExchTransportServerFlags"
ADAM_LDAP_PORT = 50389
ADAM_SSL_PORT = 50636
_NETWORK_FQDN = "ncacn_ip_tcp:"


class ServerRole(Flag):
    """Bits of msExchCurrentServerRoles."""

    MAILBOX = 2
    CLIENT_ACCESS = 4
    UNIFIED_MESSAGING = 16
    HUB = 32
    EDGE = 64

    @property
    def word(self) -> str:
        """The role in commands and JSON; Exchange's main role when there are several."""
        for role, word in _ROLE_WORDS.items():
            if role in self:
                return word
        return "none"


class TransportServerFlags(Flag):
    """Switches of Set-TransportServer that a lab has. The bits are placeholders of ours."""

    INTRA_ORG_VERBOSE = 1
    """IntraOrgConnectorProtocolLoggingLevel is Verbose."""
    USE_DOWNGRADED_AUTH = 2
    """UseDowngradedExchangeServerAuth (2010 and later)."""


_ROLE_WORDS = {
    ServerRole.EDGE: "edge",
    ServerRole.HUB: "hub",
    ServerRole.CLIENT_ACCESS: "client-access",
    ServerRole.UNIFIED_MESSAGING: "unified-messaging",
    ServerRole.MAILBOX: "mailbox",
}


@dataclass(frozen=True, slots=True)
class ServerObject:
    """One ``msExchExchangeServer``: in AD for every server, in ADAM for the Edge and its Hubs."""

    dn: DN
    name: str = stored("cn", TEXT)
    roles: ServerRole = stored("msExchCurrentServerRoles", flags(ServerRole), ServerRole(0))
    network_address: tuple[str, ...] = stored("networkAddress", TEXTS, ())
    site: DN | None = stored("msExchServerSite", NAME, None)
    internal_certificate: bytes | None = stored(INTERNAL_CERTIFICATE, BYTES, None)
    """DER of the internal transport certificate as published."""
    serial_number: str = stored("serialNumber", TEXT, "")
    version_number: int = stored("versionNumber", INTEGER, 0)
    product_id: str = stored("msExchProductID", TEXT, "")
    adam_ldap_port: int = stored("msExchEdgeSyncAdamLdapPort", INTEGER, ADAM_LDAP_PORT)
    adam_ssl_port: int = stored("msExchEdgeSyncAdamSSLPort", INTEGER, ADAM_SSL_PORT)
    transport_flags: TransportServerFlags = stored(
        TRANSPORT_FLAGS, flags(TransportServerFlags), TransportServerFlags(0)
    )
    public_key: bytes | None = stored("msExchServerEKPKPublicKey", BYTES, None)
    credentials: tuple[bytes, ...] = stored("msExchEdgeSyncCredential", BYTES_LIST, ())
    lease: bytes | None = stored("msExchEdgeSyncLease", BYTES, None)
    status: tuple[str, ...] = stored("msExchEdgeSyncStatus", TEXTS, ())
    cookies: tuple[bytes, ...] = stored("msExchEdgeSyncCookies", BYTES_LIST, ())

    @property
    def fqdn(self) -> str:
        """Host name from networkAddress; the NetBIOS name when there is none."""
        for address in self.network_address:
            if address.startswith(_NETWORK_FQDN):
                return address.removeprefix(_NETWORK_FQDN)
        return self.name

    def with_fqdn(self, fqdn: str) -> ServerObject:
        """The same server under another host name."""
        return replace(self, network_address=(f"netbios:{self.name}", _NETWORK_FQDN + fqdn))

    def entry(self) -> Entry:
        """The entry that adds this server."""
        return Entry(self.dn, {"objectClass": SERVER_CLASSES, **dump(self)})


def read_server(port: DirectoryPort, names: ConfigurationNames, name: str) -> ServerObject | None:
    """One server by NetBIOS name."""
    entry = read(port, names.server(name))
    return load(ServerObject, entry) if entry else None


def list_servers(
    port: DirectoryPort,
    names: ConfigurationNames,
    *,
    role: ServerRole | None = None,
    site: DN | None = None,
) -> tuple[ServerObject, ...]:
    """All servers, by name; only those with one of the roles, or of one AD site."""
    wanted: Filter = Equality("objectClass", b"msExchExchangeServer")
    if site is not None:  # a large organisation has hundreds of sites
        wanted = And((wanted, Equality("msExchServerSite", str(site).encode())))
    found = (
        load(ServerObject, entry)
        for entry in find(
            port,
            names.servers,
            wanted,
            scope=Scope.ONE,
        )
    )
    return tuple(
        sorted(
            (
                server
                for server in found
                if (role is None or server.roles & role) and (site is None or server.site == site)
            ),
            key=lambda server: server.name.casefold(),
        )
    )


def write_transport_flags(port: DirectoryPort, server: DN, switches: TransportServerFlags) -> None:
    """Set a server's transport switches."""
    value = str(switches.value).encode()
    port.modify(ModifyRequest(server, (change.replace(TRANSPORT_FLAGS, value),)))


def publish_certificate(port: DirectoryPort, server: DN, der: bytes | None) -> None:
    """Put a certificate into a server object as its internal transport certificate; None clears it.

    One Modify, so that a reader sees the old or the new one and never neither.
    """
    values = (der,) if der is not None else ()
    try:
        port.modify(ModifyRequest(server, (change.replace(INTERNAL_CERTIFICATE, *values),)))
    except LdapError as error:
        if der is None and error.code is ResultCode.NO_SUCH_ATTRIBUTE:
            return
        raise
