"""Fidelity is counted: marks name sections that exist, generated documents are current."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from edgesync import config
from scripts.generators.document import stale_documents
from tests.support.facts import FactMark, fact_marks, is_known
from tests.support.peers import ROOT


def test_every_fact_mark_names_a_section_of_a_sheet() -> None:
    unknown = [f"{m.path.relative_to(ROOT)}:{m.line} {m.fact}" for m in fact_marks()]
    unknown = [where for where in unknown if not is_known(where.split(" ", 1)[1])]
    assert unknown == []


def test_every_setting_names_a_section_of_a_sheet() -> None:
    facts = {item.name: str(item.metadata.get("fact")) for item in fields(config.Policy)}
    assert {name: fact for name, fact in facts.items() if not is_known(fact)} == {}


def test_generated_documents_are_current() -> None:
    stale = {str(path.relative_to(ROOT)): difference for path, difference in stale_documents()}
    assert stale == {}, "run scripts/docs and commit the result"


@pytest.mark.parametrize(
    ("fact", "known"),
    [
        ("certificate-facts 4.4", True),
        ("edgesync-facts 8.3", True),
        ("certificate-facts 4.44", False),
        ("rumours 1", False),
        ("certificate-facts", False),
    ],
)
def test_a_fact_is_known_by_sheet_and_section(fact: str, known: bool) -> None:
    assert is_known(fact) is known


def test_marks_are_found_on_functions_classes_modules_and_parameters(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(
        "import pytest\n"
        "pytestmark = [pytest.mark.fact('certificate-facts 1')]\n"
        "@pytest.mark.fact('certificate-facts 2.1', 'certificate-facts 2.2')\n"
        "class TestThings: pass\n"
        "@pytest.mark.parametrize('x', [pytest.param(2, marks=pytest.mark.fact('edgesync-facts 2'))"
        "])\n"
        "def test_one_thing(x): pass\n"
    )
    found = {(mark.fact, mark.test) for mark in fact_marks(tmp_path)}
    assert found == {
        ("certificate-facts 1", "planted"),
        ("certificate-facts 2.1", "Things"),
        ("certificate-facts 2.2", "Things"),
        ("edgesync-facts 2", "one thing"),
    }
    assert all(isinstance(mark, FactMark) for mark in fact_marks(tmp_path))
