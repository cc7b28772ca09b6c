"""Paged results (RFC 2696): a page goes on where the last one stopped; nothing is searched again.

The set is what the search found when it started: versions of entries do not change. It lives in
the session, so a cookie is worth nothing on another connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.limits import PAGE_SIZE_MAX
from directory.model.controls import Control, PagedResults
from directory.model.messages import LdapResult, Reply, SearchRequest, SearchResultDone
from directory.store.entry import TICK, StoredEntry

SETS_MAX = 16
"""Unfinished sets of one session; the one untouched longest is dropped. AD allows five."""

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


class Page:
    """One page: its entries, and afterwards the final response with the next cookie."""

    def __init__(
        self, session: Session, saved: SavedSet, control: PagedResults, limit: int
    ) -> None:
        self._session = session
        self._saved = saved
        self._is_given_up = control.size == 0 and bool(control.cookie)
        size = min(control.size or PAGE_SIZE_MAX, PAGE_SIZE_MAX, limit - saved.given)
        self._size = 0 if self._is_given_up else max(0, size)

    def entries(self) -> Iterator[StoredEntry]:
        """At most as many as the page has; among them TICKs, where the set has some."""
        saved, left = self._saved, self._size
        if not left:
            return
        first = () if saved.waiting is None else (saved.waiting,)
        saved.waiting = None
        for entry in chain(first, saved.entries):
            if entry is not TICK:
                if not left:
                    saved.waiting = entry
                    break
                left -= 1
            yield entry
        saved.given += self._size - left

    def final(self) -> Reply:
        """The final response, once all entries were taken."""
        saved = self._saved
        if self._is_given_up:
            return _done(saved, b"")
        if not self._size:
            return _done(saved, b"", ResultCode.SIZE_LIMIT_EXCEEDED)
        return _done(saved, b"" if saved.waiting is None else _keep(self._session, saved))


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
