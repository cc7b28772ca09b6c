"""Which test proves which section of the reference sheets, read without running anything."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.peers import ROOT


@dataclass(frozen=True, slots=True)
class FactMark:
    """One ``@pytest.mark.fact`` found on a test, a class of tests or a whole module."""

    fact: str
    """Sheet and section, e.g. ``certificate-facts 4.4``."""
    path: Path
    line: int
    test: str
    """The test as a sentence; for a class or module, its name."""


@cache
def known_sections() -> dict[str, dict[str, str]]:
    """Sheet to section number to title (fixtures/facts.json, made by scripts/make_facts)."""
    text = (ROOT / "fixtures" / "facts.json").read_text(encoding="utf-8")
    sheets: dict[str, dict[str, str]] = json.loads(text)
    return sheets


def is_known(fact: str) -> bool:
    """Whether ``sheet section`` names a section that exists."""
    sheet, _, section = fact.partition(" ")
    return section in known_sections().get(sheet, {})


def fact_marks(folder: Path = ROOT / "tests") -> Iterator[FactMark]:
    """Every fact mark below a folder, in the order of files and lines."""
    for path in sorted(folder.rglob("test_*.py")):
        yield from _marks_of_module(path)


def _marks_of_module(path: Path) -> Iterator[FactMark]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                yield from _marks_below(decorator, path, _sentence(node.name))
        elif isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            yield from _marks_below(node.value, path, _sentence(path.stem))


def _marks_below(node: ast.AST, path: Path, test: str) -> Iterator[FactMark]:
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "fact"
        ):
            for argument in call.args:
                fact = argument.value if isinstance(argument, ast.Constant) else None
                yield FactMark(str(fact), path, call.lineno, test)


def _sentence(name: str) -> str:
    return name.removeprefix("test_").removeprefix("Test").replace("_", " ")
