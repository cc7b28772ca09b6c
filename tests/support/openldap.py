"""A real OpenLDAP server for one test: its own folder, port and data, gone afterwards."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgesync.errors import PortUnavailable
from edgesync.port.ldap import LdapPort
from tests.support.peers import require_tool

PASSWORD = b"secret"
SCHEMAS = ("core", "cosine", "inetorgperson")
STARTS_WITHIN_S = 20.0
PORTS_TRIED = 3
"""A port that was free a moment ago may be taken by a test beside this one."""


@dataclass
class Slapd:
    """A running slapd with one database."""

    url: str
    suffix: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def admin(self) -> str:
        return f"cn=admin,{self.suffix}"

    def port(self) -> LdapPort:
        return LdapPort.connect(self.url, self.admin, PASSWORD)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(STARTS_WITHIN_S)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STARTS_WITHIN_S)


def _configuration(
    folder: Path, suffix: str, provider: bool, session_log: bool, directives: Sequence[str]
) -> str:
    lines = [f"include /etc/ldap/schema/{name}.schema" for name in SCHEMAS]
    lines += [f"pidfile {folder}/slapd.pid", "modulepath /usr/lib/ldap", "moduleload back_mdb"]
    if provider:
        lines.append("moduleload syncprov")
    lines += [
        "database mdb",
        f'suffix "{suffix}"',
        f'rootdn "cn=admin,{suffix}"',
        f"rootpw {PASSWORD.decode()}",
        f"directory {folder}/data",
        "dbnosync",
        *(directives or ("maxsize 268435456",)),
        "index objectClass,entryCSN,entryUUID eq",
    ]
    if provider:
        lines.append("overlay syncprov")
    if provider and session_log:
        lines.append("syncprov-sessionlog 1000")
    return "\n".join([*lines, ""])


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start(
    folder: Path,
    suffix: str,
    *,
    provider: bool = True,
    port: int = 0,
    session_log: bool = True,
    directives: Sequence[str] = (),
) -> Slapd:
    """Start slapd on a folder, which may hold data of an earlier start.

    The database directives given take the place of its usual size limit.
    """
    program = require_tool("slapd")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    file = folder / "slapd.conf"
    file.write_text(_configuration(folder, suffix, provider, session_log, directives))
    for _ in range(1 if port else PORTS_TRIED):
        url = f"ldap://127.0.0.1:{port or _free_port()}"
        process = subprocess.Popen(
            [program, "-f", str(file), "-h", url, "-d", "0"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if _answers(url, process):
            return Slapd(url, suffix, folder, process)
    raise AssertionError("slapd ended at once")


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait for a server's first answer; False when it ended, as where somebody took its port."""
    until = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None:
        assert time.monotonic() < until, "slapd does not answer"
        time.sleep(0.05)  # one that cannot bind ends sooner: another may answer at its port
        try:
            LdapPort.connect(url).close()
        except PortUnavailable:
            continue
        return process.poll() is None
    return False


def load_ldif(server: Slapd, *files: Path) -> None:
    """Add LDIF files with OpenLDAP's own tool."""
    for file in files:
        subprocess.run(
            [require_tool("ldapsearch").replace("ldapsearch", "ldapadd"), "-x", "-H", server.url,
             "-D", server.admin, "-w", PASSWORD.decode(), "-f", str(file)],
            check=True, capture_output=True,
        )  # fmt: skip


@contextmanager
def slapd(
    folder: Path, suffix: str, *, provider: bool = True, session_log: bool = True
) -> Iterator[Slapd]:
    """A server that runs until the block ends."""
    server = start(folder, suffix, provider=provider, session_log=session_log)
    try:
        yield server
    finally:
        server.stop()
