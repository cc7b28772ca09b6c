"""Change notification (MS-ADTS 3.1.1.3.4.1.9): entries as they change, until abandoned."""

from __future__ import annotations

from collections.abc import Sequence

from directory.dsa import refusals as r
from directory.dsa.context import Context
from directory.dsa.names import existing
from directory.dsa.request_controls import SearchControls
from directory.dsa.session import Session
from directory.model.filter import Present
from directory.model.messages import Reply, Scope, SearchRequest
from directory.store.writer import Step


def notify(
    context: Context,
    session: Session,
    request: SearchRequest,
    controls: SearchControls,
    message_id: int,
) -> None:
    """Open the search; it answers only with what is to come.

    Raises:
        LdapError: unwillingToPerform for a filter other than ``(objectClass=*)``, as AD.
    """
    if not isinstance(request.filter, Present) or request.filter.name.lower() != "objectclass":
        raise r.refusal(context, r.UNWILLING, reason="notification takes (objectClass=*) only")
    base = existing(context, request.base)
    selection = context.selections.of(request.attributes, types_only=request.types_only)
    show = controls.presentation(context, session, selection)
    top = base.id

    def listener(steps: Sequence[Step]) -> list[Reply]:
        latest = {s.new.id: s.new for s in steps if s.usn and s.new is not None}
        replies = []
        for entry in latest.values():
            if request.scope is Scope.BASE:
                fits = entry.id == top
            elif request.scope is Scope.ONE:
                fits = entry.place.parent == top
            else:
                fits = entry.within(top)
            shown = not entry.is_deleted or controls.show_deleted
            if fits and shown and context.access.may_read(session.identity, entry):
                replies.append(show(entry))
        return replies

    context.persistent.start(session, message_id, listener)
