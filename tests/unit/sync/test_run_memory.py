"""A first run of many leaves their entries to nobody's garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from directory.store import bulk
from tests.support.forest import small_forest


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.parametrize(("large", "is_set_aside"), [(3, True), (1_000, False)])
def test_a_first_run_of_many_is_set_aside(
    monkeypatch: pytest.MonkeyPatch, large: int, is_set_aside: bool
) -> None:
    monkeypatch.setattr(bulk, "LARGE", large)
    forest = small_forest(5)
    forest.subscribe("EDGE01")
    gc.unfreeze()
    forest.sync()

    assert (gc.get_freeze_count() > 0) is is_set_aside
    assert gc.isenabled()
