"""The harness keeps its promises: a missing tool is skipped at home and fails in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.peers import ROOT


def outcome(tmp_path: Path, body: str, *, ci: bool) -> str:
    """The closing line of a pytest run of one planted test file."""
    planted = tmp_path / "test_planted.py"
    planted.write_text(f"import pytest\nfrom tests.support.peers import *\n{body}\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "true" if ci else ""}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider",
         "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), str(planted)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    return result.stdout.strip().splitlines()[-1]


MISSING_TOOL = "def test_it(): TOOLS['edgesync-no-such-tool'] = 'x'; require_tool('{}')".format(
    "edgesync-no-such-tool"
)


@pytest.mark.parametrize(
    ("body", "at_home", "in_ci"),
    [
        (MISSING_TOOL, "1 skipped", "1 failed"),
        ("def test_it(): pytest.skip('no wheel for this')", "1 skipped", "1 failed"),
        ("pytest.importorskip('edgesync_no_such_module')", "1 skipped", "1 error"),
        ("def test_it(): require_data('no-such-data')", "1 skipped", "1 skipped"),
        ("def test_it(): pytest.skip('by design: only on Tuesdays')", "1 skipped", "1 skipped"),
        ("@pytest.mark.xfail\ndef test_it(): assert False", "1 xfailed", "1 xfailed"),
    ],
)
def test_only_data_and_design_are_reasons_to_skip_in_ci(
    tmp_path: Path, body: str, at_home: str, in_ci: str
) -> None:
    assert at_home in outcome(tmp_path, body, ci=False)
    assert in_ci in outcome(tmp_path, body, ci=True)


def test_a_tool_nobody_installs_cannot_be_required() -> None:
    with pytest.raises(KeyError):
        peers.require_tool("edgesync-no-such-tool")


def test_missing_packages_are_named_once_for_the_installer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "find_tool", lambda name: None if name == "swaks" else "/usr/bin/x")
    named = peers.missing_packages()
    assert named[:2] == ["swaks", "libnet-ssleay-perl"]
    assert len(named) == len(set(named))
