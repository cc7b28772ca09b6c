"""The demo shows the whole mission, and what it prints was measured in that run."""

from __future__ import annotations

from pathlib import Path

from tests.support.program import Program


def test_the_demo_breaks_explains_and_mends_trust(tmp_path: Path) -> None:
    done = Program(tmp_path / "unused").ok("demo")

    matrices = [part.split("$ edgesync")[0] for part in done.out.split("$ edgesync trust matrix")]
    assert len(matrices) == 5  # the last has every path
    assert "MISMATCH" not in matrices[1]
    assert "MISMATCH" in matrices[2]
    assert "MISMATCH" not in matrices[3]
    assert "2018  SmtpSendDirectTrustFailed" in done.out
    assert "Not trusted: 0 before, 4 after the mistake, 0 in the end." in done.out
    clients = [line for line in done.out.splitlines() if line.startswith("  owa -> ")]
    assert [line.rpartition(": ")[2] for line in clients] == ["warning", "works"]
    calls = [line.rpartition(": ")[2] for line in done.out.splitlines() if " (tls): " in line]
    assert calls == ["accepted (accepted)", "refused (certificate_refused)", "accepted (accepted)"]
    assert "gateway-um     OCS           UM01    mutual TLS" in done.out
    assert "NO: " not in done.out
    assert not (tmp_path / "unused").exists()


def test_a_kept_demo_is_a_lab_one_can_go_on_with(tmp_path: Path) -> None:
    program = Program(tmp_path / "lab")

    program.ok("demo", "--keep")

    assert program.json("lab", "status")["state"] == "down"
    program.ok("trust", "matrix")
