"""Find the entry a request means: RFC names, and AD's GUID, SID and well-known forms."""

from __future__ import annotations

from uuid import UUID

from directory.dsa.context import Context
from directory.dsa.sid import sid_bytes
from directory.errors import LdapError, ResultCode
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
