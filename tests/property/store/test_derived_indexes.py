"""What is derived from an index in steps agrees with the index, whatever is written in between."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.model import filter as f
from directory.model import messages as m
from directory.model.modification import replace
from directory.schema.profiles import schema_profile
from directory.store import attribute_index, index, ordered, trigrams
from directory.store.attribute_index import AttributeIndex
from directory.store.ordered import OrderedKeys
from directory.store.prepare import prepare
from directory.store.trigrams import Trigrams
from tests.support.directories import SUFFIX, Bench, generic

MANY = 1_000_000
WORDS = st.text("abc", max_size=6).map(str.encode)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few keys fill several blocks, and building takes several steps."""
    for module, name, value in (
        (ordered, "BLOCK_KEYS", 3), (ordered, "RUN_KEYS", 4), (ordered, "FEW", 2),
        (trigrams, "SLICE_KEYS", 3), (trigrams, "ASIDE_MAX", 2), (index, "SLICE_ENTRIES", 2),
        (attribute_index, "GONE_MIN", 8), (attribute_index, "LATE_MAX", 5),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


def mail_index() -> AttributeIndex:
    attribute = schema_profile("generic").schema.attribute("mail")
    assert attribute is not None
    return AttributeIndex(attribute)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), WORDS, st.integers(1, 5)),
        st.tuples(st.just("remove"), WORDS, st.integers(1, 5)),
        st.tuples(st.sampled_from(["order", "groups"]), st.just(b""), st.just(0)),
    ),
    max_size=60,
)


@given(st.lists(WORDS, max_size=40), STEPS, WORDS, WORDS)
def test_order_and_groups_know_the_keys_that_are_there(
    first: list[bytes], steps: list[tuple[str, bytes, int]], low: bytes, high: bytes
) -> None:
    built = mail_index()
    for number, word in enumerate(first):
        built.add(word, number % 5 + 1)
    building: dict[str, Iterator[None]] = {}
    for kind, word, id_ in steps:
        if kind == "add":
            built.add(word, id_)
        elif kind == "remove":
            built.remove(word, id_)
        else:
            make = built.build_order if kind == "order" else built.build_groups
            next(building.setdefault(kind, make()), None)
    for _ in built.build_groups():
        pass
    keys = sorted(key for key in (*built.unique, *built.shared) if isinstance(key, bytes))

    assert list(built.ordered()) == keys
    for question, wanted in (
        (built.between(low, high, MANY), [k for k in keys if low <= k <= high]),
        (built.between(low, None, MANY), [k for k in keys if low <= k]),
        (built.starting_with(low, MANY), [k for k in keys if k.startswith(low)]),
    ):
        assert question == sorted({id_ for key in wanted for id_ in built.ids(key)})
    if len(low) >= trigrams.LENGTH:
        wanted = [key for key in keys if low in key]
        assert built.containing(low, MANY) == sorted(
            {id_ for key in wanted for id_ in built.ids(key)}
        )
    begin = len([key for key in keys if key.startswith(low)])
    assert built.ordered().starting_with(low, begin) is not None
    assert not begin or built.ordered().starting_with(low, begin - 1) is None
    above = len([key for key in keys if key >= low])
    assert not above or built.between(low, None, above - 1) is None


@given(st.lists(st.integers(-9, 99), unique=True, max_size=50), st.randoms(use_true_random=False))
def test_numbers_are_in_the_order_of_numbers(numbers: list[int], chance: random.Random) -> None:
    made = OrderedKeys()
    for number in numbers:
        made.add(number)
        made.add(number)
    gone = chance.sample(numbers, len(numbers) // 2)
    for number in gone:
        made.remove(number)
        made.remove(number)

    assert list(made) == sorted(set(numbers) - set(gone))


@given(st.lists(st.text("ab ", max_size=9).map(str.encode)), st.text("ab ", min_size=3, max_size=5))
def test_every_key_with_a_piece_is_found(keys: list[bytes], text: str) -> None:
    groups = Trigrams()
    for _ in groups.build(keys):
        pass
    piece = text.encode()

    assert set(groups.containing(piece)) == {key for key in keys if piece in key}


VALUES = st.lists(st.sampled_from([b"a", b"A", b" a", b"b", b"c@x", b"\xff"]), max_size=3)


@given(st.lists(st.tuples(st.integers(1, 3), VALUES), max_size=20))
def test_an_entry_that_changes_is_found_by_the_values_it_has(
    changes: list[tuple[int, list[bytes]]],
) -> None:
    kept, has = mail_index(), dict[int, list[bytes]]()
    for id_, values in changes:
        kept.change(has.get(id_, []), values, id_)
        has[id_] = values
    made = mail_index()
    for id_, values in has.items():
        made.change([], values, id_)

    for key in {*kept.unique, *kept.shared, *made.unique, *made.shared}:
        assert list(kept.ids(key)) == list(made.ids(key))
        assert list(made.ids(key)) == sorted(
            id_ for id_, values in has.items() if key in made.keys_of(values)
        )


def test_a_search_takes_in_what_writes_put_aside_when_that_is_much() -> None:
    built = mail_index()
    for _ in built.build_groups():
        pass
    for number in range(9):
        built.add(b"abc%d" % number, number)
    assert not built.has_groups
    steps = len(list(built.build_groups()))

    assert (steps, built.has_groups) == (3, True)
    assert built.containing(b"abc", MANY) == list(range(9))


def populated() -> Bench:
    made = generic()
    for number in range(9):
        made.add(SUFFIX.child("cn", f"n{number}"), objectClass="inetOrgPerson", sn=f"S {number}")
    return made


FILTERS = st.sampled_from([
    f.Equality("givenName", b"g1"), f.GreaterOrEqual("sn", b"s 4"), f.starting_with("sn", b"s "),
    f.containing("sn", b"s 3"), f.Present("title"),
    f.And((f.Equality("cn", b"n1"), f.starting_with("sn", b"s"))),
    f.Or((f.Equality("title", b"t1"), f.And((f.Present("cn"), f.ending_with("sn", b"s 5"))))),
    f.Not(f.Equality("displayName", b"x")),
])  # fmt: skip
NAMES = st.integers(0, 12).map(lambda number: SUFFIX.child("cn", f"n{number}"))
WRITES = st.one_of(
    st.builds(
        lambda dn, name, value: m.ModifyRequest(dn, (replace(name, value),)),
        NAMES, st.sampled_from(["sn", "givenName", "title"]),
        st.sampled_from([b"g1", b"t1", b"s 3", b"s 4", b"s 5"]),
    ),
    st.builds(m.DeleteRequest, NAMES),
    st.builds(lambda dn: dn, NAMES),
)  # fmt: skip


@given(
    st.lists(st.tuples(FILTERS, st.booleans()), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), WRITES), max_size=12),
)
def test_an_index_made_in_steps_agrees_with_what_was_written_meanwhile(
    wanted: list[tuple[f.Filter, bool]], writes: list[tuple[int, object]]
) -> None:
    made = populated()
    store = made.agent.store
    running = [prepare(store, item) for item, _ in wanted]
    for steps, change in writes:
        for building in running:
            for _ in range(steps):
                next(building, None)
        if isinstance(change, m.ModifyRequest | m.DeleteRequest):
            made.ask(change)
        elif store.find(change) is None:  # type: ignore[arg-type]  # the third kind is a name
            made.add(change, objectClass="inetOrgPerson", sn="s 4")  # type: ignore[arg-type]  # as above
    for building, (_, is_finished) in zip(running, wanted, strict=True):
        if is_finished:
            for _ in building:
                pass

    assert store.verify() == []
