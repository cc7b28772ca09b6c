"""What the setup of a Client Access server writes into AD (certificate-facts 7.1)."""

from __future__ import annotations

from collections.abc import Iterable

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import AddRequest, ModifyRequest
from directory.model.modification import replace
from edgesync.organization.client_protocols import Protocol, add_settings, default_settings
from edgesync.organization.names import ConfigurationNames
from edgesync.organization.servers import ServerObject
from edgesync.organization.setup import ensure
from edgesync.organization.virtual_directories import (
    VirtualDirectory,
    add_directory,
    http_container,
)
from edgesync.port.port import DirectoryPort, read

AUTODISCOVER_KEYWORD = "77378F46-2C66-4aa9-A6A6-3E7A48B19596"
"""GUID that marks Autodiscover's connection points, so that Outlook finds them in AD."""

_BINDING = "serviceBindingInformation"


def add_client_access(
    port: DirectoryPort,
    names: ConfigurationNames,
    server: ServerObject,
    directories: Iterable[VirtualDirectory],
) -> None:
    """Virtual directories, POP3 and IMAP4 settings, and the Autodiscover connection point."""
    container = http_container(names, server.name)
    ensure(port, container)
    for directory in directories:
        add_directory(port, directory)
    protocols: tuple[Protocol, ...] = ("POP3", "IMAP4")
    for protocol in protocols:
        settings = default_settings(names, server, protocol)
        ensure(port, settings.dn.parent)
        add_settings(port, settings, protocol)
    point = connection_point(names, server.name)
    ensure(port, point.parent)
    url = f"https://{server.fqdn}/Autodiscover/Autodiscover.xml"
    attributes = {
        "objectClass": (b"top", b"leaf", b"connectionPoint", b"serviceConnectionPoint"),
        "cn": (server.name.encode(),),
        "keywords": (AUTODISCOVER_KEYWORD.encode(),),
        _BINDING: (url.encode(),),
    }
    port.add(AddRequest(Entry(point, attributes)))


def connection_point(names: ConfigurationNames, server: str) -> DN:
    """Where domain-joined Outlook finds a server's Autodiscover."""
    protocols = names.server(server).child("CN", "Protocols")
    return protocols.child("CN", "Autodiscover").child("CN", server)


def read_autodiscover_url(port: DirectoryPort, names: ConfigurationNames, server: str) -> str:
    """AutoDiscoverServiceInternalUri; empty when the server publishes none."""
    entry = read(port, connection_point(names, server), (_BINDING,))
    return entry.text(_BINDING) if entry is not None else ""


def write_autodiscover_url(
    port: DirectoryPort, names: ConfigurationNames, server: str, url: str
) -> None:
    """Set-ClientAccessServer -AutoDiscoverServiceInternalUri."""
    point = connection_point(names, server)
    port.modify(ModifyRequest(point, (replace(_BINDING, url.encode()),)))
