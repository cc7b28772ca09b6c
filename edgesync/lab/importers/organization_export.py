"""A folder of ``Get-X | Export-Clixml Get-X.xml`` files read as one organisation.

Takes what is there. What it took, what it left out and what it had to assume is said in words, so
that nobody mistakes the lab for the real thing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from edgesync.certificates.services import Services
from edgesync.config import Version
from edgesync.errors import InputInvalid
from edgesync.lab.importers import exported_transport as transport
from edgesync.lab.importers.clixml import PSObject, read_clixml
from edgesync.lab.importers.exported import (
    ExportedCertificate,
    ExportedServer,
    ExportedVirtualDirectory,
    OrganizationExport,
)
from edgesync.lab.importers.exported_iis import read_iis_files
from edgesync.lab.importers.exported_servers import (
    exported_certificate,
    exported_server,
    exported_virtual_directory,
    names_server,
)
from edgesync.lab.importers.properties import distinguished_name, name_of, text
from edgesync.organization.connectors import ReceiveConnector, SendConnector
from edgesync.organization.names import DEFAULT_SITE, ForestNames
from edgesync.organization.servers import ServerRole

V = TypeVar("V")

FILES_MAX = 1000
"""Most files looked at in a folder: a folder with more is not an export."""

_VIRTUAL_DIRECTORY = re.compile(r"Get-(\w+)VirtualDirectory", re.IGNORECASE)
_INTERNAL_CERTIFICATE = "InternalTransportCertificate"
_USED = {
    name.casefold(): name
    for name in (
        "Get-ExchangeServer", "Get-MailboxServer", "Get-TransportService", "Get-TransportServer",
        "Get-ExchangeCertificate", "Get-AcceptedDomain", "Get-RemoteDomain", "Get-SendConnector",
        "Get-ReceiveConnector", "Get-TransportConfig", "Get-EdgeSubscription",
        "Get-OrganizationConfig", "Get-AuthConfig", _INTERNAL_CERTIFICATE,
    )
}  # fmt: skip
_TRANSPORT_SERVICES = ("Get-TransportService", "Get-TransportServer")
_SERVER_FALLBACKS = (*_TRANSPORT_SERVICES, "Get-MailboxServer")


def read_exports(folder: Path) -> OrganizationExport:
    """The organisation in a folder of exports.

    Raises:
        InputInvalid: when the folder holds no server, or a file of it is malformed; names file,
            line and element.
    """
    return _Organization(folder).export()


class _Organization:
    """What was found so far while the files of one folder are put together."""

    def __init__(self, folder: Path) -> None:
        self._taken: list[str] = []
        self._ignored: list[str] = []
        self._assumed: list[str] = []
        self._files = self._read_folder(folder)
        self._folder = folder
        self._used: set[str] = set()
        self._servers = self._read_servers()
        self._names = self._find_names()

    def export(self) -> OrganizationExport:
        """Everything the files tell."""
        certificates = self._read_certificates()
        published = self._find_published(certificates)
        configs = self._read(
            "Get-TransportConfig", lambda item: transport.transport_config(item, self._names)
        )
        auth = self._read("Get-AuthConfig", lambda i: text(i, "CurrentCertificateThumbprint"))
        found = OrganizationExport(
            forest=self._names.dns_domain,
            organization=self._names.organization_name,
            version=max((s.version for s in self._servers), key=list(Version).index),
            servers=self._servers,
            certificates=certificates,
            published=published,
            accepted_domains=self._read(
                "Get-AcceptedDomain", lambda item: transport.accepted_domain(item, self._names)
            ),
            remote_domains=self._read(
                "Get-RemoteDomain", lambda item: transport.remote_domain(item, self._names)
            ),
            send_connectors=self._read_send_connectors(),
            receive_connectors=self._read_receive_connectors(),
            transport_config=configs[0] if configs else None,
            virtual_directories=self._read_virtual_directories(),
            edge_subscriptions=self._read("Get-EdgeSubscription", lambda item: text(item, "Name")),
            auth_certificate=auth[0] if auth else "",
            last_changed=self._last_changed(),
        )
        iis = read_iis_files(self._folder, self._servers)
        self._taken += iis.taken
        self._ignored += iis.ignored
        self._ignored += [
            f"{name}.xml: the other files tell all of it that a lab uses"
            for name in sorted(self._files.keys() - self._used - {_INTERNAL_CERTIFICATE})
        ]
        return replace(
            found,
            iis=iis.configurations,
            taken=tuple(self._taken),
            ignored=tuple(self._ignored),
            assumed=tuple(self._assumed),
        )

    def _read_folder(self, folder: Path) -> dict[str, list[PSObject]]:
        try:
            paths = sorted(path for path in folder.iterdir() if path.is_file())
        except OSError as error:
            raise InputInvalid(
                f"{folder}: {error.strerror}", "name the folder of the exported files"
            ) from error
        if len(paths) > FILES_MAX:
            raise InputInvalid(
                f"{folder}: more than {FILES_MAX} files", "keep only exports in the folder"
            )
        files: dict[str, list[PSObject]] = {}
        for path in paths:
            name = _USED.get(path.stem.casefold()) or (
                path.stem if _VIRTUAL_DIRECTORY.fullmatch(path.stem) else None
            )
            if path.suffix.lower() == ".xml" and name:
                files[name] = [v for v in read_clixml(path) if isinstance(v, PSObject)]
            elif path.suffix.lower() == ".xml":
                self._ignored.append(f"{path.name}: no export this project takes has that name")
        return files

    def _take(self, name: str, convert: Callable[[PSObject], V]) -> tuple[V, ...]:
        """The objects of one file, converted; nothing when the file is not there."""
        items = self._files.get(name, [])
        try:
            found = tuple(convert(item) for item in items)
        except InputInvalid as error:
            if f"{name}.xml" in error.message:
                raise
            raise InputInvalid(f"{name}.xml, {error.message}", error.hint) from error
        self._used.add(name)
        if found:
            shown = ", ".join(dict.fromkeys(item.text for item in items if "\n" not in item.text))
            self._taken.append(f"{name}.xml: {len(found)}" + (f" ({shown})" if shown else ""))
        return found

    def _read(self, name: str, convert: Callable[[PSObject], V]) -> tuple[V, ...]:
        """The same for a file that may come from another forest, which is then said."""
        found = self._take(name, convert)
        own = self._names.dns_domain.casefold()
        forests = (_forest_of(item) for item in self._files.get(name, []))
        others = {forest for forest in forests if forest and forest.casefold() != own}
        if others:
            self._assumed.append(
                f"{name}.xml comes from {', '.join(sorted(others))}; "
                f"taken as part of {self._names.dns_domain}"
            )
        return found

    def _last_changed(self) -> datetime | None:
        """The newest change of any object, in UTC."""
        items = [item for items in self._files.values() for item in items]
        times = [item.get(name) for item in items for name in ("WhenChangedUTC", "WhenChanged")]
        return max((at.astimezone(UTC) for at in times if isinstance(at, datetime)), default=None)

    def _read_servers(self) -> tuple[ExportedServer, ...]:
        servers = self._take("Get-ExchangeServer", exported_server)
        if not servers:
            servers = self._assumed_servers()
        located = []
        for server in servers:
            if not server.site and not server.roles & ServerRole.EDGE:
                self._assumed.append(f"{server.name} is in {DEFAULT_SITE}: no site was exported")
                located.append(replace(server, site=DEFAULT_SITE))
            else:
                located.append(server)
        return tuple(located)

    def _assumed_servers(self) -> tuple[ExportedServer, ...]:
        """Servers from other files that name them, when Get-ExchangeServer was not exported."""
        for name in _SERVER_FALLBACKS:
            if found := self._take(name, _bare_server):
                self._assumed.append(
                    f"roles and host names of {', '.join(s.name for s in found)}: "
                    f"only {name}.xml names them, as Mailbox servers"
                )
                return found
        raise InputInvalid(
            f"{self._folder}: no Get-ExchangeServer.xml with a server in it",
            "run Get-ExchangeServer | Export-Clixml Get-ExchangeServer.xml and try again",
        )

    def _find_names(self) -> ForestNames:
        for name in ("Get-ExchangeServer", "Get-OrganizationConfig", *_SERVER_FALLBACKS):
            for item in self._files.get(name, []):
                forest, organization = _forest_of(item), _organization_of(item)
                if forest and organization:
                    return ForestNames.of(forest, organization)
        domain = self._servers[0].fqdn.partition(".")[2] or "imported.test"
        self._assumed.append(f"the forest is {domain}: no exported object has a readable DN")
        return ForestNames.of(domain, "Imported Organization")

    def _read_certificates(self) -> tuple[ExportedCertificate, ...]:
        name = "Get-ExchangeCertificate"
        found = self._read(name, lambda item: exported_certificate(item, f"{name}.xml"))
        known = {server.name.casefold(): server.name for server in self._servers}
        kept = tuple(
            replace(certificate, server=known[certificate.server.casefold()])
            for certificate in found
            if certificate.server.casefold() in known
        )
        strangers = Counter(c.server for c in found if c.server.casefold() not in known)
        for server, count in strangers.items():
            self._ignored.append(
                f"{count} certificates of {server or 'an unnamed server'}, which was not exported"
            )
        for certificate in kept:
            if certificate.services is None:
                self._assumed.append(
                    f"{certificate.thumbprint} is enabled for nothing: no services were exported"
                )
        if kept:
            self._assumed.append(
                "private keys are not in an export: where a server must present a certificate, "
                "a key and a certificate of the same profile stand in"
            )
        return kept

    def _find_published(self, certificates: tuple[ExportedCertificate, ...]) -> dict[str, bytes]:
        """Each server's internal transport certificate in AD."""
        published: dict[str, bytes] = {}
        for item in self._files.get(_INTERNAL_CERTIFICATE, []):
            found = exported_certificate(item, f"{_INTERNAL_CERTIFICATE}.xml")
            owners = [s for s in self._servers if names_server(found.der, s)]
            for server in owners:
                published[server.name] = found.der
                self._taken.append(f"{_INTERNAL_CERTIFICATE}.xml: published for {server.name}")
            if not owners:
                self._ignored.append(
                    f"{_INTERNAL_CERTIFICATE}.xml: {found.thumbprint} names no exported server"
                )
        for server in self._servers:
            if server.name not in published and (own := self._internal(server, certificates)):
                published[server.name] = own.der
        return published

    def _internal(
        self, server: ExportedServer, certificates: tuple[ExportedCertificate, ...]
    ) -> ExportedCertificate | None:
        """The certificate its transport service names, else the likeliest of its store."""
        for name in _TRANSPORT_SERVICES:
            for item in self._files.get(name, []):
                thumbprint = text(item, "InternalTransportCertificateThumbprint")
                if text(item, "Name").casefold() != server.name.casefold() or not thumbprint:
                    continue
                self._used.add(name)
                for certificate in certificates:
                    if certificate.thumbprint == thumbprint.upper():
                        self._taken.append(f"{name}.xml: {thumbprint} is published")
                        return certificate
                self._ignored.append(f"{name}.xml: {thumbprint} is in no exported store")
        likely = _likely_internal(server, certificates)
        if likely is not None:
            self._assumed.append(
                f"{likely.thumbprint} is published for {server.name}: of its certificates for "
                "SMTP that carry its name, the one that is valid longest"
            )
        return likely

    def _server_for(self, real: str) -> ExportedServer | None:
        """The exported server of a name; the only one there is when the name is another's."""
        for server in self._servers:
            if server.name.casefold() == real.casefold():
                return server
        return self._servers[0] if len(self._servers) == 1 else None

    def _read_send_connectors(self) -> tuple[SendConnector, ...]:
        def convert(item: PSObject) -> SendConnector:
            real = transport.send_connector_servers(item)
            sources = [server for name in real if (server := self._server_for(name))]
            self._note_moved(f"Send connector {text(item, 'Name')}", real, sources)
            self._note_unplayed(f"Send connector {text(item, 'Name')}", item)
            return transport.send_connector(item, self._names, tuple(dict.fromkeys(sources)))

        return self._read("Get-SendConnector", convert)

    def _read_receive_connectors(self) -> dict[str, tuple[ReceiveConnector, ...]]:
        def convert(item: PSObject) -> tuple[str, ReceiveConnector] | None:
            what = f"Receive connector {text(item, 'Name')}"
            real = name_of(item, "Server")
            server = self._server_for(real)
            if server is None:
                self._ignored.append(f"{what}: its server {real} was not exported")
                return None
            self._note_moved(what, (real,), [server])
            self._note_unplayed(what, item)
            return server.name, transport.receive_connector(item, self._names, server, real)

        found = [pair for pair in self._read("Get-ReceiveConnector", convert) if pair]
        return {
            server.name: own
            for server in self._servers
            if (own := tuple(connector for name, connector in found if name == server.name))
        }

    def _note_moved(self, what: str, real: tuple[str, ...], given: list[ExportedServer]) -> None:
        known = {server.name.casefold() for server in given}
        if strangers := [name for name in real if name.casefold() not in known]:
            to = f"given to {given[0].name}, the only server" if given else "left without"
            self._assumed.append(f"{what} is of {', '.join(strangers)}, not exported; {to}")

    def _note_unplayed(self, what: str, item: PSObject) -> None:
        self._ignored += [f"{what}: {reason}" for reason in transport.unplayed(item)]

    def _read_virtual_directories(self) -> tuple[ExportedVirtualDirectory, ...]:
        found: list[ExportedVirtualDirectory] = []
        for name in self._files:
            if match := _VIRTUAL_DIRECTORY.fullmatch(name):
                kind = match[1]
                found += self._read(name, partial(exported_virtual_directory, kind=kind))
        return tuple(found)


def _bare_server(item: PSObject) -> ExportedServer:
    server = exported_server(item)
    roles = server.roles or ServerRole.MAILBOX | ServerRole.HUB
    forest = _forest_of(item)
    fqdn = f"{server.name}.{forest}" if forest and "." not in server.fqdn else server.fqdn
    return replace(server, fqdn=fqdn, roles=roles)


def _likely_internal(
    server: ExportedServer, certificates: tuple[ExportedCertificate, ...]
) -> ExportedCertificate | None:
    own = [
        certificate
        for certificate in certificates
        if certificate.server.casefold() == server.name.casefold()
        and certificate.services
        and Services.SMTP in certificate.services
        and names_server(certificate.der, server)
    ]
    return max(own, key=lambda certificate: certificate.not_after, default=None)


def _forest_of(item: PSObject) -> str:
    """The DNS name of the forest an object is in, from its DN."""
    dn = distinguished_name(item)
    return ".".join(r.value for r in dn.rdns if r.type.upper() == "DC") if dn else ""


def _organization_of(item: PSObject) -> str:
    """The name above which stands CN=Microsoft Exchange."""
    dn = distinguished_name(item)
    names = [rdn.value for rdn in dn.rdns] if dn else []
    above = next((i for i, name in enumerate(names) if name == "Microsoft Exchange"), 0)
    return names[above - 1] if above else ""
