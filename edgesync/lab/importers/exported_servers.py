"""Servers, certificates and virtual directories from their exports."""

from __future__ import annotations

import re
from uuid import UUID

from cryptography import x509

from edgesync.certificates.certificate import MALFORMED, domains_of
from edgesync.certificates.names import show_name
from edgesync.certificates.services import Services, parse_services
from edgesync.config import Version
from edgesync.errors import EdgeSyncError, InputInvalid
from edgesync.lab.importers.clixml import PSObject
from edgesync.lab.importers.exported import (
    ExportedCertificate,
    ExportedServer,
    ExportedVirtualDirectory,
)
from edgesync.lab.importers.nrbf import NetObject, NetStream, parse_nrbf
from edgesync.lab.importers.properties import (
    boolean,
    name_of,
    simple_properties,
    text,
    texts,
)
from edgesync.lab.importers.serialized_certificate import (
    SerializedCertificate,
    parse_serialized_certificate,
)
from edgesync.organization.servers import ServerRole

_COMPUTER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_HOST = re.compile(rf"(?=.{{1,255}}\Z){_COMPUTER.pattern}(?:\.{_COMPUTER.pattern})*")
_BUILD = re.compile(r"Version (\d+)\.(\d+) \(Build (\d+)\.(\d+)\)")
_VERSIONS = {
    8: Version.EXCHANGE_2007,
    14: Version.EXCHANGE_2010,
    (15, 0): Version.EXCHANGE_2013,
    (15, 1): Version.EXCHANGE_2016,
    (15, 2): Version.EXCHANGE_2019,
}
_SE_BUILD = 2562
"""First build of 15.2 that is Exchange Server SE."""

_STATUS = (
    "Unknown", "Valid", "Revoked", "DateInvalid", "Untrusted", "Invalid",
    "RevocationCheckFailure", "PendingRequest",
)  # fmt: skip
_ROOT_CA = ("None", "ThirdParty", "Enterprise", "Registry", "GroupPolicy", "Unknown")
"""Numbers of the enums in SerializationData (certificate-facts 2.2)."""


def exported_server(item: PSObject) -> ExportedServer:
    """One object of Get-ExchangeServer.

    Raises:
        InputInvalid: when its name is none a computer can have; a lab names folders after it.
    """
    name = text(item, "Name")
    shown = text(item, "AdminDisplayVersion")
    guid = item.get("Guid")
    version = version_of(shown)
    fqdn = text(item, "Fqdn") or (f"{name}.{domain}" if (domain := text(item, "Domain")) else name)
    for host, form in ((name, _COMPUTER), (fqdn, _HOST)):
        if not form.fullmatch(host):
            raise InputInvalid(
                f"line {item.line}: {host[:80]!r} is no name of a server",
                "export it again with Get-ExchangeServer | Export-Clixml",
            )
    return ExportedServer(
        name,
        fqdn,
        _roles(item, version),
        version,
        name_of(item, "Site"),
        serial_number(shown),
        version_number(shown),
        text(item, "Edition"),
        guid if isinstance(guid, UUID) else None,
    )


def _roles(item: PSObject, version: Version) -> ServerRole:
    found = ServerRole(0)
    for switch, role in (
        ("IsEdgeServer", ServerRole.EDGE),
        ("IsHubTransportServer", ServerRole.HUB),
        ("IsMailboxServer", ServerRole.MAILBOX),
        ("IsUnifiedMessagingServer", ServerRole.UNIFIED_MESSAGING),
    ):
        if boolean(item, switch):
            found |= role
    # from 2013 on every Mailbox server is a client access server too; before, it is a role
    if boolean(item, "IsClientAccessServer") and not version.at_least(Version.EXCHANGE_2013):
        found |= ServerRole.CLIENT_ACCESS
    return found


def version_of(shown: str) -> Version:
    """Product of an AdminDisplayVersion: ``Version 15.2 (Build 986.5)``; 2019 when unreadable."""
    match = _BUILD.search(shown)
    if match is None:
        return Version.EXCHANGE_2019
    major, minor, build = int(match[1]), int(match[2]), int(match[3]) % 30000
    if (major, minor) == (15, 2) and build >= _SE_BUILD:
        return Version.EXCHANGE_SE
    return _VERSIONS.get(major) or _VERSIONS.get((major, minor)) or Version.EXCHANGE_2019


def serial_number(shown: str) -> str:
    """The version as AD's serialNumber has it, where builds count from 30000."""
    match = _BUILD.search(shown)
    if match is None:
        return shown
    build = int(match[3]) % 30000 + 30000
    return f"Version {match[1]}.{match[2]} (Build {build}.{match[4]})"


def version_number(shown: str) -> int:
    """The version as AD's versionNumber packs it: 4 bits 7, 6 each of version, a 1, 15 of build.

    No fact sheet gives the packing; it is what real objects hold (8.3.83.6 is 1912832083).
    """
    match = _BUILD.search(shown)
    if match is None:
        return 0
    build = int(match[3]) % 30000
    return 7 << 28 | int(match[1]) << 22 | int(match[2]) << 16 | 1 << 15 | build


def exported_certificate(item: PSObject, source: str) -> ExportedCertificate:
    """One object of Get-ExchangeCertificate, its services from wherever the export has them.

    Raises:
        InputInvalid: when a part that is there cannot be read; names file and line.
    """
    where = f"{source}, line {item.line}"
    stream, root = _serialized_fields(item, where)
    stored = _stored_certificate(item, stream, root, where)
    _check_certificate(stored.der, where)
    recorded = simple_properties(item)
    fields = {name: stream.field(root, name) for name in root.members} if root else {}
    recorded |= {
        name: str(value)
        for name, value in fields.items()
        if isinstance(value, str | int | float | bool)
    }
    exportable = fields.get("PrivateKeyExportable", item.get("PrivateKeyExportable"))
    server, _, _ = (str(fields.get("Identity") or "") or text(item, "Identity")).rpartition("\\")
    server = server or text(item, "PSComputerName")
    return ExportedCertificate(
        server.partition(".")[0],
        stored.der,
        _services(fields.get("Services"), item),
        _word(_STATUS, fields.get("Status"), text(item, "Status")),
        stored.friendly_name or text(item, "FriendlyName"),
        _word(_ROOT_CA, fields.get("RootCAType"), text(item, "RootCAType")),
        exportable if isinstance(exportable, bool) else None,
        stored.provider_type,
        recorded,
    )


def _serialized_fields(item: PSObject, where: str) -> tuple[NetStream, NetObject | None]:
    data = item.get("SerializationData")
    if not isinstance(data, bytes):
        return NetStream(), None
    stream = parse_nrbf(data, where)
    return stream, stream.root if isinstance(
        stream.objects.get(stream.root_id), NetObject
    ) else None


def _stored_certificate(
    item: PSObject, stream: NetStream, root: NetObject | None, where: str
) -> SerializedCertificate:
    data = stream.field(root, "CertData") if root else None
    if isinstance(data, bytes):
        return parse_serialized_certificate(data, where)
    raw = item.get("RawData")
    return SerializedCertificate(raw if isinstance(raw, bytes) else b"")


def _check_certificate(der: bytes, where: str) -> None:
    """Read once everything that is asked of a certificate later, so that a bad one stops here."""
    try:
        domains_of(certificate := x509.load_der_x509_certificate(der))
        show_name(certificate.subject)
        certificate.not_valid_after_utc  # noqa: B018  # read for the error it may raise
    except MALFORMED as error:
        raise InputInvalid(f"{where}: not a certificate: {error}", "export it again") from error


def _services(number: object, item: PSObject) -> Services | None:
    if isinstance(number, int):
        return Services(number & sum(Services))
    if isinstance(value := item.get("Services"), PSObject) and isinstance(value.value, int):
        return Services(value.value & sum(Services))
    try:
        return parse_services(text(item, "Services")) if text(item, "Services") else None
    except EdgeSyncError:
        return None


def _word(words: tuple[str, ...], number: object, shown: str) -> str:
    if isinstance(number, int) and 0 <= number < len(words):
        return words[number]
    return shown


def names_server(der: bytes, server: ExportedServer) -> bool:
    """Whether a certificate carries a server's name: how a published one is told to be whose."""
    certificate = x509.load_der_x509_certificate(der)
    names = {name.casefold() for name in domains_of(certificate)}
    return bool(names & {server.name.casefold(), server.fqdn.casefold()})


def exported_virtual_directory(item: PSObject, kind: str) -> ExportedVirtualDirectory:
    """One object of a Get-...VirtualDirectory."""
    return ExportedVirtualDirectory(
        name_of(item, "Server"),
        kind,
        text(item, "Name"),
        text(item, "InternalUrl"),
        text(item, "ExternalUrl"),
        texts(item, "InternalAuthenticationMethods"),
        texts(item, "ExternalAuthenticationMethods"),
        simple_properties(item),
    )
