"""Whatever is wrong, two lines on stderr say what and what to do, and nothing is lost."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import Finished, Program


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "lab"
    Program(folder).ok("lab", "new", "--recipients", "3", "--hubs", "1", "--sites", "1")
    return folder


@pytest.fixture
def program(made: Path, tmp_path: Path) -> Program:
    shutil.copytree(made, tmp_path / "lab")
    return Program(tmp_path / "lab")


def assert_two_lines(done: Finished, code: int, *named: str) -> None:
    lines = [line for line in done.err.splitlines() if not line.startswith("note:")]
    assert done.code == code, done.err
    assert lines[-2].startswith("error: "), done.err
    assert lines[-1].startswith("hint: "), done.err
    assert "Traceback" not in done.err
    for word in named:
        assert word in done.err


def test_an_unknown_server_is_named_and_the_known_ones_too(program: Program) -> None:
    assert_two_lines(program.run("server", "list", "HUB99"), 4, "HUB99", "HUB01")


def test_an_error_is_json_too_when_json_was_asked_for(program: Program) -> None:
    done = program.run("server", "list", "HUB99", "-o", "json")

    assert done.code == 4
    assert done.document["schema"] == "edgesync.error/1"
    assert set(done.document["error"]) == {"code", "message", "hint"}


def test_without_a_lab_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    assert_two_lines(Program(tmp_path / "none").run("server", "list"), 4, "lab new")


def test_an_existing_lab_is_not_overwritten(program: Program) -> None:
    assert_two_lines(program.run("lab", "new"), 6, "--force")
    program.ok("lab", "status")


def test_a_folder_that_is_no_lab_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    assert_two_lines(Program(tmp_path).run("lab", "new", "--force"), 6)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("broken.ldif", b"dn: CN=x,DC=contoso,DC=test\nno colon here\n", "line"),
        ("truncated.ldif", b"dn:: not base64!\n", "line"),
    ],
)
def test_a_malformed_ldif_names_file_and_line(
    program: Program, tmp_path: Path, name: str, content: bytes, named: str
) -> None:
    (tmp_path / name).write_bytes(content)

    assert_two_lines(program.run("lab", "import", "--ldif", str(tmp_path / name)), 1, name, named)


@pytest.mark.parametrize(
    "content", [b"<Objs><Obj", b"<!DOCTYPE x [<!ENTITY a 'b'>]><Objs/>", b"\x00\x01\x02"]
)
def test_a_malformed_clixml_names_the_file_and_makes_no_lab(tmp_path: Path, content: bytes) -> None:
    exports = tmp_path / "exports"
    exports.mkdir()
    (exports / "Get-ExchangeServer.xml").write_bytes(content)
    program = Program(tmp_path / "lab")

    done = program.run("lab", "import", "--clixml", str(exports))

    assert_two_lines(done, 1, "Get-ExchangeServer.xml")
    assert_two_lines(program.run("lab", "status"), 4)


@pytest.mark.parametrize("content", [b"<edge-subscription>", b"not xml", b"<a/>"])
def test_a_malformed_subscription_file_names_the_element(
    program: Program, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "EDGE01.xml"
    file.write_bytes(content)

    done = program.run("subscription", "import", str(file), "--site", "Default-First-Site-Name")

    assert_two_lines(done, 1)


def test_wrong_usage_has_its_own_exit_code(program: Program) -> None:
    assert_two_lines(program.run("sync", "run", "--no-such-option"), 2, "--no-such-option")
    assert_two_lines(program.run("directory", "search", "(cn="), 2, "offset")


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_port_in_use_is_said_so(program: Program, busy_port: int) -> None:
    done = program.run("web", "--port", str(busy_port))

    assert_two_lines(done, 5, str(busy_port))
    program.ok("lab", "status")


def test_a_lab_in_use_is_said_so_and_stays_usable(program: Program) -> None:
    program.ok("lab", "up", "--detach")
    try:
        assert_two_lines(program.run("lab", "up"), 6, "lab status")
        assert_two_lines(program.run("lab", "new", "--force"), 6)
        assert program.json("lab", "status")["state"] == "up"
    finally:
        program.ok("lab", "down")
    assert program.json("lab", "status")["state"] == "down"


def test_a_corrupt_journal_is_reported_and_left_as_it_is(program: Program) -> None:
    journal = program.lab / "directories" / "AD.db"
    with sqlite3.connect(journal) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(journal.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = b"\xff" * 4096
    journal.write_bytes(content)
    damaged = journal.read_bytes()

    done = program.run("lab", "status")

    assert_two_lines(done, 1, "AD")
    assert journal.read_bytes() == damaged


def test_a_description_that_is_not_one_is_reported(program: Program) -> None:
    (program.lab / "lab.json").write_text("{}")

    assert_two_lines(program.run("lab", "status"), 1, "lab description")
