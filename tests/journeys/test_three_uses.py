"""The three uses on a lab that stays: sync jobs, directory contents, direct trust."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import Program

SITE = "Default-First-Site-Name"


@pytest.fixture(scope="module", params=["down", "up"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[
    Program
]:  # fmt: skip
    program = Program(tmp_path_factory.mktemp(request.param) / "lab")
    program.ok("lab", "new", "--recipients", "30")
    if request.param == "up":
        program.ok("lab", "up", "--detach")
    yield program
    if request.param == "up":
        program.ok("lab", "down")


def test_the_journey_of_an_edge_certificate(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "EDGE01.xml"
    exported = program.ok("subscription", "export", "EDGE01", "--file", str(file), "--yes")
    assert "ESRAPassword" not in exported.out
    assert file.stat().st_mode & 0o077 == 0
    program.ok("subscription", "import", str(file), "--site", SITE)
    [subscribed] = program.json("subscription", "list")["subscriptions"]
    assert subscribed["name"] == "EDGE01"

    planned = program.json("sync", "plan", "--edge", "EDGE01")
    assert {run["job"] for run in planned["runs"]} == {"topology", "configuration", "recipients"}
    assert any(change["change"] == "add" for run in planned["runs"] for change in run["changes"])

    first = program.json("sync", "run", "--edge", "EDGE01")
    assert [run["result"] for run in first["runs"]] == ["success"] * 3
    again = program.json("sync", "run", "--edge", "EDGE01")
    assert all(run["added"] == 0 for run in again["runs"])
    assert {run["mode"] for run in again["runs"] if run["job"] != "topology"} == {"incremental"}

    verified = program.json("sync", "verify", "--full")
    [edge] = verified["edges"]
    assert edge["sync_status"] == "Normal"
    assert edge["kinds"]["recipient"]["synchronized_objects"] > 0

    assert program.run("trust", "check", "HUB01", "EDGE01").code == 0
    matrix = program.json("trust", "matrix")
    applicable = [c for c in matrix["cells"] if c["verdict"] != "not_applicable"]
    assert len(applicable) == 6
    assert {c["reason"] for c in applicable} == {"trusted"}

    program.ok("cert", "renew", "EDGE01", "--yes")
    assert program.run("trust", "check", "HUB01", "EDGE01").code == 3
    broken = program.run("trust", "matrix", "-o", "json")
    assert broken.code == 3
    reasons = {c["reason"] for c in broken.document["cells"] if c["verdict"] == "untrusted"}
    assert reasons == {"mismatch"}

    explained = program.run("trust", "explain", "HUB01", "EDGE01", "-o", "json").document
    assert explained["schema"] == "edgesync.trust-explain/1"
    assert explained["reason"] == "mismatch"
    assert "cert renew EDGE01" in explained["cause"]
    assert {event["id"] for event in explained["events"]} >= {2018}
    for line in explained["fix"]:
        import shlex

        program.ok(*shlex.split(line)[1:])
    program.ok("trust", "matrix")


def test_what_the_directory_holds_can_be_read_three_ways(program: Program) -> None:
    tree = program.ok("directory", "tree", "--server", "EDGE01", "--depth", "2").out
    assert "OU=MSExchangeGateway" in tree
    entry = program.json("directory", "get", "HUB01", "--server", "ad")["entry"]
    assert entry["attributes"]["cn"] == ["HUB01"]
    found = program.json("directory", "search", "(objectClass=msExchExchangeServer)")
    assert found["count"] >= 5
    ldif = program.ok("directory", "search", "(cn=HUB01)", "-o", "ldif").out
    assert ldif.startswith("version: 1\n\ndn: CN=HUB01,")


def test_certificates_are_listed_with_services_and_status(program: Program) -> None:
    listed = program.json("cert", "list", "HUB01")["certificates"]

    assert listed[0]["subject"] == "CN=HUB01"
    assert listed[0]["status"] == "Valid"
    assert "SMTP" in str(listed[0]["services"])
