"""An index that is made in steps knows what was written between any two of them."""

from __future__ import annotations

import pytest

from directory.store import index
from tests.support.directories import SUFFIX, Bench, generic


def add(made: Bench, *numbers: int) -> None:
    for number in numbers:
        made.add(SUFFIX.child("cn", f"n{number}"), objectClass="inetOrgPerson", sn=f"s{number}")


@pytest.mark.parametrize("slice_entries", [1, 2, 3, 4, 1024])
def test_entries_that_come_between_two_steps_are_in_it(
    monkeypatch: pytest.MonkeyPatch, slice_entries: int
) -> None:
    monkeypatch.setattr(index, "SLICE_ENTRIES", slice_entries)
    made = generic()
    add(made, 1, 2)
    store = made.agent.store
    number = 2
    for _ in store.indexes.make("sn"):
        if number < 9:
            number += 1
            add(made, number)
    add(made, 10)
    assert store.verify() == []
    assert made.search(SUFFIX, f"(sn=s{number})").names == [f"cn=n{number},{SUFFIX}"]
