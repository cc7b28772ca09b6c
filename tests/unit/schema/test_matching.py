"""Values match as RFC 4517 and 4518 say; what cannot be an assertion is no key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.schema.matching import RULES, parse_time
from directory.schema.preparation import prepare
from directory.schema.syntaxes import SYNTAXES

SAME = [
    ("caseIgnoreMatch", "Grüße  aus\tKöln ", "GRÜSSE AUS KÖLN"),
    ("caseIgnoreMatch", "ﬁne", "FINE"),
    ("caseIgnoreMatch", "soft\u00adhyphen", "softhyphen"),
    ("caseExactMatch", "Two  words", " Two words "),
    ("numericStringMatch", "12 34", "1234"),
    ("telephoneNumberMatch", "+1 555-0100", "+15550100"),
    ("distinguishedNameMatch", "CN=A,DC=x", "cn=a, dc=X"),
    ("distinguishedNameMatch", "2.5.4.3=a", "cn=a"),
    ("booleanMatch", "true", "TRUE"),
    ("generalizedTimeMatch", "202601050900Z", "20260105090000.0Z"),
    ("generalizedTimeMatch", "20260105100000+0100", "20260105090000Z"),
    ("objectIdentifierMatch", "InetOrgPerson", "inetorgperson"),
    ("caseIgnoreListMatch", "Main  St$Town", "main st$TOWN"),
    ("uuidMatch", "6F1C5A0E-0000-4000-8000-000000000001", "6f1c5a0e-0000-4000-8000-000000000001"),
]
DIFFERENT = [
    ("caseExactMatch", "a", "A"),
    ("caseIgnoreMatch", "ab", "a b"),
    ("integerMatch", "1", "10"),
    ("octetStringMatch", "a", "A"),
    ("bitStringMatch", "'01'B", "'1'B"),
]
UNDEFINED = [
    ("integerMatch", b"1.5"),
    ("integerMatch", b"007"),
    ("booleanMatch", b"yes"),
    ("distinguishedNameMatch", b"no name"),
    ("generalizedTimeMatch", b"yesterday"),
    ("caseIgnoreMatch", b"\xff"),
    ("caseIgnoreMatch", "\ue000".encode()),
    ("bitStringMatch", b"101"),
]


@pytest.mark.parametrize(("rule", "one", "other"), SAME)
def test_these_are_the_same(rule: str, one: str, other: str) -> None:
    key = RULES[rule.lower()].key
    assert key(one.encode()) == key(other.encode())


@pytest.mark.parametrize(("rule", "one", "other"), DIFFERENT)
def test_these_are_not(rule: str, one: str, other: str) -> None:
    key = RULES[rule.lower()].key
    assert key(one.encode()) != key(other.encode())


@pytest.mark.parametrize(("rule", "value"), UNDEFINED)
def test_an_assertion_that_fits_no_syntax_has_no_key(rule: str, value: bytes) -> None:
    with pytest.raises(ValueError):
        RULES[rule.lower()].key(value)


def test_integers_are_ordered_as_numbers() -> None:
    key = RULES["integerorderingmatch"].key
    assert sorted(map(int, (key(b"10"), key(b"9")))) == [key(b"9"), key(b"10")]


@given(st.text(st.characters(exclude_categories=("Cs", "Co", "Cn"))))
def test_preparing_twice_changes_nothing(text: str) -> None:
    try:
        once = prepare(text.encode(), fold=True)
    except ValueError:
        return
    assert prepare(once, fold=True) == once


@given(st.binary(max_size=40))
def test_a_rule_gives_a_key_or_a_value_error(value: bytes) -> None:
    for rule in set(RULES.values()):
        try:
            rule.key(value)
        except ValueError:
            continue


@given(st.binary(max_size=40))
def test_a_syntax_accepts_or_raises_a_value_error(value: bytes) -> None:
    for syntax in SYNTAXES.values():
        try:
            syntax.check(value)
        except ValueError:
            continue


def test_a_leap_second_is_read() -> None:
    assert parse_time(b"20161231235960Z").second == 59
