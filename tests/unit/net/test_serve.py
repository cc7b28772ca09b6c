"""``python -m directory`` keeps the contract of ``directory serve`` (section 3.2)."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from directory.errors import ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import (
    ROOT_DSE,
    AddRequest,
    AddResponse,
    BindResponse,
    SearchRequest,
    SearchResultDone,
    SearchResultEntry,
)
from tests.support.directory_process import ADMIN, PASSWORD, Served, served
from tests.support.listener import Client
from tests.support.peers import ROOT

PEOPLE = ROOT / "tests" / "support" / "people.ldif"
SUFFIX = DN.parse("dc=example,dc=com")


def _client(server: Served) -> Client:
    client = Client(("127.0.0.1", server.port))
    bound = client.bind(ADMIN, PASSWORD.encode()).operation
    assert isinstance(bound, BindResponse)
    assert bound.result.code == ResultCode.SUCCESS
    return client


def _nobody(server: Served) -> Client:
    return Client(("127.0.0.1", server.port))


def _count(client: Client) -> int:
    return len(client.ask(SearchRequest(SUFFIX, attributes=("1.1",)))) - 1


def _run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "directory", *options],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_ready_file_says_where_the_server_is(tmp_path: Path) -> None:
    with served(tmp_path, "--listen-tls", "127.0.0.1:0") as server:
        document = json.loads((tmp_path / "ready.json").read_text())
        assert document == {
            "schema": "edgesync.ready/1", "ldap": server.ldap, "ldaps": server.ldaps,
            "pid": server.process.pid,
        }  # fmt: skip
        assert server.ldap.startswith("ldap://127.0.0.1:")
        assert server.ldaps.startswith("ldaps://127.0.0.1:")


def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        client = _client(server)
        assert server.stop() == 0
        assert client.next_event() is not None  # a notice of disconnection
        client.socket.close()
        assert not (tmp_path / "ready.json").exists()


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    database = str(tmp_path / "journal.db")
    entry = Entry(DN.parse("ou=new,dc=example,dc=com"), {"objectClass": (b"organizationalUnit",)})
    with served(tmp_path, "--database", database, "--ldif", str(PEOPLE)) as server:
        with _client(server) as client:
            added = client.ask(AddRequest(entry))[-1].operation
            assert isinstance(added, AddResponse)
            assert added.result.code == ResultCode.SUCCESS
        server.process.kill()
        server.process.wait(20)
    (tmp_path / "ready.json").unlink()
    with served(tmp_path, "--database", database) as server, _client(server) as client:
        assert _count(client) == 8


def test_ldaps_without_a_certificate_makes_its_own(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with served(tmp_path, "--listen-tls", "127.0.0.1:0") as server:
        port = int(server.ldaps.rpartition(":")[2])
        with Client(("127.0.0.1", port), context) as client:
            assert len(client.ask(ROOT_DSE)) == 2


def test_nobody_reads_anything_unless_allowed(tmp_path: Path) -> None:
    with served(tmp_path, "--ldif", str(PEOPLE)) as server, _nobody(server) as nobody:
        [done] = nobody.ask(SearchRequest(SUFFIX))
        assert isinstance(done.operation, SearchResultDone)
        assert done.operation.result.code == ResultCode.INSUFFICIENT_ACCESS_RIGHTS
    allowed = ("--ldif", str(PEOPLE), "--allow-anonymous-read")
    with served(tmp_path, *allowed) as server, _nobody(server) as nobody:
        assert _count(nobody) == 7


@pytest.mark.parametrize("profile", ["ad", "adam", "generic"])
def test_every_profile_serves_its_root_dse(tmp_path: Path, profile: str) -> None:
    with served(tmp_path, "--profile", profile, admin="") as server, _nobody(server) as nobody:
        entry = nobody.ask(ROOT_DSE)[0].operation
        assert isinstance(entry, SearchResultEntry)
        assert entry.entry.values("namingContexts")


def test_schema_files_add_to_the_profile(tmp_path: Path) -> None:
    schema, ldif = tmp_path / "own.schema", tmp_path / "own.ldif"
    schema.write_text(
        "attributetype ( 1.3.6.1.4.1.99999.1.1 NAME 'colour' EQUALITY caseIgnoreMatch\n"
        "  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 )\n"
        "objectclass ( 1.3.6.1.4.1.99999.2.1 NAME 'paint' SUP top STRUCTURAL MUST cn MAY colour )\n"
    )
    ldif.write_text("dn: dc=example,dc=com\nobjectClass: paint\ncn: p\ndc: example\ncolour: red\n")
    with served(tmp_path, "--schema", str(schema)) as server:
        assert server.port
    refused = _run("--schema", str(schema), "--ldif", str(ldif))
    assert refused.returncode == 1
    assert f"{ldif}:1: dc=example,dc=com" in refused.stderr  # dc is not an attribute of paint


def test_a_wrong_file_is_named_with_its_line_and_nothing_is_served(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.ldif"
    wrong.write_text(PEOPLE.read_text() + "\ndn: uid=x,ou=people,dc=example,dc=com\nno colon\n")
    result = _run("--ldif", str(wrong))
    error, hint = result.stderr.splitlines()[-2:]
    assert result.returncode == 1
    assert error.startswith("error: ")
    assert "no ':' in this line" in error
    assert hint.startswith("hint: ")
    assert result.stdout == ""


def test_a_file_is_loaded_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    database, partly = str(tmp_path / "journal.db"), tmp_path / "partly.ldif"
    partly.write_text(PEOPLE.read_text() + "\ndn: uid=x,ou=nowhere,dc=example,dc=com\n"
                      "objectClass: inetOrgPerson\nuid: x\ncn: x\nsn: x\n")  # fmt: skip
    result = _run("--database", database, "--ldif", str(partly))
    assert result.returncode == 1
    assert f"{partly}:{len(PEOPLE.read_text().splitlines()) + 2}: uid=x" in result.stderr
    with served(tmp_path, "--database", database) as server, _client(server) as client:
        assert len(client.ask(SearchRequest(SUFFIX))) == 1


def test_wrong_usage_is_exit_two() -> None:
    assert _run("--listen", "nowhere").returncode == 2
    assert _run("--suffix", "not a dn").returncode == 2
    assert _run("--profile", "novell").returncode == 2


def test_the_password_is_never_in_the_arguments_or_the_log(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        with _client(server):
            pass
        command = Path(f"/proc/{server.process.pid}/cmdline")
        if command.exists():
            assert PASSWORD.encode() not in command.read_bytes()
        assert PASSWORD not in server.log.read_text()
