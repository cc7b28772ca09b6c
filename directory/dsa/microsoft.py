"""What AD and ADAM do to entries beyond RFC 4511: security principals, defaults, reanimation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from directory.dsa import content
from directory.dsa import refusals as r
from directory.dsa.sid import FIRST_RID, WELL_KNOWN, sid_bytes
from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.model.messages import ModifyRequest
from directory.model.modification import ModifyOperation
from directory.model.names import AttributeName
from directory.store.entry import DELETED, RECYCLED, StoredEntry

if TYPE_CHECKING:
    from directory.dsa.context import Context
    from directory.dsa.request_controls import UpdateControls
    from directory.dsa.session import Session

Values = tuple[bytes, ...]

PRINCIPALS = frozenset((b"user", b"group", b"computer", b"inetorgperson"))
"""Classes whose entries get a security identifier; lower case."""

NEXT_RID = "nextRid"
DOMAIN_SID = "domainSid"

NORMAL_ACCOUNT = 0x200
DISABLED_WITHOUT_PASSWORD = 0x222
"""ACCOUNTDISABLE, PASSWD_NOTREQD, NORMAL_ACCOUNT: what AD gives a user made over LDAP."""
WORKSTATION_ACCOUNT = 0x1022
GLOBAL_SECURITY_GROUP = -2147483646
ACCOUNT_TYPES = {b"user": 805306368, b"computer": 805306369, b"group": 268435456}

_UAC = AttributeName("useraccountcontrol")
SAM_ACCOUNT_NAME = AttributeName("samaccountname")
_SID = AttributeName("objectsid")
_LAST_PARENT = AttributeName("lastknownparent")
_NAME_MARK = "\nDEL:"


def complete(
    context: Context, dn: DN, attributes: dict[AttributeName, Values], meta: dict[str, str]
) -> None:
    """Fill in what AD adds to a new entry (MS-ADTS 3.1.1.5.2.4)."""
    classes = attributes.get(content.OBJECT_CLASS, ())
    if not classes:
        return
    attributes[content.OBJECT_CLASS] = content.with_superclasses(context, classes) or classes
    names = {value.lower() for value in attributes[content.OBJECT_CLASS]}
    if not names & PRINCIPALS:
        return
    if _SID not in attributes and context.store.meta.get(DOMAIN_SID):
        attributes[_SID] = (sid_bytes(_next_sid(context, dn, meta)),)
    if b"group" in names:
        attributes.setdefault(AttributeName("grouptype"), (b"%d" % GLOBAL_SECURITY_GROUP,))
    if context.configuration.profile != "ad":
        return
    if SAM_ACCOUNT_NAME not in attributes:
        made = context.entropy.token_bytes(6).hex().upper()
        attributes[SAM_ACCOUNT_NAME] = (f"${made}".encode(),)
    _refuse_taken_account(context, attributes[SAM_ACCOUNT_NAME][0])
    kind = b"computer" if b"computer" in names else b"group" if b"group" in names else b"user"
    defaults: dict[str, Values] = {"samaccounttype": (b"%d" % ACCOUNT_TYPES[kind],)}
    if kind != b"group":
        control = WORKSTATION_ACCOUNT if kind == b"computer" else DISABLED_WITHOUT_PASSWORD
        defaults["useraccountcontrol"] = (b"%d" % control,)
        defaults["primarygroupid"] = (b"515" if kind == b"computer" else b"513",)
        defaults["accountexpires"] = (b"9223372036854775807",)
    for name, values in defaults.items():
        attributes.setdefault(AttributeName(name), values)


def _next_sid(context: Context, dn: DN, meta: dict[str, str]) -> str:
    domain = context.store.meta[DOMAIN_SID]
    known = WELL_KNOWN.get(dn.rdn.value.lower())
    if known is not None and not context.store.meta.get("seeded"):
        return f"{domain}-{known}"
    rid = int(context.store.meta.get(NEXT_RID, str(FIRST_RID)))
    meta[NEXT_RID] = str(rid + 1)
    return f"{domain}-{rid}"


def _refuse_taken_account(context: Context, name: bytes, own: StoredEntry | None = None) -> None:
    index = context.store.indexes.index("samaccountname")
    for id_ in index.ids(index.key(name)) if index is not None else ():
        other = context.store.dit.by_id(id_)
        if other is not None and other is not own and not other.is_deleted:
            raise r.refusal(context, r.ENTRY_EXISTS)


def check_class_change(
    context: Context, entry: StoredEntry, changed: dict[AttributeName, Values]
) -> None:
    """AD lets auxiliary classes come and go, never structural ones (MS-ADTS 3.1.1.5.3.5).

    Raises:
        LdapError: objectClassModsProhibited.
    """
    classes = content.with_superclasses(context, changed[content.OBJECT_CLASS])
    changed[content.OBJECT_CLASS] = classes
    before = context.schema.structural_class(v.decode() for v in entry.values("objectclass"))
    after = context.schema.structural_class(v.decode() for v in classes)
    if before is not after:
        raise LdapError(ResultCode.OBJECT_CLASS_MODS_PROHIBITED, "the structural class stays")


def check_modified(
    context: Context, entry: StoredEntry, changed: Mapping[AttributeName, Values]
) -> None:
    """Pass when a modify keeps account names unique.

    Raises:
        LdapError: entryAlreadyExists.
    """
    if context.configuration.profile == "ad" and changed.get(SAM_ACCOUNT_NAME):
        _refuse_taken_account(context, changed[SAM_ACCOUNT_NAME][0], entry)


# deleted objects -----------------------------------------------------------------------------

KEPT = frozenset((
    "objectclass", "objectsid", "samaccountname", "grouptype", "useraccountcontrol", "cn", "ou",
    "dc", "legacyexchangedn", "msexchedgesyncsourceguid",
))  # fmt: skip
"""What a tombstone keeps (MS-ADTS 3.1.1.5.5.1.1; the search flag "preserve on delete")."""


def tombstone_name(entry: StoredEntry) -> DN:
    """The RDN of a tombstone: the old value, a mark and the GUID (MS-ADTS 3.1.1.5.5.1.1)."""
    from uuid import UUID  # noqa: PLC0415 - deletes only

    rdn = DN.parse(entry.rdn.decode()).rdns[0]
    value = f"{rdn.value[:75]}{_NAME_MARK}{UUID(bytes_le=entry.guid)}"
    return DN.of((rdn.type, value))


def stripped(context: Context, entry: StoredEntry, name: DN) -> dict[AttributeName, bytes | None]:
    """What deleting does to the attributes of an entry."""
    changes: dict[AttributeName, bytes | None] = {
        kind: None for kind in entry.shape.names if kind not in KEPT
    }
    for kind, values in content.naming_values(context, name).items():
        changes[kind] = content.encode(context, kind, values)
    parent = context.store.parent(entry)
    if parent is not None:
        changes[_LAST_PARENT] = content.encode(context, _LAST_PARENT, (parent.name,))
    return changes


def deleted_objects(context: Context, entry: StoredEntry) -> StoredEntry | None:
    """The container for tombstones of an entry's naming context."""
    for naming_context in sorted(
        context.configuration.all_contexts, key=lambda nc: len(nc.rdns), reverse=True
    ):
        if entry.dn.is_within(naming_context):
            return context.store.find(naming_context.child("CN", "Deleted Objects"))
    return None


def reanimate(
    context: Context,
    session: Session,
    entry: StoredEntry,
    request: ModifyRequest,
    controls: UpdateControls,
) -> StoredEntry:
    """Bring a tombstone back: isDeleted removed and distinguishedName replaced, in one modify.

    Raises:
        LdapError: noSuchObject without the show-deleted control, unwillingToPerform for anything
            but a reanimation (MS-ADTS 3.1.1.5.3.7).
    """
    if not controls.show_deleted:
        raise LdapError(ResultCode.NO_SUCH_OBJECT)
    wanted = {m.name.lower(): m for m in request.modifications}
    gone, name = wanted.get("isdeleted"), wanted.get("distinguishedname")
    if (
        gone is None or gone.operation is not ModifyOperation.DELETE or name is None
        or name.operation is not ModifyOperation.REPLACE or len(name.values) != 1
        or len(wanted) != 2 or entry.flags & RECYCLED
    ):  # fmt: skip
        raise r.refusal(context, r.UNWILLING, reason="a deleted object can only be reanimated")
    dn = DN.parse(name.values[0].decode())
    parent = context.store.find(dn.parent)
    if parent is None or parent.is_deleted:
        raise LdapError(ResultCode.NO_SUCH_OBJECT)
    if context.store.find(dn) is not None:
        raise r.refusal(context, r.ENTRY_EXISTS)
    changes: dict[AttributeName, bytes | None] = {_LAST_PARENT: None}
    for kind, values in content.naming_values(context, dn).items():
        changes[kind] = content.encode(context, kind, values)
    with context.store.write(
        session.author, context.now(), commit=not session.group_commit
    ) as writer:
        rdn = dn.rdn
        return writer.move(
            entry, parent, str(rdn).encode(), rdn.normal, changes, flags=entry.flags & ~DELETED
        )
