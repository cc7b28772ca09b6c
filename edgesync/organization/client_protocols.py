"""POP3 and IMAP4 settings of a Client Access server (certificate-facts 3.7)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import AddRequest, ModifyRequest
from edgesync.organization.mapping import TEXT, changes, dump, load, stored, words
from edgesync.organization.names import ConfigurationNames
from edgesync.organization.servers import ServerObject
from edgesync.port.port import DirectoryPort, read

Protocol = Literal["POP3", "IMAP4"]
_CLASSES = {"POP3": b"msExchProtocolCfgPOPServer", "IMAP4": b"msExchProtocolCfgIMAPServer"}


class LoginType(StrEnum):
    """What a log-on needs. SecureLogin, the default: TLS before a password in clear text."""

    PLAIN_TEXT = "PlainTextLogin"
    PLAIN_TEXT_AUTHENTICATION = "PlainTextAuthentication"
    SECURE = "SecureLogin"


@dataclass(frozen=True, slots=True)
class MailAccessSettings:
    """Get-PopSettings or Get-ImapSettings."""

    dn: DN
    name: str = stored("cn", TEXT, "1")
    x509_certificate_name: str = stored("msExchPopImapX509CertificateName", TEXT, "")
    login_type: LoginType = stored("labLoginType", words(LoginType), LoginType.SECURE)
    banner: str = stored("msExchPopImapBanner", TEXT, "")


def settings_dn(names: ConfigurationNames, server: str, protocol: Protocol) -> DN:
    """Where a server's settings are."""
    return names.server(server).child("CN", "Protocols").child("CN", protocol).child("CN", "1")


def default_settings(
    names: ConfigurationNames, server: ServerObject, protocol: Protocol
) -> MailAccessSettings:
    """What setup writes. X509CertificateName is the FQDN; no source gives the default."""
    return MailAccessSettings(
        settings_dn(names, server.name, protocol), x509_certificate_name=server.fqdn
    )


def add_settings(port: DirectoryPort, settings: MailAccessSettings, protocol: Protocol) -> None:
    """Write a server's settings."""
    classes = (b"top", b"labAccess", _CLASSES[protocol])
    port.add(AddRequest(Entry(settings.dn, {"objectClass": classes, **dump(settings)})))


def read_settings(
    port: DirectoryPort, names: ConfigurationNames, server: str, protocol: Protocol
) -> MailAccessSettings | None:
    """A server's settings; None on one that has no such service."""
    entry = read(port, settings_dn(names, server, protocol))
    return load(MailAccessSettings, entry) if entry is not None else None


def write_settings(
    port: DirectoryPort, before: MailAccessSettings, after: MailAccessSettings
) -> None:
    """Change what differs."""
    if modifications := changes(dump(before), after):
        port.modify(ModifyRequest(after.dn, modifications))
