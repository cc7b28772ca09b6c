"""Search: find candidates, test them, show what may be seen, in pages if asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from directory.dsa import paging
from directory.dsa.context import Context
from directory.dsa.names import existing
from directory.dsa.request_controls import SearchControls
from directory.dsa.rewrite import rewrite
from directory.dsa.session import Session
from directory.dsa.sorting import Order, window
from directory.errors import LdapError, ResultCode
from directory.limits import SEARCH_ENTRIES_MAX, SEARCH_TIME_MAX_S
from directory.model.controls import Control, PagedResults
from directory.model.messages import (
    TURN,
    LdapResult,
    Reply,
    Scope,
    SearchRequest,
    SearchResultDone,
    SearchResultReference,
)
from directory.store.dit import TOP
from directory.store.entry import DELETED, RECYCLED, REFERRAL, SUBENTRY, TICK, StoredEntry
from directory.store.evaluate import Test, always, compile_filter
from directory.store.shape_truth import ENTRIES_MIN, by_shape

CLOCK_EVERY = 256
"""Entries tested between looks at the clock."""


@dataclass(slots=True)
class Matching:
    """The entries of a search, as they are found."""

    entries: Iterator[StoredEntry]
    estimate: int


def search(
    context: Context, session: Session, request: SearchRequest, controls: SearchControls
) -> Iterator[Reply]:
    """Entries, references, and the final response; LdapErrors are raised."""
    if controls.paged is not None and controls.paged.cookie:
        yield from _next_page(session, request, controls.paged)
        return
    matching = find(context, session, request, controls, ticks=session.takes_turns)
    selection = context.selections.of(
        request.attributes, types_only=request.types_only, catalog=session.is_global_catalog
    )
    shown = controls.presentation(context, session, selection)
    answer: list[Control] = []
    if controls.sort is not None:
        order = Order(context, controls.sort)
        found: list[StoredEntry] = []
        for entry in order.of(matching.entries):
            if entry is not TICK:
                found.append(entry)
            if session.takes_turns and (entry is TICK or not len(found) % CLOCK_EVERY):
                yield TURN
        answer.append(order.response)
        if controls.list_view is not None:
            found, view = window(context, found, controls.sort, controls.list_view)
            answer.append(view)
        matching = Matching(iter(found), len(found))
    limit = request.size_limit or SEARCH_ENTRIES_MAX
    if controls.paged is not None:
        saved = paging.SavedSet(request, matching.entries, shown, matching.estimate, answer)
        yield from _page(session, saved, controls.paged, limit)
        return
    count = 0
    for entry in matching.entries:
        if entry is TICK:
            yield TURN
            continue
        if entry.flags & REFERRAL and not controls.manage_dsa_it:
            yield _reference(entry)
            continue
        if count >= limit:
            yield _done(ResultCode.SIZE_LIMIT_EXCEEDED, answer)
            return
        count += 1
        yield shown(entry)
    yield _done(ResultCode.SUCCESS, answer)


def find(
    context: Context,
    session: Session,
    request: SearchRequest,
    controls: SearchControls,
    *,
    ticks: bool = False,
) -> Matching:
    """The entries that match and may be seen; tested as they are taken.

    With ``ticks`` there is a TICK among them from time to time.
    """
    store = context.store
    base: StoredEntry | None = None
    if not request.base.is_root:
        base = existing(context, request.base)
        _check_base(context, session, base, controls)
        asserted = controls.assertion
        if asserted and compile_filter(store, asserted.filter)(base) is not True:
            raise LdapError(ResultCode.ASSERTION_FAILED)
    elif not (
        context.configuration.is_generic or controls.phantom_root or session.is_global_catalog
    ):
        raise LdapError(ResultCode.NO_SUCH_OBJECT, "the search needs a base in a naming context")
    wanted = rewrite(context, request.filter)
    candidates, rest = store.collect(base, request.scope, wanted)
    test: Test | None = None
    if rest is not None:
        compiled = by_shape if len(candidates) >= ENTRIES_MIN else compile_filter
        test = compiled(store, rest)
        test = None if test is always else test
    if store.referrals and not controls.manage_dsa_it:
        candidates += _referrals_in_scope(context, base, request.scope, candidates)
    return Matching(
        _tested(context, session, candidates, test, request, controls, ticks=ticks),
        len(candidates),
    )


def _referrals_in_scope(
    context: Context, base: StoredEntry | None, scope: Scope, candidates: Sequence[StoredEntry]
) -> list[StoredEntry]:
    """Referral objects the filter did not find: what it asks for may be behind them (RFC 3296)."""
    store = context.store
    top = TOP if base is None else base.id
    known = {entry.id for entry in candidates}
    found = [store.dit.by_id(id_) for id_ in store.referrals if id_ not in known]
    return [
        entry
        for entry in found
        if entry is not None
        and (entry.place.parent == top if scope is Scope.ONE else top in entry.place.path)
        and scope is not Scope.BASE
    ]


def _check_base(
    context: Context, session: Session, base: StoredEntry, controls: SearchControls
) -> None:
    if base.flags & REFERRAL and not controls.manage_dsa_it:
        uris = tuple(uri.decode() for uri in base.values("ref"))
        raise LdapError(ResultCode.REFERRAL, matched_dn=base.name.decode(), referrals=uris)
    if not context.access.may_read(session.identity, base):
        if session.identity.is_anonymous:
            raise refuse_anonymous(context)
        # what may not be seen is not there (RFC 4511 appendix A.2, insufficientAccessRights)
        raise LdapError(ResultCode.NO_SUCH_OBJECT)


def refuse_anonymous(context: Context) -> LdapError:
    """The answer to nobody who asks for more than the rootDSE."""
    if context.configuration.is_generic:
        return LdapError(ResultCode.INSUFFICIENT_ACCESS_RIGHTS, "bind first")
    return LdapError(
        ResultCode.OPERATIONS_ERROR,
        "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a "
        "successful bind must be completed on the connection., data 0, v4563",
    )


def _tested(
    context: Context,
    session: Session,
    candidates: Sequence[StoredEntry],
    test: Test | None,
    request: SearchRequest,
    controls: SearchControls,
    *,
    ticks: bool,
) -> Iterator[StoredEntry]:
    hidden = 0 if controls.show_deleted else DELETED
    hidden |= 0 if controls.show_recycled else RECYCLED
    if request.scope is not Scope.BASE or controls.subentries:
        hidden |= 0 if controls.subentries else SUBENTRY
    identity = session.identity
    everything = identity.is_administrator
    may_read = context.access.may_read
    readable = context.access.readable(identity.role)
    seconds = min(request.time_limit_s or SEARCH_TIME_MAX_S, SEARCH_TIME_MAX_S)
    until = context.clock.monotonic() + seconds
    referrals = not controls.manage_dsa_it
    paged = controls.paged is not None  # each page is a request of its own
    for count, entry in enumerate(candidates, 1):
        if count % CLOCK_EVERY == 0:
            if not paged and context.clock.monotonic() > until:
                raise LdapError(ResultCode.TIME_LIMIT_EXCEEDED)
            if ticks:
                yield TICK
        flags = entry.flags
        if flags:
            if flags & hidden or (controls.subentries and not flags & SUBENTRY):
                continue
            if flags & REFERRAL and referrals:
                yield entry  # whatever the filter says: what it stands for is elsewhere
                continue
        elif controls.subentries:
            continue
        if test is not None and test(entry) is not True:
            continue
        if (
            everything
            or (readable.get(entry.place) and entry.guid != identity.guid)
            or may_read(identity, entry)
        ):
            yield entry


def _next_page(session: Session, request: SearchRequest, control: PagedResults) -> Iterator[Reply]:
    saved = paging.take(session, control.cookie, request)
    limit = request.size_limit or SEARCH_ENTRIES_MAX
    yield from _page(session, saved, control, limit)


def _page(
    session: Session, saved: paging.SavedSet, control: PagedResults, limit: int
) -> Iterator[Reply]:
    page = paging.Page(session, saved, control, limit)
    for reply in page.answers(saved.show, TURN):
        if reply is not TURN or session.takes_turns:  # a stream may have opened the set
            yield reply
    yield page.final()


def _reference(entry: StoredEntry) -> Reply:
    return Reply(SearchResultReference(tuple(uri.decode() for uri in entry.values("ref"))))


def _done(code: ResultCode, controls: Sequence[Control]) -> Reply:
    return Reply(SearchResultDone(LdapResult(code)), tuple(controls))
