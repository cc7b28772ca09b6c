"""What Exchange setup writes: containers, sites, server objects, default connectors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib.resources import files

from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import AddRequest
from edgesync.config import VersionProfile
from edgesync.organization import connectors, domains
from edgesync.organization.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
)
from edgesync.organization.names import ConfigurationNames, EdgeNames, ForestNames
from edgesync.organization.servers import ServerObject, ServerRole
from edgesync.port.port import DirectoryPort

_CLIENT_PORT = 587


def schema_text() -> str:
    """RFC 4512 definitions the lab adds to the schema of its directories."""
    return files("edgesync.organization").joinpath("lab.schema").read_text("utf-8")


def ensure(port: DirectoryPort, dn: DN, *classes: str, **attributes: str) -> None:
    """Add a container unless it is there."""
    values = {name: (value.encode(),) for name, value in attributes.items()}
    rdn = dn.rdn
    values.setdefault(rdn.type.lower(), (rdn.value.encode(),))
    names = classes or ("container",)
    entry = Entry(dn, {"objectClass": (b"top", *(n.encode() for n in names)), **values})
    try:
        port.add(AddRequest(entry))
    except LdapError as error:
        if error.code is not ResultCode.ENTRY_ALREADY_EXISTS:
            raise


def build_exchange_containers(port: DirectoryPort, names: ConfigurationNames) -> None:
    """The Exchange sub-tree of a configuration partition, in AD or ADAM."""
    ensure(port, names.services)
    ensure(port, names.exchange, "msExchConfigurationContainer")
    ensure(port, names.organization, "msExchOrganizationContainer")
    ensure(port, names.administrative_groups, "msExchAdminGroupContainer")
    ensure(port, names.administrative_group, "msExchAdminGroup")
    ensure(port, names.servers, "msExchServersContainer")
    ensure(port, names.routing_groups, "msExchRoutingGroupContainer")
    ensure(port, names.routing_group, "msExchRoutingGroup")
    ensure(port, names.connectors, "msExchConnectors")
    ensure(port, names.transport_settings, "msExchTransportSettings")
    ensure(port, names.accepted_domains)
    ensure(port, names.message_classifications)
    ensure(port, names.global_settings)
    ensure(port, names.remote_domains)


def build_forest(port: DirectoryPort, names: ForestNames, sites: Iterable[str]) -> None:
    """AD as it is after Exchange's PrepareAD: sites, users, the Exchange sub-tree."""
    ensure(port, names.sites, "sitesContainer")
    for site in sites:
        ensure(port, names.site(site), "site")
    ensure(port, names.users)
    ensure(port, names.computers)
    build_exchange_containers(port, names)


def build_edge_directory(port: DirectoryPort, names: EdgeNames) -> None:
    """ADAM as Edge setup leaves it: the Exchange sub-tree and the recipients' partition."""
    build_exchange_containers(port, names)
    ensure(port, names.recipients)
    ensure(port, names.accounts)


def add_server(
    port: DirectoryPort,
    names: ConfigurationNames,
    server: ServerObject,
) -> None:
    """A server object with the containers its connectors live in."""
    port.add(AddRequest(server.entry()))
    ensure_containers(port, names, server.name)


def ensure_containers(port: DirectoryPort, names: ConfigurationNames, server: str) -> None:
    """The containers below a server's object; what a crash kept from being made is made now."""
    connectors = names.receive_connectors(server)
    ensure(port, connectors.parent)
    ensure(port, connectors)


def server_object(
    names: ConfigurationNames,
    name: str,
    fqdn: str,
    roles: ServerRole,
    profile: VersionProfile,
    site: DN | None = None,
) -> ServerObject:
    """A server as its own setup describes it."""
    return ServerObject(
        names.server(name),
        name,
        roles,
        site=site,
        serial_number=profile.serial_number,
        version_number=profile.version_number,
    ).with_fqdn(fqdn)


def default_receive_connectors(
    names: ConfigurationNames, server: ServerObject
) -> tuple[ReceiveConnector, ...]:
    """The Receive connectors setup makes (certificate-facts 5.5)."""
    container = names.receive_connectors(server.name)

    def connector(name: str) -> ReceiveConnector:
        return ReceiveConnector(container.child("CN", name), name, fqdn=server.fqdn)

    if server.roles & ServerRole.EDGE:
        name = f"Default internal receive connector {server.name}"
        return (
            replace(
                connector(name),
                auth_mechanism=AuthMechanism.TLS | AuthMechanism.EXCHANGE_SERVER,
                permission_groups=PermissionGroups.ANONYMOUS_USERS
                | PermissionGroups.EXCHANGE_SERVERS
                | PermissionGroups.PARTNERS,
            ),
        )
    if not server.roles & ServerRole.HUB:
        return ()
    client_mechanisms = (
        AuthMechanism.TLS
        | AuthMechanism.INTEGRATED
        | AuthMechanism.BASIC_AUTH
        | AuthMechanism.BASIC_AUTH_REQUIRE_TLS
    )
    return (
        replace(
            connector(f"Client {server.name}"),
            bindings=(f"0.0.0.0:{_CLIENT_PORT}",),
            auth_mechanism=client_mechanisms,
            permission_groups=PermissionGroups.EXCHANGE_USERS,
        ),
        replace(
            connector(f"Default {server.name}"),
            auth_mechanism=client_mechanisms | AuthMechanism.EXCHANGE_SERVER,
            permission_groups=PermissionGroups.EXCHANGE_USERS
            | PermissionGroups.EXCHANGE_SERVERS
            | PermissionGroups.EXCHANGE_LEGACY_SERVERS,
        ),
    )


def add_default_connectors(
    port: DirectoryPort, names: ConfigurationNames, server: ServerObject
) -> None:
    """Write a server's default Receive connectors."""
    for connector in default_receive_connectors(names, server):
        port.add(AddRequest(connectors.entry_of(connector)))


def add_domain(port: DirectoryPort, item: domains.AcceptedDomain | domains.RemoteDomain) -> None:
    """Write an accepted or remote domain."""
    port.add(AddRequest(domains.entry_of(item)))
