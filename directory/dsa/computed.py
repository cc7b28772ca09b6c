"""The operational and constructed attributes of each profile, worked out from an entry.

RFC profile: RFC 4512 section 3.4, RFC 4530, RFC 5020. AD and ADAM: MS-ADTS 3.1.1.4.5.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from directory.dsa.configuration import DirectoryConfiguration
from directory.errors import ParseError
from directory.model.dn import DN
from directory.schema.matching import parse_time
from directory.store.candidates import ALL_IDS, NOTHING, Candidates, Certainty
from directory.store.computed import ComputedAttribute, ComputedAttributes
from directory.store.dit import TOP
from directory.store.entry import DELETED, RECYCLED, StoredEntry
from directory.store.store import Store

Values = tuple[bytes, ...]

NESTING_MAX = 10_000
"""Most groups followed for tokenGroups; AD's token holds about a thousand."""


def computed_attributes(configuration: DirectoryConfiguration) -> ComputedAttributes:
    """Every computed attribute of a profile, by folded name."""
    if configuration.is_generic:
        return _generic(configuration)
    return _microsoft(configuration)


def _exact(entry: StoredEntry | None) -> Candidates:
    return NOTHING if entry is None else Candidates(Certainty.EXACT, (entry.id,))


def rfc_time(seconds: int) -> bytes:
    """An instant as RFC directories write it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%SZ").encode()


def ad_time(seconds: int) -> bytes:
    """An instant as AD writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%S.0Z").encode()


def csn(seconds: int, usn: int) -> bytes:
    """A change sequence number in OpenLDAP's form; later changes have greater ones.

    The microseconds are zero: the count, taken from the USN, orders changes within a second.
    """
    at = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%S")
    return f"{at}.000000Z#{usn % (1 << 24):06x}#000#000000".encode()


def entry_uuid(entry: StoredEntry) -> UUID:
    """The entry's identity as RFC 4530 has it."""
    return UUID(bytes_le=entry.guid)


def _context_csn(store: Store, entry: StoredEntry) -> Values:
    """At the top of a naming context: the mark of its last change."""
    if entry.place.parent != TOP:
        return ()
    return (csn(store.last_at, store.committed_usn),)


def _find_name(store: Store, value: bytes) -> Candidates:
    try:
        return _exact(store.find(DN.parse(value.decode())))
    except (ParseError, UnicodeDecodeError):
        return NOTHING


def _find_uuid(store: Store, value: bytes) -> Candidates:
    try:
        return _exact(store.by_guid(UUID(value.decode("ascii")).bytes_le))
    except ValueError:
        return NOTHING


def _find_guid(store: Store, value: bytes) -> Candidates:
    if len(value) == 16:
        return _exact(store.by_guid(value))
    return _find_uuid(store, value)  # AD takes the text form in filters too


def _changed_from(store: Store, value: bytes) -> Candidates:
    try:
        usn = int(value)
    except ValueError:
        return NOTHING
    entries = store.dit.entries
    ids = [
        id_
        for changed, id_ in store.log.since(usn - 1, store.usn)
        if (entry := entries[id_]) is not None and entry.changed == changed
    ]
    return Candidates(Certainty.EXACT, ids)


def _changed_since(store: Store, value: bytes) -> Candidates:
    """Entries changed at or after an instant: the tail of the change log."""
    try:
        at = int(parse_time(value).timestamp())
    except (ValueError, UnicodeDecodeError):
        return NOTHING
    ids: list[int] = []
    entries = store.dit.entries
    for id_ in store.log.newest_first():
        entry = entries[id_]
        if entry is not None and entry.changed_at < at:
            break  # time never goes back along the log
        ids.append(id_)
    return Candidates(Certainty.SUPERSET, sorted(set(ids)))


def _structural(store: Store, entry: StoredEntry) -> Values:
    classes = [value.decode() for value in entry.values("objectclass")]
    found = store.schema.structural_class(classes)
    return (found.name.encode(),) if found is not None else ()


def _back_link(forward: str) -> ComputedAttribute:
    """Names of the entries that name this one."""

    def values(store: Store, entry: StoredEntry) -> Values:
        index = store.indexes.index(forward)
        if index is None or not len(index):
            return ()
        ids = index.ids(entry.normal.encode())
        sources = (store.dit.by_id(id_) for id_ in ids)
        return tuple(s.name for s in sources if s is not None and not s.is_deleted)

    def find(store: Store, value: bytes) -> Candidates:
        try:
            source = store.find(DN.parse(value.decode()))
        except (ParseError, UnicodeDecodeError):
            return NOTHING
        if source is None:
            return NOTHING
        return Candidates(Certainty.EXACT, sorted(store.link_targets(source.id, forward)))

    return ComputedAttribute(values, find, own=False, forward=forward)


def _plain(values: Callable[[StoredEntry], Values]) -> ComputedAttribute:
    return ComputedAttribute(lambda _, entry: values(entry))


def _constant(value: bytes) -> ComputedAttribute:
    return ComputedAttribute(lambda *_: (value,))


def _generic(configuration: DirectoryConfiguration) -> ComputedAttributes:
    subschema = str(configuration.subschema).encode()

    def has_subordinates(store: Store, entry: StoredEntry) -> Values:
        return (b"TRUE" if store.dit.child_count(entry.id) else b"FALSE",)

    return {
        "entryuuid": ComputedAttribute(
            lambda _, entry: (str(entry_uuid(entry)).encode(),), _find_uuid
        ),
        "entrydn": ComputedAttribute(lambda _, entry: (entry.name,), _find_name),
        "entrycsn": _plain(lambda entry: (csn(entry.changed_at, entry.changed),)),
        "createtimestamp": _plain(lambda entry: (rfc_time(entry.created_at),)),
        "modifytimestamp": ComputedAttribute(
            lambda _, entry: (rfc_time(entry.changed_at),), None, _changed_since
        ),
        "creatorsname": _plain(lambda entry: (entry.created_by.identity.encode(),)),
        "modifiersname": _plain(lambda entry: (entry.changed_by.identity.encode(),)),
        "structuralobjectclass": ComputedAttribute(_structural),
        "subschemasubentry": _constant(subschema),
        "hassubordinates": ComputedAttribute(has_subordinates, own=False),
        "memberof": _back_link("member"),
        "contextcsn": ComputedAttribute(_context_csn, own=False),
    }


def _microsoft(configuration: DirectoryConfiguration) -> ComputedAttributes:
    schema_context = str(configuration.schema_context)
    aggregate = str(configuration.subschema).encode()

    def category(store: Store, entry: StoredEntry) -> Values:
        for name in _structural(store, entry):
            return (category_name(name.decode(), schema_context),)
        return ()

    def flag(bit: int) -> ComputedAttribute:
        def values(_: Store, entry: StoredEntry) -> Values:
            return (b"TRUE",) if entry.flags & bit else ()

        def find(store: Store, value: bytes) -> Candidates:
            if value.upper() == b"TRUE":
                return Candidates(Certainty.SUPERSET, sorted(store.deleted))
            return ALL_IDS

        return ComputedAttribute(values, find)

    return {
        "objectguid": ComputedAttribute(lambda _, entry: (entry.guid,), _find_guid),
        "distinguishedname": ComputedAttribute(lambda _, entry: (entry.name,), _find_name),
        "name": _plain(lambda entry: (rdn_value(entry),)),
        "usncreated": _plain(lambda entry: (b"%d" % entry.created,)),
        "usnchanged": ComputedAttribute(
            lambda _, entry: (b"%d" % entry.changed,), None, _changed_from
        ),
        "whencreated": _plain(lambda entry: (ad_time(entry.created_at),)),
        "whenchanged": ComputedAttribute(
            lambda _, entry: (ad_time(entry.changed_at),), None, _changed_since
        ),
        "createtimestamp": _plain(lambda entry: (ad_time(entry.created_at),)),
        "modifytimestamp": _plain(lambda entry: (ad_time(entry.changed_at),)),
        "instancetype": ComputedAttribute(
            lambda store, entry: (b"4" if store.parent(entry) is not None else b"5",)
        ),
        "objectcategory": ComputedAttribute(category, _find_category),
        "structuralobjectclass": ComputedAttribute(_structural),
        "subschemasubentry": _constant(aggregate),
        "isdeleted": flag(DELETED),
        "isrecycled": flag(RECYCLED),
        "parentguid": ComputedAttribute(_parent_guid, own=False),
        "canonicalname": ComputedAttribute(_canonical_name, own=False),
        "primarygrouptoken": ComputedAttribute(_primary_group_token),
        "tokengroups": ComputedAttribute(_token_groups, own=False),
        "allowedattributes": ComputedAttribute(_allowed_attributes),
        "msds-approx-immed-subordinates": ComputedAttribute(
            lambda store, entry: (b"%d" % store.dit.child_count(entry.id),), own=False
        ),
    }


def back_links(store_links: dict[str, str]) -> ComputedAttributes:
    """The back links of a profile's forward links."""
    return {back: _back_link(forward) for forward, back in store_links.items()}


CONSTRUCTED = frozenset((
    "createtimestamp", "modifytimestamp", "structuralobjectclass", "subschemasubentry",
    "parentguid", "canonicalname", "primarygrouptoken", "tokengroups", "allowedattributes",
    "msds-approx-immed-subordinates",
))  # fmt: skip
"""Computed attributes that AD returns only when they are asked for by name."""


def category_name(structural: str, schema_context: str) -> bytes:
    """The objectCategory of a class: the name of its class object.

    Classes share the category of their best-known superclass (defaultObjectCategory, MS-ADSC).
    """
    shown = CATEGORIES.get(structural.lower(), structural)
    return f"CN={shown},{schema_context}".encode()


CATEGORIES = {
    "user": "Person", "inetorgperson": "Person", "contact": "Person", "person": "Person",
    "organizationalperson": "Person", "computer": "Computer", "group": "Group",
    "organizationalunit": "Organizational-Unit", "container": "Container",
    "domaindns": "Domain-DNS", "msds-managedserviceaccount": "ms-DS-Managed-Service-Account",
    "configuration": "Configuration", "dmd": "DMD", "site": "Site", "server": "Server",
    "sitescontainer": "Sites-Container", "serverscontainer": "Servers-Container",
    "crossref": "Cross-Ref", "crossrefcontainer": "Cross-Ref-Container",
    "ntdsdsa": "NTDS-DSA", "builtindomain": "Builtin-Domain", "subschema": "SubSchema",
    "foreignsecurityprincipal": "Foreign-Security-Principal",
}  # fmt: skip
"""Class objects whose name is not that of the class (MS-ADSC)."""


def rdn_value(entry: StoredEntry) -> bytes:
    """The value in an entry's RDN."""
    return DN.parse(entry.rdn.decode()).rdns[0].avas[0].value_bytes


def _find_category(store: Store, value: bytes) -> Candidates:
    """Entries of the classes that share a category; their most derived class decides."""
    try:
        shown = DN.parse(value.decode()).rdn.value.lower()
    except (ParseError, UnicodeDecodeError, IndexError):
        return NOTHING
    index = store.indexes.index("objectclass")
    if index is None:
        return ALL_IDS
    names = {shown, *(name for name, category in CATEGORIES.items() if category.lower() == shown)}
    ids = set().union(*(index.ids(name.encode()) for name in names))
    return Candidates(Certainty.SUPERSET, sorted(ids))


def _parent_guid(store: Store, entry: StoredEntry) -> Values:
    parent = store.parent(entry)
    return (parent.guid,) if parent is not None else ()


def _canonical_name(_: Store, entry: StoredEntry) -> Values:
    rdns = entry.dn.rdns
    domain = [rdn.value for rdn in rdns if rdn.type.lower() == "dc"]
    path = [rdn.value.replace("/", "\\/") for rdn in reversed(rdns) if rdn.type.lower() != "dc"]
    return (f"{'.'.join(domain)}/{'/'.join(path)}".encode(),)


def _primary_group_token(_: Store, entry: StoredEntry) -> Values:
    sid = entry.first("objectsid")
    if sid is None or b"group" not in entry.values("objectclass"):
        return ()
    return (b"%d" % int.from_bytes(sid[-4:], "little"),)


def _token_groups(store: Store, entry: StoredEntry) -> Values:
    found: dict[int, bytes] = {}
    waiting: list[int] = [entry.id]
    while waiting and len(found) < NESTING_MAX:
        for source in store.link_sources(waiting.pop(), "member"):
            group = store.dit.by_id(source)
            sid = group.first("objectsid") if group is not None else None
            if sid is not None and source not in found:
                found[source] = sid
                waiting.append(source)
    own, primary = entry.first("objectsid"), entry.first("primarygroupid")
    first = (own[:-4] + int(primary).to_bytes(4, "little"),) if own and primary else ()
    return (*first, *found.values())


def _allowed_attributes(store: Store, entry: StoredEntry) -> Values:
    _, may = store.schema.allowed(value.decode() for value in entry.values("objectclass"))
    found = (store.schema.attribute(name) for name in sorted(may))
    return tuple(attribute.spelling.encode() for attribute in found if attribute is not None)
