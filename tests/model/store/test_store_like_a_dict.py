"""The store behaves like a dict of entries and a linear scan, whatever is done to it.

The model below knows nothing of indexes, plans, wire forms or versions: it is written from
RFC 4511 alone, and does not use the store's matching code.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from directory.errors import ResultCode
from directory.model import filter as f
from directory.model import messages as m
from directory.model.dn import DN, Rdn
from directory.model.entry import Entry
from directory.model.modification import Modification, ModifyOperation
from directory.store.store import Store
from tests.support.directories import SUFFIX, Bench, generic

NAMES = st.sampled_from(["a", "B", "ab", "Ba b", "c,d", "é", "x+y"])
VALUES = st.sampled_from(["a", "A", "ab", "abc", "b a", "zb", "É"])
ATTRIBUTES = st.sampled_from(["description", "givenName", "title"])
ASCII = st.sampled_from(["a@x", "A@x", "ab@x", "b@y"])


def fold(value: str) -> str:
    return " ".join(value.casefold().split())


def leaf() -> st.SearchStrategy[f.Filter]:
    name = st.sampled_from(["description", "givenName", "cn", "objectClass", "title", "nothing"])
    value = VALUES.map(str.encode)
    pieces = st.lists(st.sampled_from([b"a", b"b", b"ab", b"z"]), max_size=1).map(tuple)
    some = st.sampled_from([b"a", b"ab", b"b", None])
    substrings = st.tuples(name, some, pieces, some).filter(lambda t: t[1] or t[2] or t[3])
    return st.one_of(
        st.builds(f.Equality, name, value),
        st.builds(f.Present, name),
        st.builds(f.GreaterOrEqual, st.sampled_from(["title"]), value),
        substrings.map(lambda t: f.Substrings(*t)),
    )


FILTERS = st.recursive(
    leaf(),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(tuple).map(f.And),
        st.lists(inner, max_size=3).map(tuple).map(f.Or),
        inner.map(f.Not),
    ),
    max_leaves=5,
)

Attributes = dict[str, list[str]]


def evaluate(attributes: Attributes, wanted: f.Filter) -> bool | None:
    """Three-valued, by the book."""
    match wanted:
        case f.And(parts):
            truths = [evaluate(attributes, part) for part in parts]
            return False if False in truths else None if None in truths else True
        case f.Or(parts):
            truths = [evaluate(attributes, part) for part in parts]
            return True if True in truths else None if None in truths else False
        case f.Not(inner):
            truth = evaluate(attributes, inner)
            return None if truth is None else not truth
    assert not isinstance(wanted, f.Extensible)
    name = wanted.name.lower()
    if name == "nothing":
        return None
    have = [fold(value) for value in attributes.get(name, [])]
    match wanted:
        case f.Present():
            return bool(have)
        case f.Equality(_, value):
            if name == "objectclass" and not value.isascii():
                return None
            return fold(value.decode()) in have
        case f.GreaterOrEqual():
            return None  # title, like all names of RFC 4519, has no ordering rule
        case f.Substrings(_, initial, middle, final):
            if name == "objectclass":
                return None  # object identifiers have no substrings rule
            return any(contains(value, initial, middle, final) for value in have)
    raise AssertionError(wanted)


def contains(
    text: str, initial: bytes | None, middle: tuple[bytes, ...], final: bytes | None
) -> bool:
    start, end = (initial or b"").decode(), (final or b"").decode()
    if not text.startswith(start):
        return False
    rest = text[len(start) :]
    for piece in middle:
        before, found, rest = rest.partition(piece.decode())
        del before
        if not found:
            return False
    return rest.endswith(end)


class StoreLikeADict(RuleBasedStateMachine):
    """The directory beside a dict from normal names to (name, attributes)."""

    bench: Bench
    folder: tempfile.TemporaryDirectory[str]
    path: Path

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.db"
        self.bench = generic(self.path)
        self.opened = 1
        self.model: dict[str, tuple[DN, Attributes]] = {
            SUFFIX.normal: (SUFFIX, {"objectclass": ["top", "domain"], "dc": ["example"]})
        }
        self.kept: list[tuple[Store, dict[str, tuple[DN, Attributes]]]] = []

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            self.bench.agent.shutdown()
            self.folder.cleanup()

    def some(self, data: st.DataObject) -> DN:
        return self.model[data.draw(st.sampled_from(sorted(self.model)))][0]

    def below(self, dn: DN) -> list[str]:
        return [key for key in self.model if key.endswith("," + dn.normal)]

    @rule(data=st.data(), name=NAMES, values=st.lists(VALUES, max_size=2), mail=ASCII)
    def add(self, data: st.DataObject, name: str, values: list[str], mail: str) -> None:
        dn = self.some(data).child("cn", name)
        attributes: Attributes = {"objectclass": ["inetOrgPerson"], "cn": [name], "sn": ["s"]}
        attributes["mail"] = [mail]
        unique = list({fold(value): value for value in values}.values())
        if unique:
            attributes["description"] = unique
        octets = {k: tuple(v.encode() for v in vs) for k, vs in attributes.items()}
        code = self.bench.ask(m.AddRequest(Entry(dn, octets))).code
        if dn.normal in self.model:
            assert code is ResultCode.ENTRY_ALREADY_EXISTS
        else:
            assert code is ResultCode.SUCCESS
            self.model[dn.normal] = (dn, attributes)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        dn = self.some(data)
        code = self.bench.ask(m.DeleteRequest(dn)).code
        if self.below(dn):
            assert code is ResultCode.NOT_ALLOWED_ON_NON_LEAF
        else:
            assert code is ResultCode.SUCCESS
            del self.model[dn.normal]
            if dn == SUFFIX:
                self.bench.add(SUFFIX, objectClass=("top", "domain"), dc="example")
                fresh: Attributes = {"objectclass": ["top", "domain"], "dc": ["example"]}
                self.model[SUFFIX.normal] = (SUFFIX, fresh)

    @rule(
        data=st.data(), name=ATTRIBUTES, values=st.lists(VALUES, max_size=2),
        operation=st.sampled_from(list(ModifyOperation)[:3]),
    )  # fmt: skip
    def modify(
        self, data: st.DataObject, name: str, values: list[str], operation: ModifyOperation
    ) -> None:
        dn = self.some(data)
        if dn == SUFFIX:
            return
        attributes = self.model[dn.normal][1]
        have = attributes.get(name.lower(), [])
        folded = {fold(value) for value in have}
        wanted = [fold(value) for value in values]
        octets = tuple(value.encode() for value in values)
        change = Modification(operation, name, octets)
        code = self.bench.ask(m.ModifyRequest(dn, (change,))).code
        expected = ResultCode.SUCCESS
        after = have
        match operation:
            case ModifyOperation.ADD:
                if not values:
                    expected = ResultCode.INVALID_ATTRIBUTE_SYNTAX
                elif len(set(wanted)) < len(wanted) or folded & set(wanted):
                    expected = ResultCode.ATTRIBUTE_OR_VALUE_EXISTS
                else:
                    after = have + values
            case ModifyOperation.DELETE:
                if not have or not set(wanted) <= folded:
                    expected = ResultCode.NO_SUCH_ATTRIBUTE
                else:
                    after = [v for v in have if values and fold(v) not in wanted]
            case ModifyOperation.REPLACE:
                if len(set(wanted)) < len(wanted):
                    expected = ResultCode.ATTRIBUTE_OR_VALUE_EXISTS
                else:
                    after = values
        assert code is expected, (operation, name, values, have)
        if expected is ResultCode.SUCCESS:
            attributes.pop(name.lower(), None)
            if after:
                attributes[name.lower()] = after

    @rule(data=st.data(), name=NAMES, keep=st.booleans(), move=st.booleans())
    def rename(self, data: st.DataObject, name: str, keep: bool, move: bool) -> None:
        dn = self.some(data)
        above = self.some(data) if move else dn.parent
        if dn == SUFFIX:
            return
        rdn = DN.of(("cn", name))
        request = m.ModifyDnRequest(dn, rdn, not keep, above if move else None)
        code = self.bench.ask(request).code
        target = DN((Rdn(rdn.rdn.avas), *above.rdns))
        if above == dn or above.is_under(dn):
            assert code is ResultCode.UNWILLING_TO_PERFORM
            return
        if target.normal in self.model and target != dn:
            assert code is ResultCode.ENTRY_ALREADY_EXISTS
            return
        assert code is ResultCode.SUCCESS, (dn, target)
        moved = [dn.normal, *self.below(dn)]
        taken = {key: self.model.pop(key) for key in moved}
        for old, attributes in taken.values():
            new = old.moved(dn, target)
            self.model[new.normal] = (new, attributes)
        own = self.model[target.normal][1]
        kept = own["cn"] if keep else [v for v in own["cn"] if fold(v) != fold(dn.rdn.value)]
        known = {fold(value) for value in kept}
        own["cn"] = kept + ([] if fold(name) in known else [name])

    @rule(data=st.data(), wanted=FILTERS, scope=st.sampled_from(list(m.Scope)))
    def search(self, data: st.DataObject, wanted: f.Filter, scope: m.Scope) -> None:
        base = self.some(data)
        answer = self.bench.ask(m.SearchRequest(base, scope, wanted))
        assert answer.code is ResultCode.SUCCESS
        expected = {
            key
            for key, (dn, attributes) in self.model.items()
            if evaluate(attributes, wanted) is True
            and (
                (scope is m.Scope.BASE and dn == base)
                or (scope is m.Scope.ONE and dn.parent == base and dn != SUFFIX)
                or (scope is m.Scope.SUBTREE and dn.is_within(base))
                or (scope is m.Scope.CHILDREN and dn.is_under(base))
            )
        }
        assert {entry.dn.normal for entry in answer.entries} == expected
        assert len(answer.entries) == len(expected)
        for entry in answer.entries:
            own = self.model[entry.dn.normal][1]
            shown = {
                k.lower(): {fold(v.decode()) for v in vs} for k, vs in entry.attributes.items()
            }
            assert shown == {k: {fold(v) for v in vs} for k, vs in own.items()}

    @rule()
    def reopen(self) -> None:
        self.bench.agent.shutdown()
        self.opened += 1
        self.bench = generic(self.path, seed=self.opened)
        self.kept = []

    @rule()
    def snapshot(self) -> None:
        frozen = {k: (dn, {n: list(v) for n, v in a.items()}) for k, (dn, a) in self.model.items()}
        self.kept.append((self.bench.agent.snapshot(), frozen))

    @precondition(lambda self: self.kept)
    @rule()
    def restore(self) -> None:
        kept, frozen = self.kept[-1]
        self.bench.agent.restore(kept)
        self.model = {k: (d, {n: list(v) for n, v in a.items()}) for k, (d, a) in frozen.items()}

    @invariant()
    def nothing_disagrees(self) -> None:
        if hasattr(self, "bench"):
            assert self.bench.agent.store.verify() == []
            assert self.bench.agent.store.count == len(self.model)


def test_the_store_behaves_like_a_dict() -> None:
    run_state_machine_as_test(
        StoreLikeADict, settings=settings(max_examples=150, stateful_step_count=40)
    )
