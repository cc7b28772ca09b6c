"""The fast lane: searches that an index answers, or for one entry, from kept bytes.

Everything it is not sure of it leaves to the plain path by answering None. What it answers is,
byte for byte, what the plain path would (tests/property/dsa/test_quick_search.py).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from directory.dsa import repeats
from directory.dsa.context import Context
from directory.dsa.quick_index import ENTRIES_MAX, Prefix, QuickIndexes
from directory.dsa.selection import SELECTIONS_MAX, Selection, is_remembered
from directory.dsa.session import Identity, Session
from directory.dsa.streams import LARGE, SearchStreams
from directory.model.filter import Equality, starting_with
from directory.model.question import Question
from directory.store.attribute_index import AttributeIndex
from directory.store.dit import Dit
from directory.store.entry import DELETED, RECYCLED, SUBENTRY, Place, StoredEntry

BASE, ONE, SUBTREE = 0, 1, 2
_HIDDEN = DELETED | RECYCLED


@dataclass  # without slots: mypyc makes others slow, and this is asked for every search
class Plan:
    """How a question is answered to a session, whatever its value: what need not be looked up."""

    question: Question
    dit: Dit
    identity: Identity
    top: StoredEntry
    """The base, as it was: versions never change, so while it is this one it has its name."""
    top_id: int
    scope: int
    hidden: int
    """Flags of entries that are not found."""
    readable: Mapping[Place | StoredEntry, bool] | None
    """Containers whose entries may be seen or not, as far as known; None: everything may be."""
    selection: Selection
    mark: Hashable
    """What entries remember their answers by, where those depend on nothing else."""
    equal: AttributeIndex | None
    """The index, where the question is what equals a value."""
    prefix: Prefix | None
    """How that is looked for, where the question is what begins with a value."""
    at_most: int
    """Entries of an answer that is given at once, and within the size limit."""


class QuickSearch:
    """Answers quick searches of one directory."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._generic = context.configuration.is_generic
        self._indexes = QuickIndexes(context)
        self._subschema = context.configuration.subschema.normal
        self._store = context.store
        self._may_read = context.access.may_read
        self._readable = context.access.readable
        self._dit = context.store.dit
        streams = SearchStreams(context)
        self.stream, self.prepare = streams.open, streams.prepare
        self._selections: dict[tuple[str, ...], Selection] = {}

    def __call__(
        self, session: Session, question: Question, value: bytes | None
    ) -> Sequence[bytes] | None:
        """The SearchResultEntry protocolOps of a search that succeeds, or None."""
        store = self._store
        dit, plan = store.dit, session.plan
        entries = dit.entries
        if (
            plan is None or plan.question is not question or dit is not plan.dit
            or session.identity is not plan.identity or entries[plan.top_id] is not plan.top
            or store.referrals
        ) and (plan := self._plan(session, question)) is None:  # fmt: skip
            return None
        ids: Sequence[int] | None
        asked: repeats.Asked | None = None
        if value is None:
            ids = self._ids(plan.top_id, question, value)
        elif (index := plan.equal) is not None:
            try:
                key = index.key(value)
            except ValueError:
                return ()
            unique = index.unique.get(key)
            ids = (unique,) if unique is not None else index.shared.get(key, ())
        elif plan.prefix is not None:
            ids = self._indexes.starting_with(plan.prefix, value)
        elif question[2] is Equality:
            ids = self._ids(plan.top_id, question, value)
        else:
            asked = (value, question)
            again = session.asked == asked
            if again and (known := repeats.same_again(session, dit)) is not None:
                return known
            changes, ids = dit.changes, self._indexes.ids(question[2], question[3], value)
        if ids is None or len(ids) > ENTRIES_MAX:
            return None
        # one loop without calls but those that cannot be avoided: this runs for every search
        identity, top_id, scope = plan.identity, plan.top_id, plan.scope
        hidden, readable, selection, mark = plan.hidden, plan.readable, plan.selection, plan.mark
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
            operation = cached[1] if cached and cached[0] is mark else selection.operation(entry)
            if len(operation) >= LARGE and not self._generic:
                return None
            operations.append(operation)
        if len(operations) > plan.at_most:
            return None
        if asked is None or not selection.is_own:
            return operations
        if not again:
            session.asked, session.repeat = asked, None
            return operations
        return repeats.keep(session, dit, changes, operations)

    def _ids(self, top_id: int, question: Question, value: bytes | None) -> Sequence[int] | None:
        """The entries of a search that is no equality in an index known already; None if unsure."""
        _, scope, _, name, _, _, others = question
        if others:
            return self._indexes.all_of(((name, value), *others))
        if value is None:
            return (top_id,) if scope == BASE and name.lower() == b"objectclass" else None
        return self._indexes.ids(Equality, name, value)

    def _start_over(self) -> None:
        """The store has gone back to a snapshot: it has other indexes now, and another tree."""
        self._dit = self._store.dit
        self._indexes.known.clear()

    def _plan(self, session: Session, question: Question) -> Plan | None:
        """How a search is answered that starts at an ordinary entry that may be seen."""
        base, scope, make, name, attributes, size_limit, others = question
        store = self._store
        if scope > SUBTREE or store.referrals or session.is_global_catalog:
            return None
        if store.dit is not self._dit:
            self._start_over()
        selection = self._selections.get(attributes)
        if selection is None and (selection := self._selection(attributes)) is None:
            return None
        identity, last = session.identity, session.plan
        if (
            last is not None and last.question[0] == base and last.identity is identity
            and last.dit is store.dit and store.dit.entries[last.top_id] is last.top
        ):  # fmt: skip
            top, readable = last.top, last.readable
        else:
            found = self._look(identity, base)
            if found is None:
                return None
            top = found
            readable = None if identity.is_administrator else self._readable(identity.role)
        hidden = _HIDDEN if scope == BASE else _HIDDEN | SUBENTRY
        equal = self._indexes.index(name) if make is Equality and not others else None
        plan = Plan(
            question, self._dit, identity, top, top.id, scope, hidden, readable, selection,
            selection.mark if selection.is_own else None,
            equal, self._indexes.prefix(name) if make is starting_with else None,
            size_limit or ENTRIES_MAX,
        )  # fmt: skip
        # searches of the base have another one each time; an index may be made meanwhile
        if scope != BASE and (equal is not None or make is not Equality or others):
            session.plan = plan
        return plan

    def _look(self, identity: Identity, base: bytes) -> StoredEntry | None:
        """Where a search starts, when that is an ordinary entry that may be seen."""
        try:
            normal = base.decode().lower()
        except UnicodeDecodeError:
            return None
        # a hit is always right: the key is a normal form, and lowering is part of normalising
        top = self._store.dit.find(normal) if normal else None
        if top is None or top.flags or normal == self._subschema:
            return None
        return top if self._may_read(identity, top) else None

    def _selection(self, attributes: tuple[str, ...]) -> Selection | None:
        """What a list of attributes picks; None for ranges, which differ from answer to answer."""
        selection = self._context.selections.of(attributes)
        if selection.ranges:
            return None
        if is_remembered(attributes):
            if len(self._selections) >= SELECTIONS_MAX:
                self._selections.clear()
            self._selections[attributes] = selection
        return selection
