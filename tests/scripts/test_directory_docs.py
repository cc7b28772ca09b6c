"""What docs/directory.md shows works as shown, and its limits are the code's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from directory import limits
from tests.support.peers import ROOT, require_tool

TEXT = (ROOT / "docs" / "directory.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(ROOT),
}


@pytest.mark.peers
def test_the_session_goes_as_it_is_written(tmp_path: Path) -> None:
    require_tool("ldapsearch")
    script = "set -e\n" + "".join(code for language, code in BLOCKS if language == "sh")
    result = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True,
        timeout=90, check=False,
    )  # fmt: skip
    [expected] = [code for language, code in BLOCKS if language == "text"]
    assert (result.returncode, result.stdout) == (0, expected), result.stderr


def test_the_program_runs_as_it_is_written() -> None:
    [program] = [code for language, code in BLOCKS if language == "python"]
    result = subprocess.run(
        [sys.executable, "-c", program], env=ENVIRONMENT, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert result.stdout == "ldap\n"


def test_the_limits_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([0-9.]+) \|", TEXT, re.MULTILINE)
    assert len(rows) > 10
    assert dict(rows) == {name: str(getattr(limits, name)) for name, _ in rows}


def test_every_option_is_in_the_table() -> None:
    from directory.__main__ import parser

    options = {text for action in parser()._actions for text in action.option_strings}
    options -= {"-h", "--help"}
    assert {
        option for option in options if f"{option} " not in TEXT and f"{option}`" not in TEXT
    } == set()
