"""Turn a filter into candidates: which entries are worth testing, and why these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from directory.model import filter as f
from directory.schema.schema import Attribute
from directory.store.attribute_index import AttributeIndex
from directory.store.candidates import ALL_IDS, NOTHING, Candidates, Certainty, Plan

if TYPE_CHECKING:
    from directory.store.store import Store

SMALL_ENOUGH = 16
"""A part of an And with so few candidates ends the search for a better one."""

FRACTION = 4
"""An index answer of more than a quarter of the entries is no better than looking at all."""


def plan_filter(store: Store, filter: f.Filter) -> Plan:  # noqa: A002 - the noun of RFC 4511
    """The plan of one filter. Undefined parts are empty and Superset, so that Not stays honest."""
    match filter:
        case f.And(filters):
            return _and(store, filters)
        case f.Or(filters):
            return _or(store, filters)
        case f.Not(inner):
            part = Plan("test", inner, ALL_IDS)
            return Plan("not", None, ALL_IDS, (part,))
        case f.Extensible():
            return Plan("extensible", filter, ALL_IDS)
    attribute = store.schema.attribute(filter.name)
    if attribute is None:
        return Plan("undefined", filter, NOTHING)
    if attribute.name in store.unsearchable:
        return Plan("unsearchable", filter, NOTHING)
    computed = store.computed.get(attribute.name)
    if computed is not None:
        if isinstance(filter, f.Equality) and computed.find is not None:
            return Plan("computed", filter, computed.find(store, filter.value))
        if isinstance(filter, f.GreaterOrEqual) and computed.find_from is not None:
            return Plan("computed", filter, computed.find_from(store, filter.value))
        return Plan("scan", filter, ALL_IDS)
    if ";" in filter.name:
        return Plan("scan", filter, ALL_IDS)  # indexes do not know options
    return _indexed(store, attribute, filter)


def _indexed(store: Store, attribute: Attribute, item: f.Filter) -> Plan:
    names = store.schema.subtypes.get(attribute.name, (attribute.name,))
    in_use = [name for name in names if store.uses(name)]
    indexes: list[AttributeIndex] = []
    for name in in_use:
        index = store.indexes.index(name)
        if index is None:
            return Plan("unindexed", item, ALL_IDS)
        indexes.append(index)
    if not in_use:
        return Plan("unused", item, NOTHING)
    answers = [ask(index, item, store.count // FRACTION) for index in indexes]
    if len(answers) == 1:
        return Plan("index", item, answers[0])
    return Plan("indexes", item, _union(answers))


def ask(index: AttributeIndex, item: f.Filter, at_most: int) -> Candidates:
    """What one index says about an item; all entries when it has more keys than ``at_most``."""
    attribute = index.attribute
    match item:
        case f.Equality(_, value) | f.Approx(_, value):
            try:
                return Candidates(Certainty.EXACT, index.ids(index.key(value)))
            except ValueError:
                return NOTHING
        case f.Present():
            return _exact(index.all_ids(at_most))
        case f.GreaterOrEqual(_, value) | f.LessOrEqual(_, value):
            if attribute.ordering is None or attribute.ordering.key is not index.key:
                return ALL_IDS
            try:
                bound = index.key(value)
            except ValueError:
                return NOTHING
            if isinstance(item, f.GreaterOrEqual):
                return _exact(index.between(bound, None, at_most))
            return _exact(index.between(None, bound, at_most))
        case f.Substrings():
            return _substrings(index, item, at_most)
    return ALL_IDS


def _substrings(index: AttributeIndex, item: f.Substrings, at_most: int) -> Candidates:
    rule = index.attribute.substring
    if rule is None or rule.piece is None or rule.key is not index.key:
        return ALL_IDS
    try:
        if item.initial:
            prefix = rule.piece(item.initial).lstrip(b" ").rstrip(b" ")
            if prefix:
                ids = index.starting_with(prefix, at_most)
                sure = not item.any and not item.final and prefix == rule.piece(item.initial)
                return _exact(ids) if sure else _superset(ids)
        pieces = [rule.piece(p).strip(b" ") for p in (*item.any, item.final or b"")]
    except ValueError:
        return NOTHING
    longest = max(pieces, key=len)
    alone = not item.initial and not item.final and len(item.any) == 1
    if alone and longest and longest == rule.piece(item.any[0]):
        return _exact(index.containing(longest, at_most))  # containing it is all that is asked
    return _superset(index.containing(longest, at_most)) if longest else ALL_IDS


def _exact(ids: Sequence[int] | None) -> Candidates:
    return ALL_IDS if ids is None else Candidates(Certainty.EXACT, ids)


def _superset(ids: Sequence[int] | None) -> Candidates:
    return ALL_IDS if ids is None else Candidates(Certainty.SUPERSET, ids)


def _and(store: Store, filters: tuple[f.Filter, ...]) -> Plan:
    parts: list[Plan] = []
    best: Plan | None = None
    answered: f.Filter | None = None
    for part in filters:
        plan = plan_filter(store, part)
        parts.append(plan)
        if plan.candidates.certainty is Certainty.ALL_IDS:
            continue
        if best is None or len(plan.candidates.ids) < len(best.candidates.ids):
            best, answered = plan, part
            if len(plan.candidates.ids) <= SMALL_ENOUGH:
                break  # the rest is tested on these few
    if best is None:
        return Plan("and", None, ALL_IDS, tuple(parts))
    if len(filters) == 1:
        return Plan("and", None, best.candidates, tuple(parts))
    rest: f.Filter | None = None
    if best.candidates.certainty is Certainty.EXACT:  # what the index answered needs no test
        others = tuple(part for part in filters if part is not answered)
        rest = others[0] if len(others) == 1 else f.And(others)
    candidates = Candidates(Certainty.SUPERSET, best.candidates.ids)
    return Plan("and", None, candidates, tuple(parts), rest)


def _or(store: Store, filters: tuple[f.Filter, ...]) -> Plan:
    parts: list[Plan] = []
    for part in filters:
        plan = plan_filter(store, part)
        parts.append(plan)
        if plan.candidates.certainty is Certainty.ALL_IDS:
            return Plan("or", None, ALL_IDS, tuple(parts))
    return Plan("or", None, _union([plan.candidates for plan in parts]), tuple(parts))


def _union(answers: list[Candidates]) -> Candidates:
    if any(answer.certainty is Certainty.ALL_IDS for answer in answers):
        return ALL_IDS
    exact = all(answer.certainty is Certainty.EXACT for answer in answers)
    ids = sorted(set().union(*[answer.ids for answer in answers]))
    return Candidates(Certainty.EXACT if exact else Certainty.SUPERSET, ids)
