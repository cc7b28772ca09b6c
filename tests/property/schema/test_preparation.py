"""Many values are prepared as each is alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from directory.schema.matching import RULES
from directory.schema.preparation import prepare_all_folded, prepare_folded

WORDS = st.sampled_from([b"Anna", b"b", b" ", b"  ", b"\n", b"\t", b"\xc3\x89", b"\xff", b"@", b""])
VALUES = st.lists(st.lists(WORDS, max_size=4).map(b"".join), max_size=6)


def keys_or_none(values: list[bytes]) -> list[bytes] | None:
    try:
        return [prepare_folded(value) for value in values]
    except ValueError:
        return None


@given(VALUES)
def test_values_are_prepared_alike_together_and_alone(values: list[bytes]) -> None:
    for prepare_all in (prepare_all_folded, RULES["caseignorematch"].keys):
        try:
            together = list(prepare_all(values))
        except ValueError:
            together = None
        assert together == keys_or_none(values)
