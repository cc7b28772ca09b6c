"""The rootDSE and the subschema subentry: entries that no tree holds."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

from directory.dsa.context import Context
from directory.model import oids
from directory.model.dn import ROOT
from directory.model.entry import Entry, generalized_time
from directory.schema.matching import RULES
from directory.schema.syntaxes import SYNTAXES

EXTENSIONS = (oids.START_TLS, oids.WHO_AM_I, oids.PASSWORD_MODIFY, oids.CANCEL)
FEATURES = (
    oids.ALL_OPERATIONAL_ATTRIBUTES, oids.ABSOLUTE_FILTERS, oids.MODIFY_INCREMENT,
    "1.3.6.1.4.1.4203.1.5.4", "1.3.6.1.4.1.4203.1.5.2",
)  # fmt: skip
AD_CAPABILITIES = {
    "ad": (
        "1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.1791",
        "1.2.840.113556.1.4.1935", "1.2.840.113556.1.4.2080", "1.2.840.113556.1.4.2237",
    ),
    "adam": (
        "1.2.840.113556.1.4.1851", "1.2.840.113556.1.4.1670", "1.2.840.113556.1.4.1791",
        "1.2.840.113556.1.4.1880", "1.2.840.113556.1.4.1935", "1.2.840.113556.1.4.2080",
    ),
}  # fmt: skip
"""MS-ADTS 3.1.1.3.4.3."""

FUNCTIONALITY = b"7"
"""Behave like Windows Server 2016 and later (MS-ADTS 3.1.1.3.2.25)."""


def root_dse(context: Context, controls: tuple[str, ...], mechanisms: tuple[str, ...]) -> Entry:
    """The rootDSE with every attribute it has."""
    configuration = context.configuration
    texts: dict[str, tuple[str, ...]] = {
        "objectClass": ("top", "OpenLDAProotDSE") if configuration.is_generic else (),
        "namingContexts": tuple(map(str, configuration.all_contexts)),
        "subschemaSubentry": (str(configuration.subschema),),
        "supportedLDAPVersion": ("3",),
        "supportedControl": controls,
        "supportedExtension": EXTENSIONS,
        "supportedFeatures": FEATURES,
        "supportedSASLMechanisms": mechanisms,
        "vendorName": ("edgesync-lab",),
    }
    if configuration.is_generic:
        texts["objectClass"] = ("top",)
    else:
        texts |= _microsoft(context)
    values = {name: tuple(v.encode() for v in vs) for name, vs in texts.items() if vs}
    if not configuration.is_generic:
        # AD has it on its NTDS Settings object only; here it saves clients a second search
        values["invocationId"] = (UUID(context.store.meta["invocationId"]).bytes_le,)
    return Entry(ROOT, values)


def _microsoft(context: Context) -> dict[str, tuple[str, ...]]:
    configuration = context.configuration
    ntds = context.store.meta.get("dsServiceName", "")
    result: dict[str, tuple[str, ...]] = {
        "currentTime": (generalized_time(context.clock.now().astimezone(UTC)),),
        "configurationNamingContext": (str(configuration.configuration),),
        "schemaNamingContext": (str(configuration.schema_context),),
        "highestCommittedUSN": (str(context.store.committed_usn),),
        "dnsHostName": (configuration.dns_host_name,),
        "dsServiceName": (ntds,),
        "serverName": (ntds.partition(",")[2],),
        "supportedCapabilities": AD_CAPABILITIES[configuration.profile],
        "supportedLDAPPolicies": ("MaxPageSize", "MaxQueryDuration", "MaxConnIdleTime",
                                  "MaxValRange", "MaxReceiveBuffer"),
        "isSynchronized": ("TRUE",),
        "domainControllerFunctionality": (FUNCTIONALITY.decode(),),
        "forestFunctionality": (FUNCTIONALITY.decode(),),
    }  # fmt: skip
    if configuration.domain is not None:
        domain = str(configuration.domain)
        dns = configuration.dns_domain
        host = configuration.dns_host_name.partition(".")[0]
        result |= {
            "defaultNamingContext": (domain,),
            "rootDomainNamingContext": (domain,),
            "domainFunctionality": (FUNCTIONALITY.decode(),),
            "isGlobalCatalogReady": ("TRUE",),
            "ldapServiceName": (f"{dns}:{host}$@{dns.upper()}",),
        }
    return result


def subschema_entry(context: Context) -> Entry:
    """The schema in force, published as RFC 4512 section 4.2 says."""
    schema = context.schema
    generic = context.configuration.is_generic
    dn = context.configuration.subschema
    created = generalized_time(context.clock.now()) if not generic else ""
    values: dict[str, tuple[bytes, ...]] = {
        "objectClass": (b"top", b"subentry", b"subschema", b"extensibleObject")
        if generic else (b"top", b"subSchema"),
        "cn": (dn.rdn.value.encode(),),
        "attributeTypes": tuple(a.type.text.encode() for a in schema.attributes),
        "objectClasses": tuple(c.text.encode() for c in schema.object_classes),
        "dITContentRules": tuple(r.text.encode() for r in schema.content_rules.values()),
        "ldapSyntaxes": tuple(s.text.encode() for s in SYNTAXES.values()),
        "matchingRules": tuple(r.text.encode() for r in dict.fromkeys(RULES.values())),
    }  # fmt: skip
    if not generic:
        values["modifyTimeStamp"] = (created.encode(),)
    return Entry(dn, {name: found for name, found in values.items() if found})
