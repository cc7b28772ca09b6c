"""Build what a search needs before it is planned, in steps that let others have their turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from directory.model import filter as f
from directory.store.attribute_index import AttributeIndex
from directory.store.candidates import Certainty
from directory.store.planner import SMALL_ENOUGH, plan_filter

if TYPE_CHECKING:
    from directory.store.store import Store

_Item = f.Equality | f.Approx | f.Present | f.GreaterOrEqual | f.LessOrEqual | f.Substrings


def prepare(store: Store, filter: f.Filter) -> Iterator[None]:  # noqa: A002 - the noun of RFC 4511
    """Steps until ``plan_filter`` finds what it asks for; without, it would build that at once."""
    steps = _steps(store, filter)
    while True:
        with store.lock:  # nobody writes while a step reads
            if next(steps, _FINISHED) is _FINISHED:
                return
        yield


_FINISHED = object()


def _steps(store: Store, filter: f.Filter) -> Iterator[None]:  # noqa: A002 - as above
    match filter:
        case f.And(parts):
            for at, part in enumerate(parts):
                if not _needs_steps(store, part):
                    continue
                if not any(_is_enough(store, earlier) for earlier in parts[:at]):
                    yield from _steps(store, part)
        case f.Or(parts):
            for part in parts:
                yield from _steps(store, part)
        case f.Not() | f.Extensible():
            return
        case _:
            for name in _names(store, filter):
                yield from store.indexes.make(name)
                index = store.indexes.by_name.get(name)
                if index is None or is_ready(index, filter):
                    continue
                if not isinstance(filter, f.Substrings) or filter.initial:
                    yield from index.build_order()
                elif index.is_asked_for_infixes:
                    yield from index.build_groups()


def is_ready(index: AttributeIndex, item: f.Filter) -> bool:
    """Whether an index answers an item at once, or knows at once that it cannot."""
    match item:
        case f.GreaterOrEqual() | f.LessOrEqual():
            return index.has_order
        case f.Substrings(initial=initial):
            return index.has_order if initial else index.has_groups
    return True


def _needs_steps(store: Store, part: f.Filter) -> bool:
    match part:
        case f.And(parts) | f.Or(parts):
            return any(_needs_steps(store, inner) for inner in parts)
        case f.Not() | f.Extensible():
            return False
    indexes = store.indexes
    return any(
        indexes.can_make(name)
        or ((index := indexes.by_name.get(name)) is not None and not is_ready(index, part))
        for name in _names(store, part)
    )


def _is_enough(store: Store, part: f.Filter) -> bool:
    """Whether the planner looks no further than to this part of an And."""
    if not isinstance(part, f.Equality):
        return False
    candidates = plan_filter(store, part).candidates
    return candidates.certainty is not Certainty.ALL_IDS and len(candidates.ids) <= SMALL_ENOUGH


def _names(store: Store, item: _Item) -> Iterator[str]:
    """The attributes in use whose indexes an item asks."""
    attribute = store.schema.attribute(item.name)
    if attribute is None or attribute.name in store.computed or ";" in item.name:
        return
    for name in store.schema.subtypes.get(attribute.name, (attribute.name,)):
        if store.uses(name):
            yield name
