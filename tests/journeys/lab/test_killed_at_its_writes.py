"""A sample of scripts/crash: killed at their writes, or refused them, commands leave labs whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.peers import BY_DESIGN, ROOT, require_tool

KILLS_TIMEOUT_S = 300


def campaign(tmp_path: Path, program: str, *options: str) -> dict[str, Any]:
    """Run a campaign; what it tallied."""
    require_tool("strace")
    told = tmp_path / "told.json"
    done = subprocess.run(
        [sys.executable, "-m", program, *options, "--json", str(told)],
        capture_output=True, text=True, cwd=ROOT, timeout=KILLS_TIMEOUT_S, check=False,
    )  # fmt: skip
    if "does not let processes be traced" in done.stderr:
        pytest.skip(f"{BY_DESIGN}this machine does not let processes be traced")
    assert done.returncode == 0, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(told.read_bytes())
    return document


def crash(tmp_path: Path, *options: str) -> dict[str, dict[str, object]]:
    """Kill commands; what was tallied, by command."""
    works: dict[str, dict[str, object]] = campaign(tmp_path, "scripts.crash", *options)["workloads"]
    return works


@pytest.mark.slow
@pytest.mark.peers
@pytest.mark.timeout(KILLS_TIMEOUT_S)
def test_what_is_left_by_thirty_kills_opens_verifies_and_goes_on(tmp_path: Path) -> None:
    works = crash(tmp_path, "--kills", "30", "--seed", "7", "--work", "load", "--work", "ldif",
                  "--work", "subscribe", "--work", "restore")  # fmt: skip
    killed = sum(int(str(w["at_boundaries"])) + int(str(w["at_random"])) for w in works.values())
    assert killed == 30
    assert all(int(str(w["boundaries"])) > 50 for w in works.values())


@pytest.mark.slow
@pytest.mark.peers
@pytest.mark.timeout(KILLS_TIMEOUT_S)
def test_a_full_or_failing_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    works = crash(tmp_path, "--refuse", "--kills", "12", "--seed", "7", "--work", "import",
                  "--work", "renew")  # fmt: skip
    assert all(int(str(w["at_boundaries"])) > 0 for w in works.values())


@pytest.mark.slow
@pytest.mark.peers
@pytest.mark.timeout(KILLS_TIMEOUT_S)
def test_a_server_killed_under_load_has_every_acknowledged_change(tmp_path: Path) -> None:
    told = campaign(tmp_path, "scripts.crash.served", "--kills", "4", "--seed", "7")
    assert told["kills"] == 4
    assert told["at_writes"] == 2
    assert 0 < told["answered"] <= told["kept"] <= told["sent"]
