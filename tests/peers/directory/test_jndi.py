"""Java's own LDAP client, JNDI, where a JDK is installed (it is too large to install for this)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.directory_process import ADMIN, PASSWORD, Served
from tests.support.peers import BY_DESIGN

pytestmark = pytest.mark.peers

PROGRAM = Path(__file__).parent / "java" / "Jndi.java"


def test_jndi_does_what_applications_do_with_it(directory: Served) -> None:
    java, compiler = shutil.which("java"), shutil.which("javac")
    if java is None or compiler is None:
        pytest.skip(f"{BY_DESIGN}JNDI is tried where a JDK is installed")
    result = subprocess.run(
        [java, str(PROGRAM), directory.ldap, ADMIN, PASSWORD],
        capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("ok ") == 7
