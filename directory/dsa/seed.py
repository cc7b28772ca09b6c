"""The entries a new AD or ADAM starts with: naming contexts, containers, the administrator."""

from __future__ import annotations

from collections.abc import Callable

from directory.dsa import content, microsoft
from directory.dsa.context import Context
from directory.dsa.secrets import UNICODE_PASSWORD, hashed
from directory.dsa.sid import domain_sid, sid_bytes
from directory.model.dn import DN
from directory.model.names import attribute_name
from directory.store.entry import Author, StoredEntry
from directory.store.writer import Writer

SEED_AUTHOR = Author("cn=directory setup", "set up the directory")
ADMINISTRATOR_CONTROL = b"66048"
"""NORMAL_ACCOUNT, and a password that does not expire."""

Add = Callable[..., StoredEntry]


def seed(context: Context) -> None:
    """Fill a new directory, in one transaction."""
    configuration = context.configuration
    with context.store.write(SEED_AUTHOR, context.now()) as writer:
        writer.set_meta("invocationId", str(context.entropy.uuid()))
        if configuration.is_generic:
            _generic_administrator(context, writer)
            return
        sid = domain_sid(context.entropy)
        writer.set_meta(microsoft.DOMAIN_SID, sid)
        context.store.meta[microsoft.DOMAIN_SID] = sid

        def add(dn: DN, *classes: str, **attributes: str | bytes | tuple[str, ...]) -> StoredEntry:
            return _add(context, writer, dn, classes, attributes)

        _contexts(context, add, sid)
        _sites(context, writer, add)
        _administrator(context, writer, add)
        writer.set_meta("seeded", "1")


def _generic_administrator(context: Context, writer: Writer) -> None:
    if context.configuration.admin_dn is not None:
        set_administrator_password(context, writer)


def set_administrator_password(context: Context, writer: Writer) -> None:
    """Keep the password of an administrator that is no entry."""
    hashed = context.hasher.hash(context.configuration.admin_password)
    writer.set_meta("adminPassword", hashed.decode("ascii"))


def _add(
    context: Context,
    writer: Writer,
    dn: DN,
    classes: tuple[str, ...],
    attributes: dict[str, str | bytes | tuple[str, ...]],
) -> StoredEntry:
    found = context.store.find(dn)
    if found is not None:
        return found
    values: dict[str, tuple[bytes, ...]] = {"objectClass": tuple(c.encode() for c in classes)}
    for name, given in attributes.items():
        many = given if isinstance(given, tuple) else (given,)
        values[name.replace("_", "-")] = tuple(
            one.encode() if isinstance(one, str) else one for one in many
        )
    whole = {attribute_name(name): found for name, found in values.items()}
    whole.update(content.naming_values(context, dn))
    meta: dict[str, str] = {}
    microsoft.complete(context, dn, whole, meta)
    for key, value in meta.items():
        writer.set_meta(key, value)
        context.store.meta[key] = value
    blobs = {name: content.encode(context, name, found) for name, found in whole.items()}
    parent = context.store.find(dn.parent) if dn.parent.rdns else None
    is_top = parent is None
    return writer.add(
        parent, str(dn).encode() if is_top else str(dn.rdn).encode(),
        dn.normal if is_top else dn.rdn.normal, blobs, context.new_guid(),
    )  # fmt: skip


def _contexts(context: Context, add: Add, sid: str) -> None:
    configuration = context.configuration
    own = configuration.configuration
    schema = configuration.schema_context
    assert own is not None
    assert schema is not None
    if configuration.domain is not None:
        add(configuration.domain, "domainDNS", objectSid=sid_bytes(sid))
    add(own, "configuration")
    add(schema, "dMD")
    for dn in configuration.naming_contexts:
        kind = {"ou": "organizationalUnit", "dc": "domainDNS", "o": "organization", "c": "country"}
        add(dn, kind.get(dn.rdn.type.lower(), "container"))
    for dn in configuration.all_contexts:
        if dn != schema:
            add(dn.child("CN", "Deleted Objects"), "container", isCriticalSystemObject="TRUE")
    add(own.child("CN", "Services"), "container")
    if configuration.domain is not None:
        domain = configuration.domain
        for name in ("Users", "Computers", "System", "Program Data", "ForeignSecurityPrincipals"):
            add(domain.child("CN", name), "container")
        add(domain.child("OU", "Domain Controllers"), "organizationalUnit")
        partitions = own.child("CN", "Partitions")
        add(partitions, "crossRefContainer")
        add(
            partitions.child("CN", configuration.netbios_domain), "crossRef",
            nCName=str(domain), dnsRoot=configuration.dns_domain,
            nETBIOSName=configuration.netbios_domain, systemFlags="3",
        )  # fmt: skip


def _sites(context: Context, writer: Writer, add: Add) -> None:
    configuration = context.configuration
    assert configuration.configuration is not None
    sites = configuration.configuration.child("CN", "Sites")
    add(sites, "sitesContainer")
    site = sites.child("CN", configuration.site)
    add(site, "site")
    servers = site.child("CN", "Servers")
    add(servers, "serversContainer")
    name = configuration.dns_host_name.partition(".")[0].upper() or "LOCALHOST"
    server = servers.child("CN", name)
    add(server, "server", dNSHostName=configuration.dns_host_name)
    settings = server.child("CN", "NTDS Settings")
    add(settings, "nTDSDSA")
    writer.set_meta("dsServiceName", str(settings))


def _administrator(context: Context, writer: Writer, add: Add) -> None:
    configuration = context.configuration
    own = configuration.configuration
    assert own is not None
    admin = configuration.admin_dn
    if configuration.domain is not None:
        users = configuration.domain.child("CN", "Users")
        admin = admin or users.child("CN", "Administrator")
        add(users.child("CN", "Domain Users"), "group", sAMAccountName="Domain Users")
        group = users.child("CN", "Domain Admins")
    else:
        roles = own.child("CN", "Roles")
        add(roles, "container")
        add(roles.child("CN", "Readers"), "group")
        group = roles.child("CN", "Administrators")
    members: dict[str, str] = {}
    if admin is not None and configuration.admin_password and context.store.find(admin.parent):
        password = hashed(context, UNICODE_PASSWORD, (configuration.admin_password,))
        account = {} if configuration.domain is None else {"sAMAccountName": admin.rdn.value}
        add(admin, "user", unicodePwd=password, userAccountControl=ADMINISTRATOR_CONTROL, **account)
        members = {"member": str(admin)}
    elif admin is not None and configuration.admin_password:
        set_administrator_password(context, writer)
    add(group, "group", sAMAccountName=group.rdn.value, **members)
    writer.set_meta("administratorsGroup", str(group))
