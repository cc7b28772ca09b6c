"""Find the entry a request means: RFC names, and AD's GUID, SID and well-known forms."""

from __future__ import annotations

from uuid import UUID

from directory.dsa.context import Context
from directory.dsa.sid import sid_bytes
from directory.errors import InvalidDN, LdapError, ResultCode
from directory.model.dn import DN
from directory.store.entry import StoredEntry


def resolve(context: Context, dn: DN) -> StoredEntry | None:
    """The entry of a name in any of its forms."""
    if dn.alternative is None:
        return context.store.find(dn)
    kind, _, text = dn.alternative.partition("=")
    if kind == "GUID":
        return _by_guid(context, text)
    if kind == "SID":
        return _by_sid(context, text)
    return _well_known(context, text)


WELL_KNOWN = {
    "a9d1ca15768811d1aded00c04fd8d5cd": "CN=Users",
    "aa312825768811d1aded00c04fd8d5cd": "CN=Computers",
    "a361b2ffffd211d1aa4b00c04fd7d83a": "OU=Domain Controllers",
    "ab1d30f3768811d1aded00c04fd8d5cd": "CN=System",
    "09460c08ae1e4a4ea0f64aee7daa1e5a": "CN=Program Data",
    "22b70c67d56e4efb91e9300fca3dc1aa": "CN=ForeignSecurityPrincipals",
    "18e2ea80684f11d2b9aa00c04f79f805": "CN=Deleted Objects",
}
"""Identities of a domain's containers that hold whatever they are called (MS-ADTS 6.1.1.4)."""


def _well_known(context: Context, text: str) -> StoredEntry | None:
    """``<WKGUID=identity,dn>``: one of the well-known containers below a domain."""
    identity, _, above = text.partition(",")
    name = WELL_KNOWN.get(identity.strip().lower())
    try:
        return context.store.find(DN.parse(f"{name},{above}")) if name and above else None
    except InvalidDN:
        return None


def existing(context: Context, dn: DN) -> StoredEntry:
    """The entry of a name.

    Raises:
        LdapError: noSuchObject, with the deepest superior that is there.
    """
    entry = resolve(context, dn)
    if entry is None:
        raise no_such_object(context, dn)
    return entry


def no_such_object(context: Context, dn: DN) -> LdapError:
    """The error for a name that is not there."""
    above = dn
    while above.rdns:
        above = above.parent
        found = context.store.find(above)
        if found is not None:
            return LdapError(
                ResultCode.NO_SUCH_OBJECT,
                _diagnostic(context, found),
                matched_dn=found.name.decode(),
            )
    return LdapError(ResultCode.NO_SUCH_OBJECT, _diagnostic(context, None))


def _diagnostic(context: Context, best: StoredEntry | None) -> str:
    if context.configuration.is_generic:
        return ""
    match = best.name.decode() if best is not None else ""
    return (
        "0000208D: NameErr: DSID-03100241, problem 2001 (NO_OBJECT), data 0, "
        f"best match of:\n\t'{match}'\n"
    )


def context_of(context: Context, dn: DN) -> DN | None:
    """The naming context a name lies in: the deepest one."""
    within = [nc for nc in context.configuration.all_contexts if dn.is_within(nc)]
    return max(within, key=lambda nc: len(nc.rdns), default=None)


def _by_guid(context: Context, text: str) -> StoredEntry | None:
    try:
        if "-" in text:
            return context.store.by_guid(UUID(text).bytes_le)
        return context.store.by_guid(bytes.fromhex(text))
    except ValueError:
        return None


def _by_sid(context: Context, text: str) -> StoredEntry | None:
    try:
        sid = sid_bytes(text) if text[:2].upper() == "S-" else bytes.fromhex(text)
    except ValueError:
        return None
    index = context.store.indexes.index("objectsid")
    ids = index.ids(sid) if index is not None else ()
    return context.store.dit.by_id(ids[0]) if ids else None
