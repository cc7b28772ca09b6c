"""A lab killed in the middle of a sync opens again with every acknowledged change."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.program import ROOT, Program


@pytest.mark.parametrize("after_s", [0.4, 0.6, 0.9])
def test_a_lab_killed_in_a_sync_opens_again_and_the_next_run_converges(
    tmp_path: Path, after_s: float
) -> None:
    program = Program(tmp_path / "lab")
    program.ok("lab", "new", "--recipients", "600", "--hubs", "1", "--sites", "1", "--edges", "1")
    file = tmp_path / "EDGE01.xml"
    program.ok("subscription", "export", "EDGE01", "--file", str(file), "--yes")
    program.ok("subscription", "import", str(file), "--site", "Default-First-Site-Name")
    before = program.json("directory", "search", "(objectClass=*)", "--limit", "0")["count"]

    victim = subprocess.Popen(
        program.command("sync", "run", "--edge", "EDGE01"), cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(after_s)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()

    after = program.json("directory", "search", "(objectClass=*)", "--limit", "0")["count"]
    assert after == before, "nothing that AD acknowledged may be gone"
    done = program.json("sync", "run", "--edge", "EDGE01")
    assert {run["result"] for run in done["runs"]} == {"success"}
    [edge] = program.json("sync", "verify", "--full")["edges"]
    assert edge["sync_status"] == "Normal"
