"""A small corpus goes where the large one went, and campaigns add up."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.fuzzing import corpus, record
from scripts.fuzzing.minimise import covering, edges, minimise
from scripts.fuzzing.targets import find_target

RUN = record.Run("dn", 100, 2.5, 40, 7, 50, 0, 1, "abc", "2026-11-01")


def test_inputs_that_go_nowhere_new_are_left_out() -> None:
    target = find_target("dn")
    inputs = [b"a=b", b"c=d", b"a=b,c=d", b"a=#4142", b"e=f,g=h", b"a=#zz"]
    for data in inputs:  # a name that was read before is read another way
        edges(target, data)
    chosen = covering(target, inputs, set())
    assert chosen == [b"a=b", b"a=#zz", b"a=#4142", b"a=b,c=d"]
    reached = set().union(*(edges(target, data) for data in chosen))
    assert all(edges(target, data) <= reached for data in inputs)


def test_a_small_corpus_replaces_the_one_kept_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = find_target("filter")
    monkeypatch.setattr(corpus, "WORKING", tmp_path / "work")
    for module in ("corpus", "minimise"):
        monkeypatch.setattr(f"scripts.fuzzing.{module}.KEPT", tmp_path / "kept")
    corpus.keep(tmp_path / "kept" / "filter", b"(a=\\zz)")
    corpus.keep(corpus.working_folder(target), b"(a=\\41)")
    chosen = minimise(target)
    assert b"(a=\\zz)" in chosen
    assert corpus.kept_inputs(target) == chosen
    assert not set(chosen) & set(target.seeds())


def test_slices_of_a_campaign_add_up_and_go_on_from_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "WORKING", tmp_path / "work")
    monkeypatch.setattr(record, "RECORD", tmp_path / "kept.json")
    record.write_record([RUN], record.RECORD)
    later = record.Run("dn", 50, 1.5, 30, 9, 80, 2, 0, "def", "2026-11-02")
    record.append(later)
    assert record.read_record(record.RECORD) == {"dn": RUN}
    joined = record.Run("dn", 150, 4.0, 40, 9, 80, 2, 1, "def", "2026-11-02")
    assert record.current() == {"dn": joined}
