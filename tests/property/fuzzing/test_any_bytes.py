"""Every fuzz target on what Hypothesis makes up, which also finds the smallest input that fails."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.fuzzing.target import execute
from scripts.fuzzing.targets import NAMES, find_target


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(data=st.data())
def test_any_bytes_are_taken_or_refused(name: str, data: st.DataObject) -> None:
    target = find_target(name)
    token = st.sampled_from((b"", *target.words, *target.seeds()))
    parts = data.draw(st.lists(token | st.binary(max_size=40), max_size=6))
    execute(target, b"".join(parts)[: target.size_max])
