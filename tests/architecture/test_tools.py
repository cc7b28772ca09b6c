"""The linters' verdicts, as tests: style, format, types, layers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.peers import ROOT

PACKAGES = ("directory", "edgesync")


def run(*command: str, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a tool of this environment in the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1"}
    return subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


@pytest.mark.parametrize("command", [("ruff", "check", "."), ("ruff", "format", "--check", ".")])
def test_ruff_finds_nothing(command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.timeout(600)
def test_mypy_strict_finds_nothing() -> None:
    result = run("mypy")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_layers_hold() -> None:
    result = run("lint-imports", "--no-cache")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("directory/errors.py", "import edgesync.errors", "directory knows nothing of edgesync"),
        ("directory/wire/tags.py", "import socket", "wire knows bytes and values only"),
        ("edgesync/trust/direct.py", "import edgesync.lab.lab", "edgesync is layered"),
        ("edgesync/subscription/file.py", "import edgesync.transport", "edgesync is layered"),
        ("edgesync/organization/servers.py", "import ldap3", "one door per library"),
    ],
)
def test_a_planted_import_breaks_its_contract(
    tmp_path: Path, module: str, planted: str, contract: str
) -> None:
    """The contracts are tested too: a checker that cannot fail proves nothing."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{planted}\n")
    result = run("lint-imports", "--no-cache", root=tmp_path)
    assert result.returncode == 1
    assert f"{contract} BROKEN" in result.stdout
