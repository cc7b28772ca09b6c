"""Delete (RFC 4511 section 4.8), tree delete, tombstones and their end (MS-ADTS 3.1.1.5.5)."""

from __future__ import annotations

from directory.dsa import microsoft
from directory.dsa import refusals as r
from directory.dsa.context import Context
from directory.dsa.links import drop_links
from directory.dsa.names import existing
from directory.dsa.request_controls import UpdateControls
from directory.dsa.session import LOCAL, Session
from directory.dsa.update import check_assertion
from directory.errors import LdapError, ResultCode
from directory.model.messages import DeleteRequest
from directory.store.entry import DELETED, Author, StoredEntry
from directory.store.writer import Writer

TREE_ENTRIES_MAX = 1_000_000
"""Most entries one tree delete removes: more than any directory here holds."""

DAY_S = 86_400


def delete(
    context: Context, session: Session, request: DeleteRequest, controls: UpdateControls
) -> StoredEntry:
    """Delete an entry, or a tree of them; the version that went."""
    store = context.store
    entry = existing(context, request.dn)
    context.access.check_write(session, request.dn, entry)
    if entry.is_deleted:
        if not controls.show_deleted:
            raise LdapError(ResultCode.NO_SUCH_OBJECT)
        raise r.refusal(context, r.UNWILLING, reason="the entry is deleted already")
    check_assertion(context, entry, controls)
    _refuse_system(context, entry)
    below = [e for e in store.dit.descendants(entry.id) if not e.is_deleted]
    if below and not controls.tree_delete:
        raise r.refusal(context, r.NON_LEAF)
    if len(below) > TREE_ENTRIES_MAX:
        raise LdapError(ResultCode.ADMIN_LIMIT_EXCEEDED)
    for other in below:
        context.access.check_write(session, other.dn, other)
    with store.write(session.author, context.now(), commit=not session.group_commit) as writer:
        for other in [*reversed(below), entry]:
            _remove(context, writer, other)
    return entry


def _refuse_system(context: Context, entry: StoredEntry) -> None:
    """Naming contexts and the container of tombstones stay."""
    if context.configuration.is_generic:
        return
    if entry.dn in context.configuration.all_contexts or entry.key == "cn=deleted objects":
        raise r.refusal(context, r.UNWILLING, reason="the directory needs this entry")


def _remove(context: Context, writer: Writer, entry: StoredEntry) -> None:
    if context.configuration.is_generic:
        writer.remove(entry)
        return
    drop_links(context, writer, entry)
    current = context.store.dit.by_id(entry.id)
    assert current is not None
    name = microsoft.tombstone_name(current)
    changes = microsoft.stripped(context, current, name)
    grave = microsoft.deleted_objects(context, current) or context.store.parent(current)
    rdn = name.rdn
    flags = current.flags | DELETED
    writer.move(current, grave, str(rdn).encode(), rdn.normal, changes, flags=flags)


def collect_garbage(context: Context) -> int:
    """Remove tombstones whose lifetime is over; how many there were."""
    store = context.store
    before = context.now() - context.configuration.tombstone_lifetime_days * DAY_S
    old = [
        entry
        for id_ in store.deleted
        if (entry := store.dit.by_id(id_)) is not None and entry.changed_at < before
    ]
    if old:
        with store.write(Author(str(LOCAL.dn), "garbage collection"), context.now()) as writer:
            for entry in old:
                writer.remove(entry, silently=True)
    return len(old)
