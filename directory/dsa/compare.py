"""Compare (RFC 4511 section 4.10)."""

from __future__ import annotations

from directory.dsa import content
from directory.dsa.context import Context
from directory.dsa.names import existing
from directory.dsa.request_controls import SearchControls
from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.model.filter import Equality
from directory.model.messages import CompareRequest
from directory.store.entry import DELETED
from directory.store.evaluate import compile_filter, values_of


def compare(
    context: Context, session: Session, request: CompareRequest, controls: SearchControls
) -> ResultCode:
    """Whether the entry has the value, as a result code; other outcomes are raised."""
    entry = existing(context, request.dn)
    if not context.access.may_read(session.identity, entry):
        if session.identity.is_anonymous:
            raise LdapError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "bind first")
        raise LdapError(ResultCode.NO_SUCH_OBJECT)
    if entry.flags & DELETED and not controls.show_deleted:
        raise LdapError(ResultCode.NO_SUCH_OBJECT)
    attribute = content.attribute_of(context, request.name)
    if attribute.name in context.store.unsearchable:
        raise LdapError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "a secret is compared by binding")
    store = context.store
    wanted = controls.assertion
    if wanted is not None and compile_filter(store, wanted.filter)(entry) is not True:
        raise LdapError(ResultCode.ASSERTION_FAILED)
    if not list(values_of(store, request.name)(entry)):
        raise LdapError(ResultCode.NO_SUCH_ATTRIBUTE, request.name)
    truth = compile_filter(store, Equality(request.name, request.value))(entry)
    if truth is None:
        raise LdapError(ResultCode.INAPPROPRIATE_MATCHING, request.name)
    return ResultCode.COMPARE_TRUE if truth else ResultCode.COMPARE_FALSE
