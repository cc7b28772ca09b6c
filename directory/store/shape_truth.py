"""What a filter says of all entries of one shape, by which attributes they have.

Most tests of a dump or a first synchronization are whether an attribute is there, or an equality
of one that is not. Those have one answer for every entry of a shape, so it is worked out once for
each shape instead of once for each entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from directory.model import filter as f
from directory.store.entry import Shape, StoredEntry
from directory.store.evaluate import Test, Truth, bases_and_options, compile_filter

if TYPE_CHECKING:
    from directory.store.store import Store

ENTRIES_MIN = 32
"""Entries to test before working out shapes first is worth it."""


PARTS_MAX = 64
"""Tests in a filter that is worked out by shape. Each shape compiles them anew: of the 4,000 a
stranger may send that took most of a second, in one turn of the event loop."""


class _Word(Enum):
    VARIES = "varies"


VARIES: Final = _Word.VARIES
"""The answer depends on the values."""
Verdict = Truth | Literal[_Word.VARIES]


def by_shape(store: Store, filter: f.Filter) -> Test:  # noqa: A002 - the noun of RFC 4511
    """``compile_filter``, asked only where the shape does not tell."""
    test = compile_filter(store, filter)
    if parts_of(filter) > PARTS_MAX:
        return test
    known: dict[Shape, Verdict] = {}

    def test_shape_first(entry: StoredEntry) -> Truth:
        shape = entry.shape
        try:
            verdict = known[shape]
        except KeyError:
            verdict = known[shape] = verdict_of(store, filter, entry)
        return test(entry) if verdict is VARIES else verdict

    return test_shape_first


def parts_of(filter: f.Filter) -> int:  # noqa: A002
    """How many tests a filter has."""
    match filter:
        case f.And(filters) | f.Or(filters):
            return sum(map(parts_of, filters))
        case f.Not(inner):
            return parts_of(inner)
    return 1


def verdict_of(store: Store, filter: f.Filter, entry: StoredEntry) -> Verdict:  # noqa: A002
    """What a filter says of every entry of this one's shape."""
    match filter:
        case f.And(filters):
            return _all(verdict_of(store, part, entry) for part in filters)
        case f.Or(filters):
            return _not(_all(_not(verdict_of(store, part, entry)) for part in filters))
        case f.Not(inner):
            return _not(verdict_of(store, inner, entry))
        case f.Extensible():
            return VARIES
    name = store.schema.canonical(filter.name)
    if name in store.computed:
        return VARIES
    is_there = bool(entry.shape.describe(name, *bases_and_options(store, name)))
    if is_there and not isinstance(filter, f.Present):
        return VARIES
    return compile_filter(store, filter)(entry)  # what is there has values, what is not has none


def _not(verdict: Verdict) -> Verdict:
    return verdict if verdict is VARIES or verdict is None else not verdict


def _all(verdicts: Iterable[Verdict]) -> Verdict:
    result: Verdict = True
    for verdict in verdicts:
        if verdict is False:
            return False
        if verdict is VARIES or (verdict is None and result is True):
            result = verdict
    return result
