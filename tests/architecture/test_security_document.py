"""docs/security.md promises nothing without a test, and no test that is not there."""

from __future__ import annotations

import re

from tests.support.peers import ROOT

DOCUMENT = (ROOT / "docs" / "security.md").read_text("utf-8")
CLAIMS = DOCUMENT.partition("## Somebody on this machine")[2].partition(
    "## Secrets in the process"
)[0]


def defined() -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(
            r"^\s*(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE
        )
    }


def test_every_test_the_document_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", DOCUMENT))
    assert len(named) > 40
    assert named - defined() == set()


def test_every_attack_names_a_test_that_shows_it_fails() -> None:
    attacks = re.split(r"\n\* ", CLAIMS)[1:]
    assert attacks
    assert [attack for attack in attacks if "`test_" not in attack] == []


def test_every_chapter_of_the_document_names_a_test() -> None:
    chapters = re.split(r"\n## ", CLAIMS)
    assert [chapter.split("\n")[0] for chapter in chapters if "`test_" not in chapter] == []
