"""Test entries against a filter: three-valued, as RFC 4511 section 4.5.1.7 says.

A filter is compiled once per search into a function of an entry that gives True, False or None
(Undefined). Assertion values are prepared once; an entry's values as they are met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from directory.model import filter as f
from directory.model.dn import DN
from directory.model.encoded import attribute_values
from directory.model.names import AttributeName
from directory.schema.matching import BIT_AND, BIT_OR, IN_CHAIN, RULES, MatchingRule
from directory.schema.schema import Attribute
from directory.store.chain import entries_in_chain
from directory.store.entry import StoredEntry

if TYPE_CHECKING:
    from directory.store.store import Store

Truth = bool | None
Test = Callable[[StoredEntry], Truth]
Values = Callable[[StoredEntry], Iterable[bytes]]
Met = tuple[Attribute, Values] | None


def _undefined(_: StoredEntry) -> Truth:
    return None


def always(_: StoredEntry) -> Truth:
    """The test that every entry passes: callers may leave it out."""
    return True


def compile_filter(store: Store, filter: f.Filter) -> Test:  # noqa: A002 - the noun of RFC 4511
    """The function that tests an entry of a store."""
    return _compile(store, filter, {})


def _compile(store: Store, wanted: f.Filter, met: dict[str, Met]) -> Test:
    """The same, for a part of a filter; looks each description up once, for thousands of parts."""
    match wanted:
        case f.And(filters):
            return _and([_compile(store, part, met) for part in filters])
        case f.Or(filters):
            return _or([_compile(store, part, met) for part in filters])
        case f.Not(inner):
            return _not(_compile(store, inner, met))
        case f.Extensible():
            return _extensible(store, wanted)
    name = wanted.name
    if name not in met:
        met[name] = _meet(store, name)
    known = met[name]
    if known is None:
        return _undefined
    attribute, values = known
    if attribute.name == "objectclass" and isinstance(wanted, f.Present):
        return always  # no entry is without
    return _item(attribute, values, wanted)


def _meet(store: Store, name: str) -> Met:
    """What a filter may ask of a description: None for what is unknown or secret."""
    attribute = store.schema.attribute(name)
    if attribute is None or attribute.name in store.unsearchable:
        return None
    return attribute, values_of(store, name)


def _item(attribute: Attribute, values: Values, item: f.Filter) -> Test:
    match item:
        case f.Present():
            return lambda entry: any(True for _ in values(entry))
        case f.Equality(_, value) | f.Approx(_, value):
            return _equal(attribute.equality, values, value)
        case f.GreaterOrEqual(_, value):
            return _ordered(attribute.ordering, values, value, at_least=True)
        case f.LessOrEqual(_, value):
            return _ordered(attribute.ordering, values, value, at_least=False)
        case f.Substrings():
            return _substrings(attribute.substring, values, item)
    return _undefined


def values_of(store: Store, description: str) -> Values:
    """A function to the values an entry has for a description, its subtypes included."""
    name = store.schema.canonical(description)
    computed = store.computed.get(name)
    if computed is not None:
        work_out = computed.values
        return lambda entry: work_out(store, entry)
    bases, wanted = bases_and_options(store, name)

    def values(entry: StoredEntry) -> Iterable[bytes]:
        found = entry.shape.described.get(name)
        if found is None:
            found = entry.shape.describe(name, bases, wanted)
        if len(found) == 1:
            return attribute_values(entry.blobs[found[0]])
        return [value for at in found for value in attribute_values(entry.blobs[at])]

    return values


def bases_and_options(store: Store, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """Which attributes a description means, subtypes included, and the options it asks for."""
    base, _, options = name.partition(";")
    bases = store.schema.subtypes.get(AttributeName(base), (AttributeName(base),))
    return frozenset(bases), frozenset(options.split(";")) if options else frozenset()


def _and(tests: list[Test]) -> Test:
    def test(entry: StoredEntry) -> Truth:
        result: Truth = True
        for part in tests:
            truth = part(entry)
            if truth is False:
                return False
            if truth is None:
                result = None
        return result

    return test


def _or(tests: list[Test]) -> Test:
    def test(entry: StoredEntry) -> Truth:
        result: Truth = False
        for part in tests:
            truth = part(entry)
            if truth:
                return True
            if truth is None:
                result = None
        return result

    return test


def _not(inner: Test) -> Test:
    def test(entry: StoredEntry) -> Truth:
        truth = inner(entry)
        return None if truth is None else not truth

    return test


def _equal(rule: MatchingRule | None, values: Values, value: bytes) -> Test:
    if rule is None:
        return _undefined
    try:
        wanted = rule.key(value)
    except ValueError:
        return _undefined
    key = rule.key

    def test(entry: StoredEntry) -> Truth:
        for candidate in values(entry):
            if candidate == value:
                return True
            try:
                if key(candidate) == wanted:
                    return True
            except ValueError:
                continue
        return False

    return test


def _ordered(rule: MatchingRule | None, values: Values, value: bytes, *, at_least: bool) -> Test:
    if rule is None:
        return _undefined
    try:
        bound = rule.key(value)
    except ValueError:
        return _undefined
    key = rule.key

    def test(entry: StoredEntry) -> Truth:
        for candidate in values(entry):
            try:
                own = key(candidate)
            except ValueError:
                continue
            # one rule makes keys of one type
            if own >= bound if at_least else own <= bound:  # type: ignore[operator]  # they are
                return True
        return False

    return test


def _substrings(rule: MatchingRule | None, values: Values, wanted: f.Substrings) -> Test:
    if rule is None or rule.piece is None:
        return _undefined
    try:
        initial = rule.piece(wanted.initial).lstrip(b" ") if wanted.initial else b""
        middle = [rule.piece(piece) for piece in wanted.any]
        final = rule.piece(wanted.final).rstrip(b" ") if wanted.final else b""
    except ValueError:
        return _undefined
    key = rule.key

    def test(entry: StoredEntry) -> Truth:
        for candidate in values(entry):
            try:
                text = key(candidate)
            except ValueError:
                continue
            if isinstance(text, bytes) and _contains(text, initial, middle, final):
                return True
        return False

    return test


def _contains(text: bytes, initial: bytes, middle: list[bytes], final: bytes) -> bool:
    if not text.startswith(initial) or not text.endswith(final):
        return False
    at = len(initial)
    end = len(text) - len(final)
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return at <= end


def _extensible(store: Store, wanted: f.Extensible) -> Test:
    rule = RULES.get(wanted.rule.lower()) if wanted.rule else None
    if wanted.rule and rule is None:
        return _undefined
    attribute = store.schema.attribute(wanted.name) if wanted.name else None
    if wanted.name and (attribute is None or attribute.name in store.unsearchable):
        return _undefined
    if rule is not None and rule.oid in {BIT_AND, BIT_OR}:
        if attribute is None or wanted.name is None:
            return _undefined
        return _bits(values_of(store, wanted.name), wanted.value, all_=rule.oid == BIT_AND)
    if rule is not None and rule.oid == IN_CHAIN:
        if attribute is None:
            return _undefined
        ids = entries_in_chain(store, attribute, wanted.value)
        return _undefined if ids is None else lambda entry: entry.id in ids
    tests: list[Test] = []
    if attribute is not None and wanted.name is not None:
        effective = rule or attribute.equality
        values = values_of(store, wanted.name)
        if effective is not None and effective.piece is not None:
            return _undefined  # a substrings rule has no whole-value assertion here
        tests.append(_equal(effective, values, wanted.value))
    elif rule is not None:
        tests.append(_any_attribute(store, rule, wanted.value))
    if wanted.dn_attributes:
        tests.append(_name_attributes(store, attribute, rule, wanted.value))
    return tests[0] if len(tests) == 1 else _or(tests)


def _fixed(values: Iterable[bytes]) -> Values:
    """The same values whatever the entry is."""
    return lambda _: values


def _bits(values: Values, value: bytes, *, all_: bool) -> Test:
    try:
        mask = int(value)
    except ValueError:
        return _undefined

    def test(entry: StoredEntry) -> Truth:
        for candidate in values(entry):
            try:
                bits = int(candidate) & mask
            except ValueError:
                continue
            if bits == mask if all_ else bits != 0:
                return True
        return False

    return test


def _any_attribute(store: Store, rule: MatchingRule, value: bytes) -> Test:
    """The rule on every attribute it fits (section 4.5.1.7.7)."""

    def test(entry: StoredEntry) -> Truth:
        for name in entry.shape.names:
            attribute = store.schema.attribute(name)
            if attribute is None or attribute.name in store.unsearchable:
                continue
            own = attribute.equality
            fits = own is not None and own.syntax == rule.syntax
            if fits and _equal(rule, _fixed(entry.values(name)), value)(entry):
                return True
        return False

    return test


def _name_attributes(
    store: Store, attribute: Attribute | None, rule: MatchingRule | None, value: bytes
) -> Test:
    """``:dn:``: values in the entry's name count too."""

    def test(entry: StoredEntry) -> Truth:
        for rdn in DN.parse(entry.name.decode()).rdns:
            for ava in rdn.avas:
                kind = store.schema.attribute(ava.type)
                if kind is None or (attribute is not None and kind.name != attribute.name):
                    continue
                own = _fixed((ava.value_bytes,))
                if _equal(rule or kind.equality, own, value)(entry):
                    return True
        return False

    return test


def compile_values(
    store: Store, attribute: Attribute, filters: Iterable[f.Filter]
) -> Callable[[bytes], bool]:
    """Which values of one attribute the items of a matched-values control keep (RFC 3876)."""
    tests: list[Callable[[bytes], Truth]] = []
    for item in filters:
        name = item.name if not isinstance(item, f.And | f.Or | f.Not) else None
        known = store.schema.attribute(name) if name else None
        if known is not attribute:
            continue
        holder: list[bytes] = []
        test = _item(attribute, _fixed(holder), item)

        def keep(value: bytes, test: Test = test, holder: list[bytes] = holder) -> Truth:
            holder[:] = [value]
            return test(_NOBODY)

        tests.append(keep)
    return lambda value: any(test(value) for test in tests)


_NOBODY = StoredEntry()
"""Stands for the entry where only a value is tested."""
