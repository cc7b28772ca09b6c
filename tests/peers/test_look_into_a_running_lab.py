"""Strangers look in while a lab is up: OpenLDAP's ldapsearch, openssl s_client."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.peers import require_tool
from tests.support.program import Program

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = Program(tmp_path_factory.mktemp("strangers") / "lab")
    program.ok("lab", "new", "--recipients", "5")
    program.ok("lab", "up", "--detach")
    yield program
    program.ok("lab", "down")


def environment(program: Program, server: str) -> dict[str, str]:
    variables: dict[str, str] = program.json("env", server)["variables"]
    return variables


def ldapsearch(variables: dict[str, str], *words: str) -> str:
    command = [
        require_tool("ldapsearch"), "-x", "-LLL", "-o", "ldif-wrap=no",
        "-D", variables["LDAPBINDDN"], "-y", variables["EDGESYNC_PASSWORD_FILE"],
    ]  # fmt: skip
    done = subprocess.run(
        [*command, *words], env=variables, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("how", ["ldap", "starttls", "ldaps"])
@pytest.mark.parametrize(("server", "object_"), [("AD", "HUB01"), ("EDGE01", "EDGE01")])
def test_ldapsearch_reads_ad_and_adam(
    program: Program, server: str, object_: str, how: str
) -> None:
    variables = environment(program, server)
    way = {"ldap": (), "starttls": ("-ZZ",), "ldaps": ("-H", variables["EDGESYNC_LDAPS"])}[how]

    found = ldapsearch(variables, *way, f"(cn={object_})", "msExchServerInternalTLSCert")

    assert f"dn: CN={object_},CN=Servers," in found
    assert "msExchServerInternalTLSCert:: MII" in found


def test_a_wrong_password_is_refused_by_the_directory(program: Program, tmp_path: Path) -> None:
    variables = environment(program, "AD")
    wrong = tmp_path / "password"
    wrong.write_text("guess")
    command = [require_tool("ldapsearch"), "-x", "-D", variables["LDAPBINDDN"], "-y", str(wrong)]

    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=30,
                          check=False)  # fmt: skip

    assert done.returncode == 49


@pytest.mark.parametrize("server", ["HUB01", "EDGE01"])
def test_openssl_completes_starttls_with_hub_and_edge(program: Program, server: str) -> None:
    variables = environment(program, "AD")
    address = variables[f"EDGESYNC_SMTP_{server}"]
    command = [require_tool("openssl"), "s_client", "-starttls", "smtp", "-connect", address]

    done = subprocess.run(command, input="QUIT\r\n", capture_output=True, text=True, timeout=30,
                          check=False)  # fmt: skip

    assert f"CN = {server}" in done.stdout
    assert "BEGIN CERTIFICATE" in done.stdout
