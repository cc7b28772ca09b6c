"""The fast lane: searches by one item an index answers, or for one entry, from kept bytes.

Everything it is not sure of it leaves to the plain path by answering None. What it answers is,
byte for byte, what the plain path would (tests/property/dsa/test_quick_search.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from directory.dsa import paging
from directory.dsa.context import Context
from directory.dsa.presentation import RANGE_VALUES_MAX
from directory.dsa.request_controls import SearchControls
from directory.dsa.rewrite import rewrite
from directory.dsa.search import find
from directory.dsa.selection import SELECTIONS_MAX, Selection
from directory.dsa.session import Identity, Session
from directory.errors import LdapError, ResultCode
from directory.limits import SEARCH_ENTRIES_MAX
from directory.model.controls import Control, PagedResults
from directory.model.filter import Equality, ItemMaker
from directory.model.messages import Reply, SearchRequest, SearchResultEntry
from directory.store.attribute_index import AttributeIndex
from directory.store.candidates import Certainty
from directory.store.entry import DELETED, RECYCLED, SUBENTRY, TICK, Place, StoredEntry
from directory.store.planner import ask
from directory.store.prepare import is_ready, prepare

BASE, ONE, SUBTREE = 0, 1, 2
_HIDDEN = DELETED | RECYCLED
_LARGE = RANGE_VALUES_MAX * 3
"""Octets from which an answer of an AD may need its values cut into ranges."""

NAMES_MAX = 4096
"""Attribute spellings remembered."""

ENTRIES_MAX = 64
"""Most entries of an answer given at once; longer ones are streamed, so that others have a turn."""


class _Start(NamedTuple):
    """Where the last search started, and who asked: nearly always the next one does the same."""

    identity: Identity
    base: bytes
    """As the client spelled it."""
    top: StoredEntry
    readable: Mapping[Place | StoredEntry, bool] | None
    """Containers whose entries may be seen or not, as far as known; None: everything may be."""


class Stream(NamedTuple):
    """The answers to a search as they are found."""

    operations: Iterator[bytes]
    """SearchResultEntry protocolOps; no octets mean that others should have their turn. It ends
    where the search succeeds, and raises an LdapError where it does not."""
    final: Callable[[], Reply] | None = None
    """Afterwards, the final response, where it has controls."""


class QuickSearch:
    """Answers quick searches of one directory."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._generic = context.configuration.is_generic
        self._indexes: dict[bytes, AttributeIndex | None] = {}
        self._subschema = context.configuration.subschema.normal
        self._store = context.store
        self._may_read = context.access.may_read
        self._readable = context.access.readable
        self._dit = context.store.dit
        self._start: _Start | None = None
        self._selections: dict[tuple[str, ...], Selection] = {}

    def __call__(
        self,
        session: Session,
        base: bytes,
        scope: int,
        make: ItemMaker,
        name: bytes,
        value: bytes | None,
        attributes: tuple[str, ...],
        size_limit: int,
    ) -> Sequence[bytes] | None:
        """The SearchResultEntry protocolOps of a search that succeeds, or None."""
        store = self._store
        if scope > SUBTREE or store.referrals or session.is_global_catalog:
            return None
        if store.dit is not self._dit:
            self._start_over()
        identity = session.identity
        entries = store.dit.entries
        start = self._start
        # versions never change: the same object at its id has the same name as when it was found
        if (
            start is None or base != start.base or identity is not start.identity
            or entries[start.top.id] is not start.top
        ):  # fmt: skip
            start = self._look(identity, base, scope)
            if start is None:
                return None
        top, readable = start.top, start.readable
        selection = self._selections.get(attributes)
        if selection is None and (selection := self._selection(attributes)) is None:
            return None
        ids: Sequence[int] | None
        if value is None:
            if scope != BASE or name.lower() != b"objectclass":
                return None
            ids = (top.id,)
        else:
            index = self._indexes.get(name)
            if index is None and (index := self._index(name)) is None:
                return None
            if make is Equality:
                try:
                    key = index.key(value)
                except ValueError:
                    return ()
                unique = index.unique.get(key)
                ids = (unique,) if unique is not None else index.shared.get(key, ())
            else:
                ids = _range(index, make, value)
            if ids is None or len(ids) > ENTRIES_MAX:
                return None
        # one loop without calls but those that cannot be avoided: this runs for every search
        top_id = top.id
        hidden = _HIDDEN if scope == BASE else _HIDDEN | SUBENTRY
        operations: list[bytes] = []
        for id_ in ids:
            entry = entries[id_]
            if entry is None or entry.flags & hidden:
                continue
            if scope == SUBTREE:
                if top_id not in entry.place.path and id_ != top_id:
                    continue
            elif id_ != top_id if scope == BASE else entry.place.parent != top_id:
                continue
            if (
                readable is not None
                and (not readable.get(entry.place) or entry.guid == identity.guid)
                and not self._may_read(identity, entry)
            ):
                continue
            cached = entry.cached
            if cached is not None and cached[0] is selection and selection.is_own:
                operation = cached[1]
            else:
                operation = selection.operation(entry)
            if len(operation) >= _LARGE and not self._generic:
                return None
            operations.append(operation)
        return operations if len(operations) <= (size_limit or ENTRIES_MAX) else None

    def _start_over(self) -> None:
        """The store has gone back to a snapshot: it has other indexes now, and another tree."""
        self._dit = self._store.dit
        self._indexes.clear()
        self._start = None

    def _look(self, identity: Identity, base: bytes, scope: int) -> _Start | None:
        """Where a search starts, when that is an ordinary entry that may be seen."""
        try:
            normal = base.decode().lower()
        except UnicodeDecodeError:
            return None
        # a hit is always right: the key is a normal form, and lowering is part of normalising
        top = self._store.dit.find(normal) if normal else None
        if top is None or top.flags or normal == self._subschema:
            return None
        if not self._may_read(identity, top):
            return None
        readable = None if identity.is_administrator else self._readable(identity.role)
        start = _Start(identity, base, top, readable)
        if scope != BASE:  # those have another base each time
            self._start = start
        return start

    def _selection(self, attributes: tuple[str, ...]) -> Selection | None:
        """What a list of attributes picks; None for ranges, which differ from answer to answer."""
        selection = self._context.selections.of(attributes)
        if selection.ranges:
            return None
        if len(self._selections) >= SELECTIONS_MAX:
            self._selections.clear()
        self._selections[attributes] = selection
        return selection

    def stream(
        self, session: Session, request: SearchRequest, controls: Sequence[Control] = ()
    ) -> Stream | None:
        """The answers to any search without controls but that of pages, or None.

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
        if len(controls) > 1 or not isinstance(controls[0], PagedResults):
            return None
        final: list[Reply] = []
        page = self._page(session, request, selection, controls[0], final)
        return Stream(page, final.pop)

    def _operations(
        self, session: Session, request: SearchRequest, selection: Selection
    ) -> Iterator[bytes]:
        controls = SearchControls()
        shown = self._shown(session, selection, controls)
        left = request.size_limit or SEARCH_ENTRIES_MAX
        for _ in prepare(self._store, rewrite(self._context, request.filter)):
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
    ) -> Iterator[bytes]:
        controls = SearchControls(paged=control)
        if control.cookie:
            saved = paging.take(session, control.cookie, request)
        else:
            for _ in prepare(self._store, rewrite(self._context, request.filter)):
                yield b""
            found = find(self._context, session, request, controls, ticks=True)
            show = controls.presentation(self._context, session, selection)
            saved = paging.SavedSet(request, found.entries, show, found.estimate)
        limit = request.size_limit or SEARCH_ENTRIES_MAX
        shown = self._shown(session, selection, controls)
        for answer in paging.page(session, saved, control, limit, shown, ticks=True):
            if isinstance(answer, Reply):
                final.append(answer)
            else:
                yield answer

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
            if len(operation) < _LARGE:
                return operation
            shown = show(entry).operation
            assert isinstance(shown, SearchResultEntry)
            return shown.encoded or operation

        return cut

    def _index(self, name: bytes) -> AttributeIndex | None:
        """The index of an attribute that no other attribute is derived from."""
        store = self._context.store
        try:
            attribute = store.schema.attribute(name.decode())
        except UnicodeDecodeError:
            return None
        if (
            attribute is None or b";" in name or attribute.name in store.computed
            or attribute.name in store.schema.subtypes or attribute.name in store.unsearchable
        ):  # fmt: skip
            return None
        if store.indexes.can_make(attribute.name):
            return None  # made in steps, by the stream of the first search that asks for it
        index = store.indexes.index(attribute.name)
        if index is not None and len(self._indexes) < NAMES_MAX:
            self._indexes[name] = index
        return index


def _range(index: AttributeIndex, make: ItemMaker, value: bytes) -> Sequence[int] | None:
    """Entries in order or by a piece, where an index knows them for sure and they are few."""
    item = make(index.attribute.name, value)
    if not is_ready(index, item):
        return None
    certainty, ids = ask(index, item, ENTRIES_MAX)
    return ids if certainty is Certainty.EXACT else None
