"""Is it still the shape we agreed? Sizes, docstrings, open ends, executable bits."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.peers import ROOT

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
PACKAGES = ("directory", "edgesync")
FOLDERS = (*PACKAGES, "tests", "scripts")

OPEN_END = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
BARE_IGNORE = re.compile(r"type:\s*ignore(?!\[[a-z, -]+\]\s+#\s*\S)|noqa(?!:\s*[A-Z]+\d+)")
"""An ignored type error names its rule and, after a second ``#``, its reason; an ignored finding of
ruff names its rule."""


def python_files(*folders: str) -> list[Path]:
    """Every Python file we wrote below these folders, also those without a suffix in scripts/."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    if "scripts" in folders:
        found += [p for p in sorted((ROOT / "scripts").iterdir()) if _is_python_script(p)]
    return [path for path in found if "__pycache__" not in path.parts]


def _is_python_script(path: Path) -> bool:
    return (
        path.is_file()
        and not path.suffix
        and "python" in path.read_text("utf-8").partition("\n")[0]
    )


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _comments(path: Path) -> Iterator[tuple[int, str]]:
    text = io.StringIO(path.read_text(encoding="utf-8"))
    for token in tokenize.generate_tokens(text.readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_no_file_is_longer_than_a_person_can_hold() -> None:
    sizes = {_name(p): len(p.read_text("utf-8").splitlines()) for p in python_files(*FOLDERS)}
    assert {name: n for name, n in sizes.items() if n > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    too_long = {
        f"{_name(path)}:{node.lineno} {node.name}": lines
        for path in python_files(*FOLDERS)
        for node in _functions(path)
        if node.end_lineno and (lines := node.end_lineno - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert too_long == {}


def test_no_open_ends() -> None:
    found = [
        f"{_name(path)}:{line} {comment}"
        for path in python_files(*FOLDERS)
        for line, comment in _comments(path)
        if OPEN_END.search(comment)
    ]
    assert found == []


def test_every_ignored_finding_names_its_rule_and_its_reason() -> None:
    found = [
        f"{_name(path)}:{line} {comment}"
        for path in python_files(*FOLDERS)
        for line, comment in _comments(path)
        if BARE_IGNORE.search(comment)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("comment", "is_bare"),
    [
        ("# type: ignore", True),
        ("# type: ignore[no-untyped-call]", True),
        ("# type: ignore[no-untyped-call]  # ldap3 has no types here", False),
        ("# noqa", True),
        ("# noqa: S105", False),
    ],
)
def test_an_ignore_without_a_reason_is_recognised(comment: str, is_bare: bool) -> None:
    assert bool(BARE_IGNORE.search(comment)) is is_bare


def test_nothing_is_left_unimplemented() -> None:
    found = [
        f"{_name(path)}:{node.lineno}"
        for path in python_files(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and "NotImplementedError" in ast.dump(node)
    ]
    assert found == []


def test_every_package_says_what_it_is_for() -> None:
    silent = [
        _name(path)
        for path in python_files(*PACKAGES)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in python_files(*PACKAGES)}
    assert [_name(f) for f in sorted(folders) if not (f / "__init__.py").exists()] == []


def test_commands_are_executable_and_nothing_else_is() -> None:
    commands = [p for p in (ROOT / "scripts").iterdir() if p.is_file() and not p.suffix]
    commands = [path for path in commands if path.read_bytes().startswith(b"#!")]
    assert [_name(p) for p in [*commands, ROOT / ".ci" / "run"] if not os.access(p, os.X_OK)] == []
    modules = python_files(*PACKAGES, "tests")
    assert [_name(path) for path in modules if path.stat().st_mode & 0o111] == []


def test_shell_scripts_are_plain_sh() -> None:
    scripts = [p for p in (ROOT / "scripts").iterdir() if p.is_file() and not p.suffix]
    scripts = [p for p in scripts if not _is_python_script(p)] + [ROOT / ".ci" / "run"]
    assert len(scripts) > 5
    for script in scripts:
        checked = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, ""), script


def test_no_name_promises_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
    names = {path: {path.stem, *path.relative_to(ROOT).parts} for path in python_files(*FOLDERS)}
    assert [_name(path) for path, parts in names.items() if parts & vague] == []
