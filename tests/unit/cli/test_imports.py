"""No command imports what it does not use: help comes at once, and few commands speak TLS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "cryptography", "OpenSSL", "ldap3", "sqlite_utils", "starlette", "uvicorn", "jinja2",
    "asyncio", "spnego", "directory.dsa.agent", "edgesync.lab.lab", "edgesync.simulation",
}  # fmt: skip
PROGRAM = """
import contextlib, io, sys
from edgesync.cli.main import main
sys.argv = ["edgesync", *sys.argv[1:]]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main()
print(" ".join(sys.modules))
"""


def _imported(*words: str) -> set[str]:
    command = [sys.executable, "-c", PROGRAM, *words]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(ran.stdout.split())


@pytest.mark.parametrize("words", [["--help"], ["sync", "--help"], ["cert", "new", "--help"]])
def test_help_imports_nothing_that_it_does_not_use(words: list[str]) -> None:
    imported = _imported(*words)
    assert "typer" in imported
    assert not imported & HEAVY


ELSEWHERE = {"OpenSSL", "ldap3", "starlette", "uvicorn", "jinja2", "spnego", "edgesync.simulation"}
"""What only some commands need: handshakes, foreign directories, pages, NTLM, virtual time."""


@pytest.mark.parametrize(
    "words",
    [
        "lab status", "server list", "sync status", "directory tree"
    ],
)  # fmt: skip
def test_a_command_that_looks_into_a_lab_imports_nothing_of_other_commands(
    words: str, a_lab: Path
) -> None:
    imported = _imported(*words.split(), "--lab", str(a_lab))
    assert not imported & ELSEWHERE
    assert "edgesync.lab.lab" in imported


@pytest.fixture(scope="module")
def a_lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("imports") / "lab"
    _imported("lab", "new", "--lab", str(path), "--recipients", "3")
    return path


def test_openssl_is_imported_when_somebody_shakes_hands() -> None:
    program = (
        "import sys; from edgesync.trust import openssl, tls; assert 'OpenSSL' not in sys.modules;"
        "assert issubclass(openssl.SSL.WantReadError, openssl.SSL.Error);"
        "assert openssl.crypto.FILETYPE_ASN1; assert 'OpenSSL' in sys.modules;"
        "assert not hasattr(openssl, 'rand')"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
