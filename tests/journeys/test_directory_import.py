"""LDIF goes into a lab's directory as a whole or not at all, or what is right of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.program import Program

GOOD = "dn: CN=Good,CN=Users,DC=contoso,DC=test\nobjectClass: contact\ncn: Good\n\n"
BAD = "dn: CN=Bad,CN=Nowhere,DC=contoso,DC=test\nobjectClass: contact\ncn: Bad\n\n"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("import") / "lab")
    program.ok("lab", "new", "--recipients", "0", "--hubs", "1", "--sites", "1", "--edges", "1")
    return program


def write(folder: Path, text: str) -> str:
    path = folder / "entries.ldif"
    path.write_text("version: 1\n\n" + text)
    return str(path)


def test_a_refused_record_leaves_nothing_of_its_file(program: Program, tmp_path: Path) -> None:
    done = program.run("directory", "import", write(tmp_path, GOOD + BAD))

    assert done.code == 1
    assert "entries.ldif:7" in done.err
    assert program.json("directory", "search", "(cn=Good)")["count"] == 0


def test_with_continue_the_rest_is_kept_and_reported(program: Program, tmp_path: Path) -> None:
    done = program.run(
        "directory", "import", write(tmp_path, BAD + GOOD), "--continue", "-o", "json"
    )

    assert done.code == 7
    assert [(e["line"], e["dn"]) for e in done.document["errors"]] == [
        (3, "CN=Bad,CN=Nowhere,DC=contoso,DC=test")
    ]
    assert program.json("directory", "search", "(cn=Good)")["count"] == 1


def test_an_edges_adam_can_be_written_too(program: Program, tmp_path: Path) -> None:
    text = "dn: CN=note,OU=MSExchangeGateway\nobjectClass: container\ncn: note\n"

    program.ok("directory", "import", write(tmp_path, text), "--server", "EDGE01")

    found = program.json("directory", "get", "CN=note,OU=MSExchangeGateway", "--server", "EDGE01")
    assert found["entry"]["attributes"]["cn"] == ["note"]
