"""Paged results (RFC 2696): a page goes on where the last one stopped; nothing is searched again.

The set is what the search found when it started: versions of entries do not change. It lives in
the session, so a cookie is worth nothing on another connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.limits import PAGE_SIZE_MAX
from directory.model.controls import Control, PagedResults
from directory.model.messages import LdapResult, Reply, SearchRequest, SearchResultDone
from directory.store.entry import TICK, StoredEntry

SETS_MAX = 16
"""Unfinished sets of one session; the one untouched longest is dropped. AD allows five."""

T = TypeVar("T")
Show = Callable[[StoredEntry], Reply]


@dataclass(slots=True)
class SavedSet:
    """A search that is not finished."""

    request: SearchRequest
    entries: Iterator[StoredEntry]
    show: Show
    estimate: int
    controls: list[Control] = field(default_factory=list)
    waiting: StoredEntry | None = None
    given: int = 0


def take(session: Session, cookie: bytes, request: SearchRequest) -> SavedSet:
    """The set a cookie stands for.

    Raises:
        LdapError: unwillingToPerform for a cookie that is unknown or of another search.
    """
    saved = session.pages.get(cookie)
    if saved is None:
        raise LdapError(ResultCode.UNWILLING_TO_PERFORM, "paged results: the cookie is not known")
    asked = replace(request, size_limit=0, time_limit_s=0)
    if asked != replace(saved.request, size_limit=0, time_limit_s=0):
        raise LdapError(ResultCode.UNWILLING_TO_PERFORM, "paged results: this is another search")
    del session.pages[cookie]
    return saved


def page(
    session: Session,
    saved: SavedSet,
    control: PagedResults,
    limit: int,
    show: Callable[[StoredEntry], T],
    *,
    ticks: bool = False,
) -> Iterator[T | Reply]:
    """What shows each entry of one page, and the final response with the next cookie.

    With ``ticks`` what shows a TICK comes from time to time; the set may have them without.
    """
    if control.size == 0 and control.cookie:  # the client gives the set up
        yield _done(saved, b"")
        return
    size = min(control.size or PAGE_SIZE_MAX, PAGE_SIZE_MAX, limit - saved.given)
    if size <= 0:
        yield _done(saved, b"", ResultCode.SIZE_LIMIT_EXCEEDED)
        return
    first = () if saved.waiting is None else (saved.waiting,)
    saved.waiting = None
    for entry in chain(first, saved.entries):
        if entry is TICK:
            if ticks:
                yield show(entry)
        elif not size:
            saved.waiting = entry
            break
        else:
            size -= 1
            saved.given += 1
            yield show(entry)
    yield _done(saved, b"" if saved.waiting is None else _keep(session, saved))


def _keep(session: Session, saved: SavedSet) -> bytes:
    """The cookie under which the next page is found."""
    session.page_count += 1
    cookie = session.page_count.to_bytes(8, "big")
    session.pages[cookie] = saved
    while len(session.pages) > SETS_MAX:
        session.pages.pop(next(iter(session.pages)))
    return cookie


def _done(saved: SavedSet, cookie: bytes, code: ResultCode = ResultCode.SUCCESS) -> Reply:
    control = PagedResults(size=saved.estimate if cookie else 0, cookie=cookie)
    return Reply(SearchResultDone(LdapResult(code)), (*saved.controls, control))
