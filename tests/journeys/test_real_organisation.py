"""A real Exchange 2019 organisation's exports become a lab that stays, people included."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.peers import ROOT, require_data

SETUP_CERTIFICATE = "6C7DE09FB39A40144F57EFEBC3DF0148E3A9AB28"


def edgesync(lab: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command on a lab, in another process as a person would."""
    result = subprocess.run(
        [sys.executable, "-m", "edgesync", "--lab", str(lab), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False, timeout=100,
    )  # fmt: skip
    assert result.returncode == code, result.stderr
    return result


def document(lab: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(edgesync(lab, *arguments, "-o", "json").stdout)
    return found


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lab = tmp_path_factory.mktemp("real") / "lab"
    edgesync(
        lab, "lab", "import", "--edge", "EDGE01",
        "--clixml", str(require_data("exchange-2019-clixml")),
        "--ldif", str(require_data("planet-express")),
    )  # fmt: skip
    return lab


def test_the_lab_has_the_real_server_and_the_edge_that_was_asked_for(imported: Path) -> None:
    servers = document(imported, "lab", "status")["servers"]
    assert servers["SOLO-E19A"]["role"] == "hub"
    assert servers["SOLO-E19A"]["fqdn"] == "Solo-E19A.Solo.com"
    assert servers["EDGE01"]["subscribed"] is False


def test_the_real_certificates_are_listed_with_their_services(imported: Path) -> None:
    shown = edgesync(imported, "cert", "list", "SOLO-E19A").stdout
    line = next(line for line in shown.splitlines() if SETUP_CERTIFICATE in line)
    assert "IP.WS" in line
    assert "Valid" in line


def test_the_real_certificate_is_published_as_it_is(imported: Path) -> None:
    shown = edgesync(imported, "directory", "get", "SOLO-E19A", "--server", "ad").stdout
    assert SETUP_CERTIFICATE in shown.replace(" ", "").upper()


def test_its_people_are_recipients(imported: Path) -> None:
    found = edgesync(imported, "directory", "search", "(mail=fry@planetexpress.com)",
                     "--server", "ad").stdout  # fmt: skip
    assert "CN=Philip J. Fry,CN=Users,DC=Solo,DC=com" in found
    assert "SMTP:fry@planetexpress.com" in found


def test_an_edge_is_added_subscribed_synchronized_and_trusted(
    imported: Path, tmp_path: Path
) -> None:
    lab, file = tmp_path / "lab", tmp_path / "edge01.xml"
    shutil.copytree(imported, lab)
    edgesync(lab, "subscription", "export", "EDGE01", "--file", str(file))
    done = edgesync(
        lab, "subscription", "import", str(file), "--site", "Default-First-Site-Name", "--yes"
    )
    assert f"the exports hold no private key of {SETUP_CERTIFICATE}" in done.stderr
    runs = {run["job"]: run for run in document(lab, "sync", "run")["runs"]}
    assert {run["result"] for run in runs.values()} == {"success"}
    assert runs["recipients"]["added"] == 7
    cells = document(lab, "trust", "matrix")["cells"]
    applicable = [c for c in cells if c["verdict"] != "not_applicable"]
    assert {(c["verifier"], c["peer"], c["path"]) for c in applicable} == {
        ("SOLO-E19A", "EDGE01", "smtp"), ("EDGE01", "SOLO-E19A", "smtp"),
        ("SOLO-E19A", "EDGE01", "ldaps"),
    }  # fmt: skip
    assert {cell["verdict"] for cell in applicable} == {"trusted"}
    found = edgesync(lab, "recipient", "find", "fry@planetexpress.com").stdout
    assert "CN=Recipients,OU=MSExchangeGateway" in found


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("--clixml", "Get-ExchangeServer.xml", "<Objs>\n<Obj>"),
        ("--ldif", "people.ldif", "dn: cn=A\nmail\n"),
    ],
)
def test_a_malformed_file_is_two_lines_and_leaves_the_lab_alone(
    imported: Path, tmp_path: Path, option: str, name: str, content: str
) -> None:
    lab = tmp_path / "lab"
    shutil.copytree(imported, lab)
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / name).write_text(content)
    before = document(lab, "lab", "status")["servers"]
    force = ["--force"] if option == "--clixml" else []
    result = edgesync(lab, "lab", "import", option, str(tmp_path / "input"), *force, code=1)
    error, hint = result.stderr.strip().splitlines()[-2:]
    assert error.startswith("error: ")
    assert name in error
    assert "line 2" in error
    assert hint.startswith("hint: ")
    assert document(lab, "lab", "status")["servers"] == before
    assert "Philip J. Fry" in edgesync(lab, "directory", "search", "(cn=Philip*)",
                                       "--server", "ad").stdout  # fmt: skip
