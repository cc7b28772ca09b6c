"""A real Samba AD domain controller: its own folder, address and data."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgesync.port.ldap import LdapPort
from tests.support.peers import BY_DESIGN, require_tool

REALM = "source.test"
PASSWORD = b"Contract-only-1"
STARTS_WITHIN_S = 30.0
LDAPS = 636
"""Samba serves AD's own ports only; another address tells two controllers apart."""


@dataclass(frozen=True)
class DomainController:
    """A running controller and the certificate it made for itself."""

    address: str
    certificate: bytes

    def port(self) -> LdapPort:
        """A connection as the domain's administrator."""
        url = f"ldaps://{self.address}:{LDAPS}"
        return LdapPort.connect(url, f"Administrator@{REALM}", PASSWORD, pin=self.certificate)


def _own_address() -> str:
    """A loopback address no other test process uses."""
    number = os.getpid()
    return f"127.77.{number >> 8 & 255}.{number & 255 or 1}"


def _require_its_ports(address: str) -> None:
    try:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, LDAPS))
    except PermissionError:
        pytest.skip(f"{BY_DESIGN}Samba serves ports below 1024, which this user may not")


@functools.cache
def _provisioned(address: str) -> Path:
    """A new forest, made once a test run; each controller starts from a copy of it."""
    folder = Path(tempfile.mkdtemp(prefix="samba-")) / "forest"
    options = {
        "interfaces": f"{address}/8",
        "bind interfaces only": "yes",
        "server services": "ldap",
        "log file": "/dev/null",
        "pid directory": str(folder),
        "ldb:nosync": "true",
    }
    subprocess.run(
        [require_tool("samba-tool"), "domain", "provision", f"--targetdir={folder}",
         f"--realm={REALM.upper()}", "--domain=SOURCE", f"--adminpass={PASSWORD.decode()}",
         "--server-role=dc", "--dns-backend=NONE", "--host-name=dc1",
         *(f"--option={name} = {value}" for name, value in options.items())],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def copy_forest(of: Path, folder: Path) -> None:
    """A stopped controller's data in another folder; its configuration names its place."""
    shutil.copytree(of, folder, ignore=shutil.ignore_patterns("msg.*", "ldapi", "*.pid"))
    file = folder / "etc" / "smb.conf"
    file.write_text(file.read_text().replace(str(of), str(folder)))


def _presented(address: str, process: subprocess.Popen[bytes]) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    until = time.monotonic() + STARTS_WITHIN_S
    while True:
        with (
            contextlib.suppress(OSError),
            socket.create_connection((address, LDAPS), timeout=STARTS_WITHIN_S) as plain,
            context.wrap_socket(plain) as secure,
        ):
            presented = secure.getpeercert(binary_form=True)
            assert presented is not None
            return presented
        assert process.poll() is None, "samba ended at once"
        assert time.monotonic() < until, "samba does not answer"
        time.sleep(0.05)


@contextmanager
def domain_controller(folder: Path) -> Iterator[DomainController]:
    """The controller of a folder's forest, new or kept from before, until the block ends."""
    program, address = require_tool("samba"), _own_address()
    _require_its_ports(address)
    if not folder.exists():
        copy_forest(_provisioned(address), folder)
    settings = folder / "etc" / "smb.conf"
    process = subprocess.Popen(
        [program, "-F", "--no-process-group", "-M", "single", "-s", str(settings)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield DomainController(address, _presented(address, process))
    finally:
        process.terminate()
        process.wait(STARTS_WITHIN_S)
