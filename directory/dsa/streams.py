"""Searches whose answers are streamed: dumps, pages, sorted lists and views of those.

What is streamed is, byte for byte, what the plain path answers
(tests/property/dsa/test_quick_search.py, test_quick_pages.py and test_quick_orders.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from directory.dsa import paging
from directory.dsa.context import Context
from directory.dsa.presentation import RANGE_VALUES_MAX
from directory.dsa.request_controls import SearchControls
from directory.dsa.rewrite import rewrite
from directory.dsa.search import find
from directory.dsa.selection import Selection
from directory.dsa.session import Session
from directory.dsa.sorting import RUN_ENTRIES, Order, window
from directory.errors import LdapError, ResultCode
from directory.limits import SEARCH_ENTRIES_MAX
from directory.model.controls import Control, PagedResults, SortRequest, VirtualListView
from directory.model.messages import (
    LdapResult,
    Reply,
    SearchRequest,
    SearchResultDone,
    SearchResultEntry,
)
from directory.store.entry import TICK, StoredEntry
from directory.store.prepare import prepare

LARGE = RANGE_VALUES_MAX * 3
"""Octets from which an answer of an AD may need its values cut into ranges."""


class Stream(NamedTuple):
    """The answers to a search as they are found."""

    operations: Iterator[bytes]
    """SearchResultEntry protocolOps; no octets mean that others should have their turn. It ends
    where the search succeeds, and raises an LdapError where it does not."""
    final: Callable[[], Reply] | None = None
    """Afterwards, the final response, where it has controls."""
    ahead: Sequence[Iterator[None]] = ()
    """Afterwards, what may be done of the next page before somebody asks for it, in steps."""


class SearchStreams:
    """Opens the streams of one directory."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self._generic = context.configuration.is_generic
        self._subschema = context.configuration.subschema.normal

    def open(
        self, session: Session, request: SearchRequest, controls: Sequence[Control] = ()
    ) -> Stream | None:
        """The answers to any search without controls but those of pages, an order or a view of it.

        The same search as the plain path's, without a value made of each entry: a dump spends
        most of its time on those.
        """
        context = self._context
        base = request.base
        if (
            base.is_root or base.normal == self._subschema or context.store.referrals
            or session.identity.is_anonymous or session.is_global_catalog
        ):  # fmt: skip
            return None
        selection = context.selections.of(request.attributes, types_only=request.types_only)
        if selection.ranges:
            return None
        if not controls:
            return Stream(self._operations(session, request, selection))
        final: list[Reply] = []
        if len(controls) == 1 and isinstance(controls[0], PagedResults):
            ahead: list[Iterator[None]] = []
            page = self._page(session, request, selection, controls[0], final, ahead)
            return Stream(page, final.pop, ahead)
        if len(controls) == 1 and isinstance(controls[0], SortRequest):
            ordered = self._ordered(session, request, selection, controls[0], final)
            return Stream(ordered, final.pop)
        asked = {type(control): control for control in controls}
        sort, view = asked.get(SortRequest), asked.get(VirtualListView)
        if (
            len(controls) == 2
            and isinstance(sort, SortRequest)
            and isinstance(view, VirtualListView)
        ):
            return Stream(self._viewed(session, request, selection, sort, view, final), final.pop)
        return None

    def prepare(self, session: Session, request: SearchRequest) -> Iterator[None]:
        """Steps until a search finds the indexes it asks for; without, it would stop to build.

        None for those who are going to be refused.
        """
        top = self._store.find(request.base)
        if top is None or not self._context.access.may_read(session.identity, top):
            return iter(())
        return prepare(self._store, rewrite(self._context, request.filter))

    def _operations(
        self, session: Session, request: SearchRequest, selection: Selection
    ) -> Iterator[bytes]:
        controls = SearchControls()
        shown = selection.operation if self._generic else self._shown(session, selection, controls)
        left = request.size_limit or SEARCH_ENTRIES_MAX
        for _ in self.prepare(session, request):
            yield b""
        for entry in find(self._context, session, request, controls, ticks=True).entries:
            if entry is TICK:
                yield b""
                continue
            if not left:
                raise LdapError(ResultCode.SIZE_LIMIT_EXCEEDED)
            left -= 1
            yield shown(entry)

    def _page(
        self,
        session: Session,
        request: SearchRequest,
        selection: Selection,
        control: PagedResults,
        final: list[Reply],
        ahead: list[Iterator[None]],
    ) -> Iterator[bytes]:
        controls = SearchControls(paged=control)
        if control.cookie:
            saved = paging.take(session, control.cookie, request)
        else:
            for _ in self.prepare(session, request):
                yield b""
            found = find(self._context, session, request, controls, ticks=True)
            show = controls.presentation(self._context, session, selection)
            saved = paging.SavedSet(request, found.entries, show, found.estimate)
        limit = request.size_limit or SEARCH_ENTRIES_MAX
        shown = selection.operation if self._generic else self._shown(session, selection, controls)
        page = paging.Page(session, saved, control, limit)
        yield from page.answers(shown, b"")
        final.append(page.final())
        ahead.append(page.read_ahead(shown))

    def _ordered(
        self,
        session: Session,
        request: SearchRequest,
        selection: Selection,
        control: SortRequest,
        final: list[Reply],
    ) -> Iterator[bytes]:
        controls = SearchControls(sort=control)
        shown = self._shown(session, selection, controls)
        for _ in self.prepare(session, request):
            yield b""
        found = find(self._context, session, request, controls, ticks=True)
        order = Order(self._context, control)
        left = request.size_limit or SEARCH_ENTRIES_MAX
        code = ResultCode.SUCCESS
        for entry in order.of(found.entries):
            if entry is not TICK:
                if not left:
                    code = ResultCode.SIZE_LIMIT_EXCEEDED
                    break
                left -= 1
            yield shown(entry)
        final.append(Reply(SearchResultDone(LdapResult(code)), (order.response,)))

    def _viewed(
        self,
        session: Session,
        request: SearchRequest,
        selection: Selection,
        sort: SortRequest,
        view: VirtualListView,
        final: list[Reply],
    ) -> Iterator[bytes]:
        controls = SearchControls(sort=sort, list_view=view)
        shown = self._shown(session, selection, controls)
        for _ in self.prepare(session, request):
            yield b""
        found = find(self._context, session, request, controls, ticks=True)
        order = Order(self._context, sort)
        entries: list[StoredEntry] = []
        for entry in order.of(found.entries):
            if entry is TICK:
                yield b""
                continue
            entries.append(entry)
            if not len(entries) % RUN_ENTRIES:
                yield b""
        seen, response = window(self._context, entries, sort, view)
        limit = request.size_limit or SEARCH_ENTRIES_MAX
        for entry in seen[:limit]:
            yield shown(entry)
        code = ResultCode.SIZE_LIMIT_EXCEEDED if len(seen) > limit else ResultCode.SUCCESS
        final.append(Reply(SearchResultDone(LdapResult(code)), (order.response, response)))

    def _shown(
        self, session: Session, selection: Selection, controls: SearchControls
    ) -> Callable[[StoredEntry], bytes]:
        """The function that makes the operation of an entry; no octets of a TICK."""
        if self._generic:
            operation = selection.operation
            return lambda entry: b"" if entry is TICK else operation(entry)
        show = controls.presentation(self._context, session, selection)

        def cut(entry: StoredEntry) -> bytes:
            if entry is TICK:
                return b""
            operation = selection.operation(entry)
            if len(operation) < LARGE:
                return operation
            shown = show(entry).operation
            assert isinstance(shown, SearchResultEntry)
            return shown.encoded or operation

        return cut
