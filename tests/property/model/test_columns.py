"""Values cut out of a whole column are those that reading each wire form gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.model import ber
from directory.model.columns import LAYOUTS_MAX, VALUES_MAX, all_values, single_values, wire_forms
from directory.model.encoded import attribute_values

NAME = b"proxyAddresses"
TEXTS = st.sampled_from(
    [b"a", b"b", b"\x04\x01", b"x" * 44, b"y" * 44, b"z" * 130, b"", b"w" * 300]
)
SETS = st.lists(TEXTS, min_size=1, max_size=4).map(tuple)
ALIKE = st.integers(1, VALUES_MAX + 2).flatmap(
    lambda count: st.lists(
        st.lists(st.binary(min_size=3, max_size=3), min_size=count, max_size=count).map(tuple),
        min_size=1, max_size=6,
    )
)  # fmt: skip
COLUMNS = st.one_of(st.lists(SETS, min_size=1, max_size=2 * LAYOUTS_MAX), ALIKE)


def forms(column: list[tuple[bytes, ...]]) -> list[bytes]:
    return [ber.attribute(NAME, values) for values in column]


@given(COLUMNS)
def test_every_value_is_found_with_the_entry_that_has_it(column: list[tuple[bytes, ...]]) -> None:
    values, whose = all_values(forms(column))
    found = sorted(zip(whose, values, strict=True))
    assert found == sorted((place, v) for place, many in enumerate(column) for v in many)


@given(st.one_of(COLUMNS, st.lists(st.just(()), max_size=2)))
def test_a_column_is_written_as_each_attribute_is(column: list[tuple[bytes, ...]]) -> None:
    assert wire_forms(NAME, column) == forms(column)


@given(COLUMNS)
def test_single_short_values_are_told_from_all_others(column: list[tuple[bytes, ...]]) -> None:
    plain = [
        form[-len(v[0]) :] if v[0] else b"" for form, v in zip(forms(column), column, strict=True)
    ]
    are_single = all(
        len(v) == 1 and len(form) < 0x82 for form, v in zip(forms(column), column, strict=True)
    )
    assert single_values(forms(column), len(NAME)) == (plain if are_single else None)


@given(COLUMNS, st.data())
def test_an_attribute_without_values_is_refused(
    column: list[tuple[bytes, ...]], data: st.DataObject
) -> None:
    blobs = forms(column)
    blobs.insert(data.draw(st.integers(0, len(blobs))), ber.attribute(NAME, ()))
    with pytest.raises(ValueError, match="does not keep"):
        all_values(blobs)
    assert single_values(blobs, len(NAME)) is None


def test_a_length_that_could_be_shorter_is_refused() -> None:
    short = ber.attribute(NAME, (b"a",))
    long = bytes((short[0], 0x81, short[1])) + short[2:]
    assert attribute_values(long) == (b"a",)
    for blobs in ([long], [long, long], [short, long]):
        with pytest.raises(ValueError, match="does not keep"):
            all_values(blobs)
