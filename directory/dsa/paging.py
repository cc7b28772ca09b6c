"""Paged results (RFC 2696): a page goes on where the last one stopped; nothing is searched again.

The set is what the search found when it started: versions of entries do not change. It lives in
the session, so a cookie is worth nothing on another connection. Since it does not change, the next
page may be looked for while the client reads the last one; what is found early is what would be
found later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TypeVar

from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.limits import PAGE_SIZE_MAX
from directory.model.controls import Control, PagedResults
from directory.model.messages import LdapResult, Reply, SearchRequest, SearchResultDone
from directory.store.entry import TICK, StoredEntry

SETS_MAX = 16
"""Unfinished sets of one session; the one untouched longest is dropped. AD allows five."""

AHEAD_MAX = 1024
"""Entries looked for before somebody asks for them: a third of a millisecond's work, done in vain
when nobody does."""

AHEAD_STEP = 64
"""Entries between two looks at whether the client has asked: some 20 µs."""

Show = Callable[[StoredEntry], Reply]
T = TypeVar("T")


@dataclass(slots=True)
class SavedSet:
    """A search that is not finished."""

    request: SearchRequest
    entries: Iterator[StoredEntry]
    show: Show
    estimate: int
    controls: list[Control] = field(default_factory=list)
    waiting: StoredEntry | None = None
    ahead: deque[StoredEntry] = field(default_factory=deque)
    """Entries found before they were asked for, behind the one that waits."""
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

    def answers(self, show: Callable[[StoredEntry], T], tick: T) -> Iterator[T]:
        """What ``show`` makes of at most as many entries as the page has, ``tick`` of each TICK."""
        saved, left = self._saved, self._size
        if not left:
            return
        first = () if saved.waiting is None else (saved.waiting,)
        early = iter(saved.ahead)
        saved.waiting, saved.ahead = None, deque()
        for entry in chain(first, early, saved.entries):
            if entry is TICK:
                yield tick
                continue
            if not left:
                saved.waiting = entry
                break
            left -= 1
            yield show(entry)
        saved.ahead.extend(early)
        saved.given += self._size - left

    def read_ahead(self, make: Callable[[StoredEntry], object]) -> Iterator[None]:
        """Steps that find the entries of a next page as large as this one, until it is asked for.

        ``make`` makes the answer of an entry, which the entry then keeps.
        """
        saved, pages = self._saved, self._session.pages
        size = min(self._size, AHEAD_MAX)
        try:
            while len(saved.ahead) < size:
                if not any(saved is known for known in pages.values()):
                    return  # asked for, or given up
                is_over = True
                for entry in islice(saved.entries, AHEAD_STEP):
                    is_over = False
                    if entry is TICK:
                        break
                    make(entry)
                    saved.ahead.append(entry)
                if is_over:
                    return
                yield
        except Exception:
            # what broke cannot go on where it stopped: better no page than one that ends too soon
            for cookie in [cookie for cookie, known in pages.items() if known is saved]:
                del pages[cookie]
            raise

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
