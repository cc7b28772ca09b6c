"""docs/fidelity.md: each section of the reference sheets, what proves it, what nobody knows."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import Field, fields
from datetime import timedelta
from functools import cache
from itertools import groupby
from pathlib import Path

from edgesync import config
from scripts.generators.document import ROOT, document
from tests.support.facts import FactMark, fact_marks, known_sections

NOT_TESTABLE = {
    "certificate-facts": {"9", "10", "11", "12"},
    "edgesync-facts": {"0", "10", "12", "13"},
}
"""Sections that state no behaviour: how to read the sheet, what administrators say, open questions
(their answers are the settings), sources."""


@document("fidelity.md")
def fidelity() -> str:
    """The whole document."""
    marks: dict[str, list[FactMark]] = defaultdict(list)
    for mark in fact_marks():
        marks[mark.fact].append(mark)
    settings = {item.metadata["fact"] for item in fields(config.Policy)}
    testable = [fact for fact in _facts() if _is_testable(fact)]
    proven = [fact for fact in testable if fact in marks]
    missing = [fact for fact in testable if fact not in marks]
    return "\n".join(
        [
            "# Fidelity",
            "",
            "What of Exchange's published behaviour is proven by a test, what is a setting",
            "because nobody knows, and what is not covered yet. The sections are those of the",
            "two reference sheets behind this project: `certificate-facts`, `edgesync-facts`.",
            "",
            f"**{len(proven)} of {len(testable)} sections** that state behaviour have a test;",
            f"{sum(map(len, marks.values()))} marks on tests;",
            f"{len(fields(config.Policy))} settings in {len(settings)} sections.",
            "",
            "## Settings, because the sources are silent or conflict",
            "",
            *_settings(),
            "",
            "## Sections and their tests",
            "",
            *_sections(marks, settings),
            "## Not covered yet",
            "",
            *([f"- {fact}: {_title(fact)}" for fact in missing] or ["Nothing."]),
        ]
    )


def _facts() -> Iterator[str]:
    for sheet, sections in known_sections().items():
        for number in sections:
            yield f"{sheet} {number}"


def _title(fact: str) -> str:
    sheet, _, number = fact.partition(" ")
    return known_sections()[sheet][number]


def _is_testable(fact: str) -> bool:
    """Whether a section states behaviour itself, and is not only the heading over others."""
    sheet, _, number = fact.partition(" ")
    is_heading = f"{number}.1" in known_sections()[sheet] and "." not in number
    return number not in NOT_TESTABLE.get(sheet, set()) and not is_heading


def _settings() -> Iterator[str]:
    yield "| setting | default | other choices | section | what it decides |"
    yield "|---|---|---|---|---|"
    for item in fields(config.Policy):
        words = [word for word in item.metadata.get("words", ()) if word != item.default]
        choices = ", ".join(f"`{word}`" for word in words) or "any time span"
        meaning = _policy_docstrings().get(item.name, "")
        yield (
            f"| `{item.name}` | `{_default(item)}` | {choices} "
            f"| {item.metadata['fact']} | {meaning} |"
        )


def _default(item: Field[object]) -> str:
    if isinstance(item.default, timedelta):
        return f"{item.default.total_seconds() / 86400:g} d"
    return str(item.default)


@cache
def _policy_docstrings() -> dict[str, str]:
    """Field name to the string literal below it, on one line."""
    tree = ast.parse(Path(config.__file__).read_text(encoding="utf-8"))
    policy = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Policy")
    found = {}
    for field, text in zip(policy.body, policy.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            found[field.target.id] = " ".join(str(text.value.value).split()).replace("``", "`")
    return found


def _sections(marks: dict[str, list[FactMark]], settings: set[str]) -> Iterator[str]:
    for sheet, numbers in known_sections().items():
        yield f"### {sheet}"
        yield ""
        for number, title in numbers.items():
            fact = f"{sheet} {number}"
            if fact not in marks and fact not in settings:
                continue
            yield f"**{number} {title}**"
            yield ""
            for path, tests in groupby(marks[fact], key=lambda mark: mark.path):
                sentences = "; ".join(dict.fromkeys(mark.test for mark in tests))
                yield f"- `{path.relative_to(ROOT)}`: {sentences}"
            for item in fields(config.Policy):
                if item.metadata["fact"] == fact:
                    yield f"- setting `{item.name}`"
            yield ""
