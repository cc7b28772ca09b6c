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
    web_site_dn,
)
from edgesync.port.port import DirectoryPort, read

AUTODISCOVER_KEYWORD = "77378F46-2C66-4aa9-A6A6-3E7A48B19596"
"""GUID that marks Autodiscover's connection points, so that Outlook finds them in AD."""

AUTODISCOVER_URL = "serviceBindingInformation"
ALLOW_INTERNAL_UNTRUSTED = "labAllowInternalUntrusted"


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
        AUTODISCOVER_URL: (url.encode(),),
    }
    port.add(AddRequest(Entry(point, attributes)))


def connection_point(names: ConfigurationNames, server: str) -> DN:
    """Where domain-joined Outlook finds a server's Autodiscover."""
    protocols = names.server(server).child("CN", "Protocols")
    return protocols.child("CN", "Autodiscover").child("CN", server)


def read_autodiscover_url(port: DirectoryPort, names: ConfigurationNames, server: str) -> str:
    """AutoDiscoverServiceInternalUri; empty when the server publishes none."""
    entry = read(port, connection_point(names, server), (AUTODISCOVER_URL,))
    return entry.text(AUTODISCOVER_URL) if entry is not None else ""


def read_allow_internal_untrusted(
    port: DirectoryPort, names: ConfigurationNames, server: str
) -> bool:
    """AllowInternalUntrustedCerts: whether a server proxies to others with unknown issuers.

    A value of the server's registry; the lab keeps it beside the web site (certificate-facts 7.1).
    """
    entry = read(port, web_site_dn(names, server), (ALLOW_INTERNAL_UNTRUSTED,))
    return entry is not None and entry.text(ALLOW_INTERNAL_UNTRUSTED) == "TRUE"


def write_allow_internal_untrusted(
    port: DirectoryPort, names: ConfigurationNames, server: str, *, allowed: bool
) -> None:
    """Set the registry value."""
    value = b"TRUE" if allowed else b"FALSE"
    site = web_site_dn(names, server)
    port.modify(ModifyRequest(site, (replace(ALLOW_INTERNAL_UNTRUSTED, value),)))


def write_autodiscover_url(
    port: DirectoryPort, names: ConfigurationNames, server: str, url: str
) -> None:
    """Set-ClientAccessServer -AutoDiscoverServiceInternalUri."""
    point = connection_point(names, server)
    port.modify(ModifyRequest(point, (replace(AUTODISCOVER_URL, url.encode()),)))
