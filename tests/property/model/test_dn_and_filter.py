import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.errors import InvalidDN, InvalidFilter
from directory.model.dn import DN, ROOT, Ava, Rdn
from directory.model.filter import (
    And,
    Approx,
    Equality,
    Extensible,
    Filter,
    GreaterOrEqual,
    LessOrEqual,
    Not,
    Or,
    Present,
    Substrings,
    format_filter,
    parse_filter,
)

names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
avas = st.builds(Ava, names, text | st.binary(min_size=1, max_size=6))
rdns = st.builds(lambda items: Rdn(tuple(items)), st.lists(avas, min_size=1, max_size=3))
dns = st.builds(lambda items: DN(tuple(items)), st.lists(rdns, max_size=5))


@given(dns)
def test_a_name_read_back_from_its_text_is_the_same_name(dn: DN) -> None:
    assert DN.parse(str(dn)) == dn


@given(dns)
def test_normalising_is_idempotent_and_ignores_case(dn: DN) -> None:
    again = DN.parse(dn.normal)

    assert again.normal == dn.normal


@given(dns)
def test_what_a_parsed_name_has_at_hand_is_what_the_properties_work_out(dn: DN) -> None:
    parsed = DN.parse(str(dn))
    plain = DN(parsed.rdns)

    assert parsed.normal == plain.normal
    assert parsed.parent == plain.parent
    if plain.rdns:
        assert (parsed.rdn_normal, parsed.rdn_text) == (plain.rdn_normal, plain.rdn_text)


SIMPLE_NAMES = st.from_regex(r"(cn|OU|oid|2\.5\.4\.3)=[A-Za-z0-9. @'_-]{1,6}", fullmatch=True)


@given(st.lists(SIMPLE_NAMES, min_size=1, max_size=3).map(",".join))
def test_a_simple_name_reads_as_a_careful_reader_would(text: str) -> None:
    parsed = DN.parse(text)
    careful = DN.parse(" " + text.replace("=", " = "))  # not simple: read character by character

    assert parsed.rdns == careful.rdns
    assert (parsed.normal, str(parsed)) == (careful.normal, str(careful))


@given(dns, names, text)
def test_a_child_is_under_its_parent_and_nothing_else(dn: DN, kind: str, value: str) -> None:
    child = dn.child(kind, value)

    assert child.parent == dn
    assert child.is_under(dn) or dn == ROOT
    assert not dn.is_under(child)


@given(dns, st.lists(st.tuples(names, text), min_size=1, max_size=4))
def test_a_child_that_is_remembered_is_the_one_that_was_made(
    dn: DN, below: list[tuple[str, str]]
) -> None:
    for kind, value in (*below, *below):
        made = DN((Rdn((Ava(kind, value),)), *dn.rdns))
        child = dn.child(kind, value)
        assert (child.rdns, child.normal, str(child)) == (made.rdns, made.normal, str(made))
        assert child.parent == dn or dn.alternative


def test_only_so_many_children_are_remembered() -> None:
    top = DN.of(("dc", "x"))
    first = top.child("cn", "0")
    for number in range(1, 100):
        top.child("cn", str(number))
    assert top.child("cn", "0") is first
    assert top.child("cn", "99") is not top.child("cn", "99")


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_an_invalid_one(text: str) -> None:
    parsed, failed_at = None, 0
    try:
        parsed = DN.parse(text)
    except InvalidDN as error:
        failed_at = error.offset

    assert 0 <= failed_at <= len(text)
    assert parsed is None or DN.parse(str(parsed)) == parsed


values = st.binary(max_size=8)
pieces = st.binary(min_size=1, max_size=4)
items: st.SearchStrategy[Filter] = st.one_of(
    st.builds(Equality, names, values.filter(lambda v: True)),
    st.builds(GreaterOrEqual, names, values),
    st.builds(LessOrEqual, names, values),
    st.builds(Approx, names, values),
    st.builds(Present, names),
    st.builds(
        Substrings, names, pieces, st.lists(pieces, max_size=2).map(tuple), st.none() | pieces
    ),
    st.builds(Extensible, names, st.none() | names.filter(lambda n: n.lower() != "dn"), values,
              st.booleans()),
)  # fmt: skip
filters = st.recursive(
    items,
    lambda inner: st.one_of(
        st.builds(lambda f: And(tuple(f)), st.lists(inner, max_size=3)),
        st.builds(lambda f: Or(tuple(f)), st.lists(inner, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)


@given(filters)
def test_a_filter_read_back_from_its_text_is_the_same_filter(filter_: Filter) -> None:
    assert parse_filter(format_filter(filter_)) == filter_


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_an_invalid_one(text: str) -> None:
    parsed, failed_at = None, 0
    try:
        parsed = parse_filter(text)
    except InvalidFilter as error:
        failed_at = error.offset

    assert 0 <= failed_at <= len(text)
    assert parsed is None or parse_filter(format_filter(parsed)) == parsed


@pytest.mark.parametrize("depth", [129, 20_000])
def test_a_deep_filter_is_refused_before_it_can_exhaust_the_stack(depth: int) -> None:
    with pytest.raises(InvalidFilter, match="deeper"):
        parse_filter("(!" * depth + "(a=b)" + ")" * depth)


@pytest.mark.parametrize("text", ["(cn=*)", "(cn=**)", "(cn=****)"])
def test_stars_alone_ask_whether_there_is_a_value(text: str) -> None:
    assert parse_filter(text) == Present("cn")


@pytest.mark.parametrize("depth", [257, 2000])
def test_a_deep_name_is_refused_before_it_can_exhaust_the_stack(depth: int) -> None:
    with pytest.raises(InvalidDN, match="more than 256 RDNs"):
        DN.parse(",".join(["a=b"] * depth))


@given(st.integers(40, 255), rdns)
def test_names_read_in_a_loop_are_those_read_from_their_parents(depth: int, rdn: Rdn) -> None:
    wanted = DN((rdn,) + (Rdn((Ava("ou", "x"),)),) * (depth - 1))
    found = DN.parse(str(wanted))
    assert found == wanted
    assert found.normal == ",".join(part.normal for part in wanted.rdns)
    assert found.is_under(found.parent.parent)
    with pytest.raises(InvalidDN, match="expected an attribute type"):
        DN.parse(str(wanted) + ",<GUID=1>")
