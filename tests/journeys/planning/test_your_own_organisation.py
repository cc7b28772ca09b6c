"""Rehearse a renewal on a lab made from a real organisation's exports; assumptions included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.peers import require_data
from tests.support.program import Program


@pytest.mark.slow
def test_a_renewal_is_planned_and_reported_on_an_imported_organisation(tmp_path: Path) -> None:
    exports = require_data("exchange-2019-clixml")
    program = Program(tmp_path / "lab")
    program.ok("lab", "import", "--clixml", str(exports), "--edge", "EDGE01", "--edge", "EDGE02")
    for edge in ("EDGE01", "EDGE02"):
        file = tmp_path / f"{edge}.xml"
        program.ok("subscription", "export", edge, "--file", str(file), "--yes")
        program.ok("subscription", "import", str(file), "--site", "Default-First-Site-Name")
    program.ok("sync", "run")

    plan = program.json("trust", "plan", "renew", "EDGE01")
    assert plan["mail_delay_s"] == 0
    assert plan["rehearsed"]["trusted"] is True

    health = program.run("report", "health", "-o", "json").document
    assert health["imported"] is True
    assert health["assumptions"], "the report has to say what the lab rests on"
    assert any(f["check"] == "stand-in" for f in health["findings"])

    page = program.ok("report", "rehearsal", "--renew", "EDGE01", "-o", "html").out
    assert "Assumptions of the import" in page
    assert "made from a real organisation" in page
