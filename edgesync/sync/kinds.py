"""What EdgeSync replicates: one table, read by people and by the engine (edgesync-facts 5).

A row says where objects of a kind are, which of them may leave, which attributes go along and
what becomes of their values. What no row names never crosses: server objects carry credentials,
and the table does not list that attribute for Hubs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from directory.model.dn import DN
from directory.model.filter import Filter, parse_filter
from directory.model.messages import Scope
from edgesync.config import Policy
from edgesync.organization.address_hash import ADDRESS_HASHES
from edgesync.organization.connectors import SendConnector
from edgesync.organization.domains import (
    AcceptedDomain,
    MessageClassification,
    RemoteDomain,
    TransportConfig,
)
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.sync.transform import TRANSFORMATIONS, Setting

SOURCE_GUID = "msExchEdgeSyncSourceGuid"
"""Where a replica remembers which object of AD it is. No source names Exchange's own way; ours."""

LDAP_AND = "1.2.840.113556.1.4.803"
HUB_BIT = 32


class Job(StrEnum):
    """What runs by itself on its own schedule."""

    TOPOLOGY = "topology"
    CONFIGURATION = "configuration"
    RECIPIENTS = "recipients"


class Identity(StrEnum):
    """How a replica is found again."""

    GUID_ATTRIBUTE = "guid-attribute"
    """The source's GUID stands in ``key``; the name is the source's."""
    GUID_NAME = "guid-name"
    """The source's GUID is the name, so a rename at the source is none at the target."""
    FIXED = "fixed"
    """One object that both sides have; it is changed, never added or deleted."""


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One attribute that crosses: its name there, its name here, what becomes of the values."""

    source: str
    target: str
    transformation: str = "copy"


@dataclass(frozen=True, slots=True)
class Kind:
    """One row: objects of one kind. ``{site}`` and ``{edge}`` in the filter are filled in."""

    name: str
    job: Job
    source: str
    """Property of ``ForestNames`` that is the base."""
    target: str
    """Property of ``EdgeNames`` that is the container."""
    filter: str
    classes: tuple[str, ...]
    rules: tuple[AttributeRule, ...]
    identity: Identity = Identity.GUID_ATTRIBUTE
    scope: Scope = Scope.ONE
    note: str = ""


def _same(*names: str) -> tuple[AttributeRule, ...]:
    return tuple(AttributeRule(name, name) for name in names)


def _stored(kind: type, *, but: tuple[str, ...] = ()) -> tuple[AttributeRule, ...]:
    """Every attribute a configuration object is kept in; its name goes by itself."""
    names = (item.metadata.get("attribute") for item in fields(kind))
    return _same(*(name for name in names if name and name not in (*but, "cn")))


_SOURCES = "msExchSourceBridgeheadServersDN"

KINDS: tuple[Kind, ...] = (
    Kind(
        "edge_subscription", Job.CONFIGURATION, "servers", "servers",
        "(&(objectClass=msExchExchangeServer)(cn={edge}))",
        ("top", "server", "msExchExchangeServer"),
        (AttributeRule("msExchEdgeSyncCredential", "msExchEdgeSyncCredential",
                       "replication-credentials"),
         AttributeRule("msExchServerSite", "msExchServerSite", "name")),
        Identity.FIXED,
        note="the Edge's own object: credentials for its accounts, encrypted for the Edge",
    ),
    Kind(
        "transport_server", Job.CONFIGURATION, "servers", "servers",
        f"(&(objectClass=msExchExchangeServer)(msExchCurrentServerRoles:{LDAP_AND}:={HUB_BIT})"
        "{in_site})",
        ("top", "server", "msExchExchangeServer"),
        (*_same("networkAddress", "serialNumber", "versionNumber", "msExchCurrentServerRoles",
                "msExchServerInternalTLSCert"),
         AttributeRule("msExchServerSite", "msExchServerSite", "name")),
        note="Hubs of the subscribed site: smart hosts of `--` and certificates of direct trust",
    ),
    Kind(
        "accepted_domain", Job.CONFIGURATION, "accepted_domains", "accepted_domains",
        "(objectClass=msExchAcceptedDomain)", ("top", "labDomain", "msExchAcceptedDomain"),
        _stored(AcceptedDomain),
    ),
    Kind(
        "remote_domain", Job.CONFIGURATION, "remote_domains", "remote_domains",
        "(objectClass=msExchDomainContentConfig)",
        ("top", "labDomain", "msExchDomainContentConfig"),
        _stored(RemoteDomain),
    ),
    Kind(
        "message_classification", Job.CONFIGURATION, "message_classifications",
        "message_classifications",
        "(objectClass=msExchMessageClassification)", ("top", "msExchMessageClassification"),
        _stored(MessageClassification),
    ),
    Kind(
        "send_connector", Job.CONFIGURATION, "connectors", "connectors",
        "(&(objectClass=msExchRoutingSMTPConnector)(msExchSourceBridgeheadServersDN={edge_dn}))",
        ("top", "labConnector", "msExchRoutingSMTPConnector"),
        (*_stored(SendConnector, but=(_SOURCES,)),
         AttributeRule(_SOURCES, _SOURCES, "name")),
        note="connectors that have this Edge as a source server",
    ),
    Kind(
        "transport_config", Job.CONFIGURATION, "transport_settings", "transport_settings",
        "(objectClass=msExchTransportSettings)", ("top", "msExchTransportSettings"),
        _stored(TransportConfig), Identity.FIXED, Scope.BASE,
        note="the Edge's own values are replaced (facts 4.7)",
    ),
    Kind(
        "recipient", Job.RECIPIENTS, "domain", "recipients",
        "(&(proxyAddresses=*)(!(msExchRequireAuthToSendTo=TRUE)))",
        ("top", "person", "organizationalPerson", "contact"),
        (AttributeRule("proxyAddresses", "proxyAddresses", "hash"),
         *_same("msExchSafeSendersHash", "msExchBlockedSendersHash", "msExchSafeRecipientsHash",
                "msExchMessageHygieneFlags", "msExchMessageHygieneSCLDeleteThreshold",
                "msExchMessageHygieneSCLRejectThreshold",
                "msExchMessageHygieneSCLQuarantineThreshold",
                "msExchMessageHygieneSCLJunkThreshold")),
        Identity.GUID_NAME, Scope.SUBTREE,
        note="who refuses mail from outside stays at home; safelists are 4-byte hashes already",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReplicatedKind:
    """A row with every name filled in: what the engine works with."""

    name: str
    job: str
    source_base: DN
    source_scope: Scope
    source_filter: Filter
    target_base: DN
    classes: tuple[bytes, ...]
    rules: tuple[AttributeRule, ...]
    identity: Identity
    setting: Setting
    target_filter: Filter
    key: str = SOURCE_GUID
    """Attribute of the replica that holds the source's GUID."""
    key_is_text: bool = False
    rdn: str = "cn"
    """Attribute that names the replica."""
    rdn_source: str = "cn"
    """Attribute of the source that the name is taken from."""

    @property
    def source_attributes(self) -> tuple[str, ...]:
        """What has to be read of a source entry."""
        own = (rule.source for rule in self.rules)
        named = (self.rdn_source,) if self.identity is Identity.GUID_ATTRIBUTE else ()
        return tuple(dict.fromkeys(("objectGUID", "entryUUID", *named, *own)))

    @property
    def managed(self) -> tuple[str, ...]:
        """Attributes of the replica that belong to the source."""
        return tuple(dict.fromkeys(rule.target for rule in self.rules))


def resolve(
    job: Job, names: ForestNames, edge_names: EdgeNames, edge: str, site: str, policy: Policy
) -> tuple[ReplicatedKind, ...]:
    """The rows of one job for one Edge, subscribed to one site."""
    # Exchange's sub-tree bears the organisation's name in AD and another one in ADAM.
    roots = (
        (names.organization, edge_names.organization),
        (names.configuration, edge_names.configuration),
    )
    setting = Setting(roots, ADDRESS_HASHES[policy.recipient_hash])
    return tuple(
        _resolve(kind, names, edge_names, edge, site, policy, setting)
        for kind in KINDS
        if kind.job is job
    )


def _resolve(
    kind: Kind, names: ForestNames, edge_names: EdgeNames, edge: str, site: str, policy: Policy,
    setting: Setting,
) -> ReplicatedKind:  # fmt: skip
    in_site = f"(msExchServerSite={_escaped(str(names.site(site)))})"
    text = kind.filter.format(
        edge=_escaped(edge),
        edge_dn=_escaped(str(names.server(edge))),
        in_site=in_site if policy.hub_certificates == "site" else "",
    )
    base: DN = getattr(edge_names, kind.target)
    if kind.name == "edge_subscription":
        base = edge_names.server(edge)
    named = kind.identity is Identity.GUID_NAME
    return ReplicatedKind(
        name=kind.name,
        job=kind.job.value,
        source_base=getattr(names, kind.source),
        source_scope=kind.scope,
        source_filter=parse_filter(text),
        target_base=base,
        classes=tuple(name.encode() for name in kind.classes),
        rules=kind.rules,
        identity=kind.identity,
        setting=setting,
        target_filter=parse_filter(_target_filter(kind, edge)),
        key="cn" if named else SOURCE_GUID,
        key_is_text=named,
    )


def _target_filter(kind: Kind, edge: str) -> str:
    """Which entries of the target are replicas of this kind: the Edge's own object is none."""
    own_class = kind.classes[-1]
    if kind.name == "transport_server":
        return f"(&(objectClass={own_class})(!(cn={_escaped(edge)})))"
    return f"(objectClass={own_class})"


def _escaped(value: str) -> str:
    return "".join(f"\\{ord(c):02x}" if c in "\\*()\0" else c for c in value)


def check_table() -> None:
    """Refuse a table with an unknown transformation, before anything runs."""
    for kind in KINDS:
        for rule in kind.rules:
            if rule.transformation not in TRANSFORMATIONS:
                raise AssertionError(f"{kind.name}: no transformation {rule.transformation}")


check_table()
