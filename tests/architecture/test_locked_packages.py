"""What developers and CI install is named file by file, and is what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.peers import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKED = (ROOT / "scripts" / "locked-packages.txt").read_text("utf-8")
ASKED = (
    *PROJECT["project"]["dependencies"],
    *(line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines),
    *PROJECT["dependency-groups"]["test"],
    *PROJECT["build-system"]["requires"],
)


def locked_versions() -> dict[str, str]:
    rows = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==([^\s;]+)", LOCKED, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in rows}


@pytest.mark.parametrize("line", sorted(set(ASKED)))
def test_a_requirement_is_locked_at_a_version_it_admits(line: str) -> None:
    wanted = Requirement(line)
    version = locked_versions().get(canonicalize_name(wanted.name))
    assert version is not None, "run scripts/lock"
    assert wanted.specifier.contains(version, prereleases=True), "run scripts/lock"


def test_every_locked_package_has_its_hashes_and_no_address() -> None:
    blocks = re.split(r"\n(?=[\w.-]+(?:\[[^]]*\])?==)", LOCKED)[1:]
    assert len(blocks) == len(locked_versions())
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in LOCKED
    assert not re.search(r"^-", LOCKED, re.MULTILINE)
