"""atheris finds its way into a parser, and what it finds is kept and recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.fuzzing import corpus, record
from scripts.fuzzing.campaign import fuzz
from scripts.fuzzing.targets import find_target
from tests.support.peers import MISSING_TOOL

pytest.importorskip("atheris", reason=f"{MISSING_TOOL}atheris")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign's folder of its own."""
    monkeypatch.setattr(corpus, "WORKING", tmp_path / "work")
    return tmp_path


def test_a_short_run_reaches_more_than_its_seeds(folder: Path) -> None:
    target = find_target("filter")
    own = folder / "own"
    corpus.keep(own, b"(a=b)")
    part = fuzz(target, executions=3000, seconds=60, corpus=own)
    assert part.crashes == ()
    assert part.run.executions == 3000
    assert part.run.corpus > 5
    assert part.run.coverage > 20
    before = record.current()["filter"].executions if record.current().get("filter") else 0
    record.append(part.run)
    record.append(part.run)
    assert record.running().is_relative_to(folder)
    assert record.current()["filter"].executions == before + 6000
