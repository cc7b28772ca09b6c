"""A stranger's project installs the package beside pytest and tests against a lab."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.peers import ROOT

pytestmark = pytest.mark.slow

PROJECT = ROOT / "fixtures" / "example_project"
INSTALL_S = 300
FAILING = """
def test_that_fails(edgesync_lab):
    for connector in edgesync_lab.run("connector.list", kind="receive")["connectors"]:
        edgesync_lab.run(
            "connector.set", name=connector["name"], protocol_logging_level="Verbose"
        )
    edgesync_lab.subscribe("EDGE01")
    edgesync_lab.sync.run(edge="EDGE01")
    edgesync_lab.run("cert.renew", server="EDGE01")
    assert edgesync_lab.trust.check("HUB01", "EDGE01")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a virtual environment that has the package, pytest, and nothing of ours else."""
    folder = tmp_path_factory.mktemp("stranger") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=INSTALL_S)
    found = folder / "bin" / "python"
    words = ["-m", "pip", "install", "-q", "pytest", "pytest-xdist", str(ROOT)]
    subprocess.run([str(found), *words], check=True, timeout=INSTALL_S, env=clean())
    return found


def clean() -> dict[str, str]:
    """The environment without whatever points at this checkout."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "PYTHON"))}


def run(python: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "pytest", *words], cwd=folder, capture_output=True, text=True,
        timeout=INSTALL_S, env=clean(), check=False,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return folder


@pytest.mark.timeout(700)
def test_the_example_project_passes_on_two_workers(python: Path, project: Path) -> None:
    done = run(python, project, "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = (project / "tests" / "test_monitor.py").read_text().count("\ndef test_") + 3
    assert re.search(rf"{wanted} passed", done.stdout), done.stdout


@pytest.mark.timeout(700)
def test_a_failure_brings_its_evidence(python: Path, project: Path) -> None:
    (project / "tests" / "test_failing.py").write_text(FAILING)
    done = run(python, project, "tests/test_failing.py")
    assert done.returncode == 1, done.stdout + done.stderr
    for words in (
        "edgesync lab", "HUB01 -> EDGE01 smtp: mismatch", "edgesync cert enable EDGE01",
        "-- events --", "SmtpReceiveDirectTrustFailed", "-- protocol --",
    ):  # fmt: skip
        assert words in done.stdout, done.stdout


@pytest.mark.timeout(700)
def test_a_project_that_uses_nothing_of_it_imports_nothing_of_it(
    python: Path, tmp_path: Path
) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n\ndef test_other():\n"
        "    ours = [m for m in sys.modules if m.split('.')[0] in {'edgesync', 'directory'}]\n"
        "    assert sorted(ours) == ['edgesync', 'edgesync.pytest_plugin']\n"
        "    assert 'cryptography' not in sys.modules\n"
    )
    done = run(python, tmp_path, "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
