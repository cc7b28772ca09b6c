"""An imported lab keeps what the exports said; a later import that is refused harms nothing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.peers import require_data
from tests.support.program import Program

SETUP_CERTIFICATE = "6C7DE09FB39A40144F57EFEBC3DF0148E3A9AB28"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("real") / "lab")
    program.ok(
        "lab", "import", "--edge", "EDGE01",
        "--clixml", str(require_data("exchange-2019-clixml")),
        "--ldif", str(require_data("planet-express")),
    )  # fmt: skip
    return program


@pytest.fixture
def program(imported: Program, tmp_path: Path) -> Program:
    """A copy of the imported lab, for one test."""
    shutil.copytree(imported.lab, tmp_path / "lab")
    return Program(tmp_path / "lab")


def test_the_real_certificates_are_listed_with_their_services(imported: Program) -> None:
    shown = imported.ok("cert", "list", "SOLO-E19A").out
    line = next(line for line in shown.splitlines() if SETUP_CERTIFICATE in line)
    assert "IP.WS" in line
    assert "Valid" in line


def test_imported_people_are_known_at_the_edge_by_their_hash(
    program: Program, tmp_path: Path
) -> None:
    file = str(tmp_path / "edge01.xml")
    program.ok("subscription", "export", "EDGE01", "--file", file, "--yes")
    program.ok(
        "subscription", "import", file, "--site", "Default-First-Site-Name", "--yes",
    )  # fmt: skip
    runs = {run["job"]: run for run in program.json("sync", "run")["runs"]}
    assert runs["recipients"]["added"] == 7
    cells = program.json("trust", "matrix")["cells"]
    verdicts = {cell["verdict"] for cell in cells} - {"not_applicable"}
    assert verdicts == {"trusted"}
    found = program.ok("recipient", "find", "fry@planetexpress.com").out
    assert "CN=Recipients,OU=MSExchangeGateway" in found


@pytest.mark.fact("certificate-facts 7.1")
def test_virtual_directories_ask_what_the_real_iis_asks(imported: Program) -> None:
    found = {d["name"]: d for d in imported.json("client", "directory")["directories"]}
    flags = {word: (d["require_ssl"], d["client_certificates"]) for word, d in found.items()}
    assert flags["/"] == ("yes", "ignore")
    assert flags["owa"] == ("inherit", "inherit")
    assert flags["OAB"] == ("yes", "ignore")
    assert flags["Rpc"] == ("no", "ignore")
    assert flags["PowerShell"] == ("no", "accept")
    assert flags["owa/Calendar"] == ("no", "ignore")  # published calendars need no SSL
    assert found["owa"]["internal_url"] == "https://solo-e19a.solo.com/owa"
    assert "UnifiedMessaging" not in found
    ways = {word: d["authentication"] for word, d in found.items()}
    assert ways["OAB"] == ["windows"]
    assert ways["owa"] == ["forms"]
    assert ways["EWS"] == ["anonymous", "windows"]
    assert ways["Microsoft-Server-ActiveSync"] == ["basic"]


def test_an_imported_web_site_answers_with_a_stand_in_and_one_only(
    program: Program, tmp_path: Path
) -> None:
    (shown,) = (
        row for row in program.json("client", "listeners")["listeners"] if row["service"] == "https"
    )
    assert shown["thumbprint"] != SETUP_CERTIFICATE
    file = str(tmp_path / "edge01.xml")
    program.ok("subscription", "export", "EDGE01", "--file", file, "--yes")
    program.ok("subscription", "import", file, "--site", "Default-First-Site-Name", "--yes")
    listed = program.json("cert", "list", "SOLO-E19A")["certificates"]
    stand_ins = [c for c in listed if "(stand-in)" in c["friendly_name"]]
    assert [c["thumbprint"] for c in stand_ins] == [shown["thumbprint"]]
    checked = program.run(
        "client", "check", "--client", "owa", "-o", "json",
        "--url", "https://solo-e19a.solo.com/owa/Calendar",
    )  # fmt: skip
    assert checked.code == 3  # self-signed, as the real one is
    assert checked.document["certificate"]["thumbprint"] == shown["thumbprint"]


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("--clixml", "Get-ExchangeServer.xml", "<Objs>\n<Obj>"),
        ("--ldif", "people.ldif", "dn: cn=A\nmail\n"),
    ],
)
def test_a_malformed_file_leaves_the_lab_alone(
    program: Program, tmp_path: Path, option: str, name: str, content: str
) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / name).write_text(content)
    before = program.json("lab", "status")["servers"]
    force = ["--force"] if option == "--clixml" else []
    refused = program.run("lab", "import", option, str(tmp_path / "input"), *force)
    assert refused.code == 1
    error, hint = refused.err.strip().splitlines()[-2:]
    assert error.startswith("error: ")
    assert name in error
    assert "line 2" in error
    assert hint.startswith("hint: ")
    assert program.json("lab", "status")["servers"] == before
    kept = program.ok("directory", "search", "(cn=Philip*)", "--server", "ad").out
    assert "Philip J. Fry" in kept
