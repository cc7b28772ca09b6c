"""Help comes at once: it imports no directory, no cryptography, no client and no web server."""

from __future__ import annotations

import subprocess
import sys

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


@pytest.mark.parametrize("words", [["--help"], ["sync", "--help"], ["cert", "new", "--help"]])
def test_help_imports_nothing_that_it_does_not_use(words: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, *words]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    imported = set(ran.stdout.split())
    assert "typer" in imported
    assert not imported & HEAVY
