"""Programs other people wrote and data beside the checkout: found, or the test says why not.

``scripts/test`` runs this file with any Python to learn which Debian packages are missing, so the
table below is the only list of peers.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")
"""Where Debian keeps servers, which an ordinary user's PATH leaves out."""

TOOLS = {
    "slapd": "slapd",
    "slapadd": "slapd",
    "ldapsearch": "ldap-utils",
    "openssl": "openssl",
    "gcc": "gcc",
    "swaks": "swaks",
    "postfix": "postfix",
    "curl": "curl",
    "sqlite3": "sqlite3",
    "chromium": "chromium",
    "sipsak": "sipsak",
    "sipp": "sip-tester",
    "strace": "strace",
    "samba": "samba",
    "samba-tool": "samba-common-bin",
}
"""Each program the tests talk to, and the Debian package it comes in."""

ACCOMPANYING = {
    "swaks": ("libnet-ssleay-perl",),
    "samba": ("samba-ad-provision", "samba-dsdb-modules"),
}
"""Packages a tool needs for what we ask of it: TLS with swaks, a new domain with Samba."""

BUILD_PACKAGES = ("gcc", "python3-dev", "libldap2-dev", "libsasl2-dev")
"""What python-ldap is compiled with; it has no wheels."""

MISSING_TOOL = "tool not here: "
MISSING_DATA = "data not here: "
BY_DESIGN = "by design: "
"""How the reason of a skip begins; with CI=true only the last two may (tests/conftest.py)."""


def find_tool(name: str) -> str | None:
    """Path of a program, also when it is a server outside the user's PATH."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *SYSTEM_FOLDERS))
    return shutil.which(name, path=path)


def require_tool(name: str) -> str:
    """Path of a program; without it the test is skipped with a reason, and fails when CI=true.

    Raises:
        KeyError: when the tool is not in ``TOOLS``, since then nobody would install it.
    """
    import pytest  # this file also runs before pytest is installed

    package = TOOLS[name]
    found = find_tool(name)
    if found is None:
        reason = f"{MISSING_TOOL}{name} (Debian package {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def require_data(name: str) -> Path:
    """Folder or file below ``../shared/data``, or $EDGESYNC_TEST_DATA; skips when it is absent."""
    import pytest

    folder = Path(os.environ.get("EDGESYNC_TEST_DATA") or ROOT.parent / "shared" / "data")
    path = folder / name
    if not path.exists():
        pytest.skip(f"{MISSING_DATA}{name} (../shared/data or $EDGESYNC_TEST_DATA)")
    return path


def missing_packages() -> list[str]:
    """Debian packages to install so that every tool is here and python-ldap can be compiled."""
    packages = [package for tool, package in TOOLS.items() if find_tool(tool) is None]
    for tool, more in ACCOMPANYING.items():
        if TOOLS[tool] in packages:
            packages += more
    if find_tool("gcc") is None or not Path("/usr/include/ldap.h").exists():
        packages += BUILD_PACKAGES
    return packages


if __name__ == "__main__":
    sys.stdout.write(" ".join(missing_packages()) + "\n")
