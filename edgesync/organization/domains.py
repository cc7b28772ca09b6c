"""Accepted and remote domains, message classifications, the organisation's transport settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import AddRequest, ModifyRequest, Scope
from edgesync.organization.mapping import (
    BOOLEAN,
    TEXT,
    TEXTS,
    changes,
    dump,
    load,
    numbers,
    stored,
)
from edgesync.organization.names import ConfigurationNames
from edgesync.port.port import DirectoryPort, find, read


class DomainKind(StrEnum):
    """What the organisation does with mail for a domain (edgesync-facts 1.1)."""

    AUTHORITATIVE = "Authoritative"
    EXTERNAL_RELAY = "ExternalRelay"
    INTERNAL_RELAY = "InternalRelay"


@dataclass(frozen=True, slots=True)
class AcceptedDomain:
    """A domain the organisation takes mail for. ``*.contoso.test`` covers its sub-domains."""

    dn: DN
    name: str = stored("cn", TEXT)
    domain: str = stored("msExchAcceptedDomainName", TEXT)
    kind: DomainKind = stored(
        "msExchAcceptedDomainFlags", numbers(DomainKind), DomainKind.AUTHORITATIVE
    )
    is_default: bool = stored("labDefaultDomain", BOOLEAN, False)

    def covers(self, domain: str) -> bool:
        """Whether mail for a domain falls under this one."""
        wanted, own = domain.lower().rstrip("."), self.domain.lower()
        if own == "*":
            return True
        if own.startswith("*."):
            return wanted == own[2:] or wanted.endswith(own[1:])
        return wanted == own


@dataclass(frozen=True, slots=True)
class RemoteDomain:
    """How mail to a foreign domain is formatted."""

    dn: DN
    name: str = stored("cn", TEXT)
    domain: str = stored("domainName", TEXT)
    auto_reply: bool = stored("labAutoReply", BOOLEAN, False)


@dataclass(frozen=True, slots=True)
class MessageClassification:
    """A label senders can put on messages."""

    dn: DN
    name: str = stored("cn", TEXT)
    display_name: str = stored("displayName", TEXT, "")
    classification_id: str = stored("msExchMessageClassificationID", TEXT, "")


@dataclass(frozen=True, slots=True)
class TransportConfig:
    """Organisation-wide transport settings; EdgeSync copies them (edgesync-facts 5.1)."""

    dn: DN
    internal_smtp_servers: tuple[str, ...] = stored("msExchInternalSMTPServers", TEXTS, ())
    tls_send_domain_secure_list: tuple[str, ...] = stored(
        "msExchTlsSendDomainSecureList", TEXTS, ()
    )
    tls_receive_domain_secure_list: tuple[str, ...] = stored(
        "msExchTlsReceiveDomainSecureList", TEXTS, ()
    )


ACCEPTED_DOMAIN_CLASS = b"msExchAcceptedDomain"
REMOTE_DOMAIN_CLASS = b"msExchDomainContentConfig"
MESSAGE_CLASSIFICATION_CLASS = b"msExchMessageClassification"
TRANSPORT_CONFIG_CLASS = b"msExchTransportSettings"


_WITH_LAB_ATTRIBUTES = {ACCEPTED_DOMAIN_CLASS, REMOTE_DOMAIN_CLASS}


def entry_of(
    item: AcceptedDomain | RemoteDomain | MessageClassification | TransportConfig,
) -> Entry:
    """The entry that adds one of this module's objects."""
    kind = {
        AcceptedDomain: ACCEPTED_DOMAIN_CLASS,
        RemoteDomain: REMOTE_DOMAIN_CLASS,
        MessageClassification: MESSAGE_CLASSIFICATION_CLASS,
        TransportConfig: TRANSPORT_CONFIG_CLASS,
    }[type(item)]
    attributes = dump(item)
    attributes.setdefault("cn", (item.dn.rdn.value.encode(),))
    classes = (b"top", kind, *((b"labDomain",) if kind in _WITH_LAB_ATTRIBUTES else ()))
    return Entry(item.dn, {"objectClass": classes, **attributes})


def list_accepted_domains(
    port: DirectoryPort, names: ConfigurationNames
) -> tuple[AcceptedDomain, ...]:
    """All accepted domains, by name."""
    found = find(port, names.accepted_domains, Equality("objectClass", ACCEPTED_DOMAIN_CLASS),
                 scope=Scope.ONE)  # fmt: skip
    return tuple(sorted((load(AcceptedDomain, e) for e in found), key=lambda d: d.name.casefold()))


def list_remote_domains(port: DirectoryPort, names: ConfigurationNames) -> tuple[RemoteDomain, ...]:
    """All remote domains, by name."""
    found = find(port, names.remote_domains, Equality("objectClass", REMOTE_DOMAIN_CLASS),
                 scope=Scope.ONE)  # fmt: skip
    return tuple(sorted((load(RemoteDomain, e) for e in found), key=lambda d: d.name.casefold()))


def read_transport_config(port: DirectoryPort, names: ConfigurationNames) -> TransportConfig:
    """The transport settings; the defaults when the object is not there yet."""
    entry = read(port, names.transport_settings)
    return load(TransportConfig, entry) if entry else TransportConfig(names.transport_settings)


def write_transport_config(port: DirectoryPort, config: TransportConfig) -> None:
    """Store changed transport settings, touching only what differs."""
    entry = read(port, config.dn)
    if entry is None:
        port.add(AddRequest(entry_of(config)))
        return
    modifications = changes(dump(load(TransportConfig, entry)), config)
    if modifications:
        port.modify(ModifyRequest(config.dn, modifications))


def find_accepted_domain(domains: tuple[AcceptedDomain, ...], domain: str) -> AcceptedDomain | None:
    """The accepted domain that covers an address's domain; exact names before wildcards."""
    matching = [item for item in domains if item.covers(domain)]
    return max(matching, key=lambda item: ("*" not in item.domain, len(item.domain)), default=None)
