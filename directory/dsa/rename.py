"""Modify DN (RFC 4511 section 4.9): rename, move, and take along everything below."""

from __future__ import annotations

from directory.dsa import content
from directory.dsa import refusals as r
from directory.dsa.context import Context
from directory.dsa.links import follow_renames
from directory.dsa.names import context_of, existing
from directory.dsa.request_controls import UpdateControls
from directory.dsa.session import Session
from directory.dsa.update import check_assertion
from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.model.messages import ModifyDnRequest
from directory.model.names import AttributeName
from directory.store.entry import StoredEntry


def modify_dn(
    context: Context, session: Session, request: ModifyDnRequest, controls: UpdateControls
) -> tuple[StoredEntry, StoredEntry]:
    """Rename one entry: the versions before and after."""
    store = context.store
    entry = existing(context, request.dn)
    context.access.check_write(session, request.dn, entry)
    if entry.is_deleted:
        raise LdapError(ResultCode.NO_SUCH_OBJECT)
    check_assertion(context, entry, controls)
    parent = _new_superior(context, session, entry, request)
    if len(request.new_rdn.rdns) != 1:
        raise r.refusal(context, r.NAMING_VIOLATION, reason="the new RDN must be one RDN")
    rdn = request.new_rdn.rdn
    above = parent.dn if parent is not None else DN()
    target = DN((rdn, *above.rdns))
    holder = store.find(target)
    if holder is not None and holder.id != entry.id:
        raise r.refusal(context, r.ENTRY_EXISTS)
    home = context_of(context, entry.dn)
    if context_of(context, target) != home or entry.dn == home:
        raise LdapError(ResultCode.AFFECTS_MULTIPLE_DSAS, "not across naming contexts")
    changes = _naming_changes(context, entry, request)
    whole = {name: entry.values(name) for name in entry.shape.names}
    whole.update(changes)
    content.check_classes(context, {name: values for name, values in whole.items() if values})
    for name, values in changes.items():
        content.check_values(context, content.attribute_of(context, name), values)
    blobs = {n: content.encode(context, n, v) if v else None for n, v in changes.items()}
    key = rdn.normal if parent is not None else target.normal
    text = str(rdn) if parent is not None else str(target)
    followers = [(e.normal, e.id) for e in (entry, *store.dit.descendants(entry.id))]
    with store.write(session.author, context.now(), commit=not session.group_commit) as writer:
        new = writer.move(entry, parent, text.encode(), key, blobs)
        if not context.configuration.is_generic:
            renamed = ((before, store.dit.by_id(id_)) for before, id_ in followers)
            follow_renames(context, writer, [(b, e) for b, e in renamed if e is not None])
    return entry, store.dit.by_id(new.id) or new


def _new_superior(
    context: Context, session: Session, entry: StoredEntry, request: ModifyDnRequest
) -> StoredEntry | None:
    store = context.store
    if request.new_superior is None:
        return store.parent(entry)
    parent = existing(context, request.new_superior)
    context.access.check_write(session, request.new_superior, parent)
    if parent.within(entry.id):
        raise r.refusal(context, r.UNWILLING, reason="an entry cannot move below itself")
    if parent.is_deleted:
        raise r.refusal(context, r.UNWILLING, reason="the new superior is deleted")
    return parent


def _naming_changes(
    context: Context, entry: StoredEntry, request: ModifyDnRequest
) -> dict[AttributeName, tuple[bytes, ...]]:
    """What the new RDN adds and the old one, if it is to go, takes away."""
    result: dict[AttributeName, tuple[bytes, ...]] = {}
    new = content.naming_values(context, request.new_rdn)
    old = content.naming_values(context, DN.parse(entry.rdn.decode()))
    if request.delete_old_rdn or not context.configuration.is_generic:
        for name, values in old.items():
            attribute = content.attribute_of(context, name)
            gone = set(content.keys(attribute, values))
            have = entry.values(name)
            own = content.keys(attribute, have)
            result[name] = tuple(v for k, v in zip(own, have, strict=True) if k not in gone)
    for name, values in new.items():
        attribute = content.attribute_of(context, name)
        have = result.get(name, entry.values(name))
        known = set(content.keys(attribute, have))
        fresh = content.keys(attribute, values)
        added = tuple(v for k, v in zip(fresh, values, strict=True) if k not in known)
        result[name] = (*have, *added)
    return {name: values for name, values in result.items() if values != entry.values(name)}
