"""OpenLDAP's slapd, configured by us: a consumer to replicate to, a server to compare."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import require_tool

SCHEMA = Path("/etc/ldap/schema")
MODULES = "/usr/lib/ldap"
ROOT_PASSWORD = "consumer"
START_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Slapd:
    """A running slapd."""

    process: subprocess.Popen[bytes]
    url: str
    root_dn: str
    log: Path


@contextlib.contextmanager
def slapd(
    folder: Path, suffix: str, *, schemas: tuple[str, ...] = (), lines: tuple[str, ...] = ()
) -> Iterator[Slapd]:
    """A slapd with one database below ``folder``, kept there for the next one that runs in it.

    ``schemas`` are files to include, ``lines`` go into the database's configuration.
    """
    program = require_tool("slapd")
    data = folder / "slapd"
    data.mkdir(exist_ok=True)
    root_dn = f"cn=root,{suffix}"
    configuration = folder / "slapd.conf"
    includes = [str(SCHEMA / f"{name}.schema") for name in ("core", "cosine", "inetorgperson")]
    configuration.write_text(
        "\n".join(
            [f"include {path}" for path in (*includes, *schemas)]
            + [f"modulepath {MODULES}", "moduleload back_mdb", f"pidfile {folder}/slapd.pid",
               "database mdb", f'suffix "{suffix}"', f'rootdn "{root_dn}"',
               f"rootpw {ROOT_PASSWORD}", f"directory {data}", "dbnosync", "maxsize 1073741824",
               "index objectClass eq", "index entryUUID eq", "index entryCSN eq", *lines]
        )
        + "\n"
    )  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, log = f"ldap://127.0.0.1:{port}", folder / "slapd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "-h", url, "-f", str(configuration), "-d", "sync"], stdout=output,
            stderr=output,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield Slapd(process, url, root_dn, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()
