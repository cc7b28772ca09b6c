"""Server-side sorting (RFC 2891) and virtual list views on the sorted list."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from operator import itemgetter
from typing import Any

from directory.dsa.context import Context
from directory.errors import LdapError, ResultCode
from directory.model.controls import (
    SortKey,
    SortRequest,
    SortResponse,
    VirtualListView,
    VirtualListViewResponse,
)
from directory.schema.matching import RULES, Key, MatchingRule
from directory.store.entry import TICK, StoredEntry
from directory.store.evaluate import Values, values_of

KEYS_MAX = 8
"""Sort keys that count; those after them hardly ever decide. AD takes one."""

RUN_ENTRIES = 1024
"""Entries sorted between two turns of other clients: some three milliseconds."""


class _Sorter:
    """One sort key, resolved."""

    def __init__(self, context: Context, key: SortKey) -> None:
        attribute = context.schema.attribute(key.name)
        rule: MatchingRule | None = None
        if attribute is not None and attribute.name not in context.store.unsearchable:
            rule = RULES.get(key.rule.lower()) if key.rule else None
            if key.rule is None:
                rule = attribute.ordering or attribute.equality
        if attribute is None:
            raise _Unsortable(ResultCode.NO_SUCH_ATTRIBUTE, key.name)
        if rule is None:
            raise _Unsortable(ResultCode.INAPPROPRIATE_MATCHING, key.name)
        self.reverse = key.reverse
        self.rule = rule
        self.values: Values = values_of(context.store, key.name)

    def key(self, entry: StoredEntry) -> tuple[bool, Key]:
        """Smallest value first; an entry without one comes last (section 2.2)."""
        keys: list[Key] = []
        for value in self.values(entry):
            try:
                keys.append(self.rule.key(value))
            except ValueError:
                continue
        if not keys:
            return (True, 0)
        return (False, min(keys))


class _Unsortable(Exception):
    def __init__(self, code: ResultCode, name: str) -> None:
        super().__init__(name)
        self.code = code
        self.name = name


class _Descending:
    """A key that compares the other way round."""

    __slots__ = ("key",)

    def __init__(self, key: tuple[bool, Key]) -> None:
        self.key = key

    def __lt__(self, other: _Descending) -> bool:
        return other.key < self.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and other.key == self.key

    __hash__ = None  # type: ignore[assignment]  # nobody looks one up


class Order:
    """The order a sort control asks for, and the control that says how it went."""

    def __init__(self, context: Context, control: SortRequest) -> None:
        """Resolve the keys.

        Raises:
            LdapError: unavailableCriticalExtension when a critical sort cannot be done.
        """
        self._sorters: list[_Sorter] = []
        self.response = SortResponse()
        try:
            self._sorters = [_Sorter(context, key) for key in control.keys[:KEYS_MAX]]
        except _Unsortable as error:
            if control.critical:
                raise LdapError(
                    ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, f"cannot sort by {error.name!r}"
                ) from None
            self.response = SortResponse(code=error.code, name=error.name)

    def of(self, entries: Iterable[StoredEntry]) -> Iterator[StoredEntry]:
        """The entries in order, taken before the first is given; among them TICKs.

        Sorted in runs and merged as they are taken, so that nobody waits for the whole: equal
        entries stay as they came.
        """
        if not self._sorters:
            yield from entries
            return
        runs: list[list[tuple[object, StoredEntry]]] = []
        run: list[tuple[object, StoredEntry]] = []
        for entry in entries:
            if entry is TICK:
                yield entry
                continue
            run.append((self._key(entry), entry))
            if len(run) == RUN_ENTRIES:
                run.sort(key=_FIRST)
                runs.append(run)
                run = []
                yield TICK
        run.sort(key=_FIRST)
        for _, entry in merge(*map(_taken, runs), _taken(run), key=_FIRST):
            yield entry

    def _key(self, entry: StoredEntry) -> Any:
        keys = [
            _Descending(sorter.key(entry)) if sorter.reverse else sorter.key(entry)
            for sorter in self._sorters
        ]
        return keys[0] if len(keys) == 1 else tuple(keys)


def _taken(run: list[tuple[object, StoredEntry]]) -> Iterator[tuple[object, StoredEntry]]:
    """A run from its start, let go of as it is taken: freeing all at the end takes a while too."""
    run.reverse()
    while run:
        yield run.pop()


_FIRST: Callable[[tuple[object, StoredEntry]], Any] = itemgetter(0)


def window(
    context: Context, entries: list[StoredEntry], sort: SortRequest, control: VirtualListView
) -> tuple[list[StoredEntry], VirtualListViewResponse]:
    """The part of a sorted list that a virtual list view asks for.

    Raises:
        LdapError: sortControlMissing when the list could not be sorted.
    """
    total = len(entries)
    if control.assertion is not None:
        try:
            target = _first_at(context, entries, sort, control.assertion) + 1
        except _Unsortable as error:
            raise LdapError(
                ResultCode.SORT_CONTROL_MISSING, f"cannot sort by {error.name!r}"
            ) from None
    elif control.content_count in {0, total} or control.content_count == control.offset:
        last = control.content_count and control.content_count == control.offset
        target = total if last else control.offset
    else:
        target = 1 + (control.offset - 1) * max(total - 1, 0) // max(control.content_count - 1, 1)
    if control.assertion is None and not 1 <= target <= total + 1:
        response = VirtualListViewResponse(
            target=0, content_count=total, code=ResultCode.OFFSET_RANGE_ERROR
        )
        return [], response
    first = max(target - 1 - control.before, 0)
    shown = entries[first : target + control.after]
    return shown, VirtualListViewResponse(target=target, content_count=total)


def _first_at(context: Context, entries: list[StoredEntry], sort: SortRequest, value: bytes) -> int:
    """Index of the first entry at or after an assertion value of the first sort key."""
    sorter = _Sorter(context, sort.keys[0])
    try:
        wanted = sorter.rule.key(value)
    except ValueError:
        return len(entries)

    def is_reached(entry: StoredEntry) -> bool:
        missing, own = sorter.key(entry)
        if missing:
            return True
        # one rule makes keys of one type
        return own <= wanted if sorter.reverse else own >= wanted  # type: ignore[operator]  # they are

    # in reverse, entries without a value come first; but for those, once reached is always reached
    if entries and is_reached(entries[0]):
        return 0
    return bisect_left(entries, True, key=is_reached)
