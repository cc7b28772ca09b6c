"""The three schemas that come in the box, and what the profiles say about their attributes.

RFC 4512 text has no place for some things a directory must know about an attribute: whether it
is indexed, linked to another, in the global catalog, or secret. They stand here, as tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from directory.schema.definitions import AttributeType, Definition
from directory.schema.parser import parse_schema
from directory.schema.schema import Schema

LINKS: Mapping[str, str] = MappingProxyType({
    "member": "memberOf", "manager": "directReports", "managedBy": "managedObjects",
    "owner": "ownerBL", "siteObject": "siteObjectBL", "serverReference": "serverReferenceBL",
    "nonSecurityMember": "nonSecurityMemberBL", "msDS-ObjectReference": "msDS-ObjectReferenceBL",
    "frsComputerReference": "frsComputerReferenceBL", "fRSMemberReference": "fRSMemberReferenceBL",
    "bridgeheadTransportList": "bridgeheadServerListBL", "queryPolicyObject": "queryPolicyBL",
    "msDS-NonMembers": "msDS-NonMembersBL",
})  # fmt: skip
"""Forward links and the back links the directory computes from them (MS-ADA linkID pairs)."""

SECRET = frozenset(
    name.lower()
    for name in (
        "unicodePwd", "userPassword", "dBCSPwd", "ntPwdHistory", "lmPwdHistory",
        "supplementalCredentials", "currentValue", "priorValue", "initialAuthIncoming",
        "initialAuthOutgoing", "trustAuthIncoming", "trustAuthOutgoing", "pekList",
        "msExchSmtpOutboundSecurityPassword", "msDS-ManagedPassword",
    )
)  # fmt: skip
"""Attributes that can be written and compared by binds, and never read (MS-ADTS 3.1.1.4.4)."""

_INDEXED_GENERIC = (
    "objectClass", "cn", "mail", "uid", "ou", "dc", "member", "uniqueMember", "memberUid", "owner",
    "manager", "seeAlso", "uidNumber", "gidNumber",
)  # fmt: skip
_ON_DEMAND_GENERIC = (
    "sn", "givenName", "displayName", "telephoneNumber", "l", "st", "o", "description",
    "employeeNumber", "title", "departmentNumber", "mobile", "aliasedObjectName",
)  # fmt: skip
_INDEXED_AD = (
    "objectClass", "cn", "mail", "ou", "dc", "sAMAccountName", "userPrincipalName",
    "servicePrincipalName", "proxyAddresses", "member", "manager", "managedBy", "owner",
    "siteObject", "serverReference", "nonSecurityMember", "objectSid", "homeMDB",
    "msExchServerSite", "msExchAcceptedDomainName", "domainName", "msExchEdgeSyncSourceGuid",
    "msDS-ObjectReference", "frsComputerReference", "fRSMemberReference", "queryPolicyObject",
    "bridgeheadTransportList", "msDS-NonMembers", "nCName",
)  # fmt: skip
_ON_DEMAND_AD = (
    "sn", "givenName", "displayName", "uid", "legacyExchangeDN", "mailNickname", "sIDHistory",
    "groupType", "primaryGroupID", "uidNumber", "gidNumber", "employeeID", "telephoneNumber", "l",
    "title", "department", "description", "physicalDeliveryOfficeName", "msExchHomeServerName",
    "msExchMailboxGuid", "targetAddress", "dnsRoot", "keywords", "lDAPDisplayName",
    "attributeID", "governsID",
)  # fmt: skip
_ANR = (
    "displayName", "givenName", "legacyExchangeDN", "physicalDeliveryOfficeName", "proxyAddresses",
    "name", "sAMAccountName", "sn", "mail", "mailNickname",
)  # fmt: skip
_GLOBAL_CATALOG = frozenset(
    name.lower()
    for name in (
        "objectClass", "cn", "name", "distinguishedName", "objectGUID", "objectSid",
        "objectCategory",
        "sAMAccountName", "sAMAccountType", "userPrincipalName", "mail", "mailNickname",
        "proxyAddresses", "targetAddress", "displayName", "givenName", "sn", "initials", "title",
        "department", "company", "physicalDeliveryOfficeName", "telephoneNumber", "mobile", "c",
        "co", "l", "st", "postalCode", "description", "legacyExchangeDN", "member", "memberOf",
        "groupType", "primaryGroupID", "userAccountControl", "servicePrincipalName", "homeMDB",
        "homeMTA", "msExchHomeServerName", "msExchMailboxGuid", "msExchRecipientDisplayType",
        "msExchRecipientTypeDetails", "msExchRequireAuthToSendTo", "msExchHideFromAddressLists",
        "msExchSafeSendersHash", "msExchBlockedSendersHash", "msExchSafeRecipientsHash",
        "msExchMessageHygieneFlags", "msExchMessageHygieneSCLDeleteThreshold",
        "msExchMessageHygieneSCLRejectThreshold", "msExchMessageHygieneSCLQuarantineThreshold",
        "msExchMessageHygieneSCLJunkThreshold", "userCertificate", "uSNCreated", "uSNChanged",
        "whenCreated", "whenChanged", "instanceType", "isDeleted", "nTSecurityDescriptor", "ou",
        "dc", "managedBy", "manager", "altRecipient", "authOrig", "unauthOrig", "publicDelegates",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SchemaProfile:
    """A schema and what the directory needs to know beside it; names are folded."""

    name: str
    schema: Schema = field(repr=False)
    indexed: tuple[str, ...]
    on_demand: tuple[str, ...]
    """Indexed from the first search that asks on: most directories never need most of these."""
    anr: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    secret: frozenset[str] = SECRET
    global_catalog: frozenset[str] = frozenset()


PROFILE_NAMES = ("generic", "ad", "adam")
_FILES = {
    "generic": ("core", "operational"),
    "ad": ("ad", "exchange"),
    "adam": ("ad", "exchange"),
}


def schema_profile(name: str, extra: Sequence[str] = ()) -> SchemaProfile:
    """The schema of a profile, with further definitions in RFC 4512 text laid over it.

    Raises:
        InvalidSchema: when an extra text does not parse or does not fit.
        ValueError: for a profile that does not exist.
    """
    if name not in _FILES:
        raise ValueError(f"no profile {name!r}; there are {', '.join(PROFILE_NAMES)}")
    return _profile("ad" if name == "adam" else name, tuple(extra))


@lru_cache(maxsize=16)
def _profile(name: str, extra: tuple[str, ...]) -> SchemaProfile:
    definitions: list[Definition] = [d for file in _FILES[name] for d in _shipped(file)]
    own = [definition for text in extra for definition in parse_schema(text)]
    definitions += own
    schema = Schema(definitions)
    generic = name == "generic"
    wanted = _INDEXED_GENERIC if generic else _INDEXED_AD
    indexed = tuple(schema.canonical(n) for n in wanted if schema.attribute(n))
    later = [*(_ON_DEMAND_GENERIC if generic else _ON_DEMAND_AD)]
    # whoever brings a schema searches by it
    later += [d.names[0] for d in own if isinstance(d, AttributeType) and d.names]
    on_demand = tuple(schema.canonical(n) for n in later if schema.attribute(n))
    if generic:
        links = {"member": "memberof"}
        return SchemaProfile(name, schema, indexed, on_demand, links=links)
    links = {f.lower(): b.lower() for f, b in LINKS.items() if schema.attribute(b)}
    anr = tuple(schema.canonical(n) for n in _ANR if schema.attribute(n))
    return SchemaProfile(name, schema, indexed, on_demand, anr, links, SECRET, _GLOBAL_CATALOG)


@lru_cache(maxsize=8)
def _shipped(file: str) -> tuple[Definition, ...]:
    text = (files("directory.schema") / "data" / f"{file}.schema").read_text("utf-8")
    return tuple(parse_schema(text))
