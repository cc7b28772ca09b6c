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
    port: int
    tls_port: int
    root_dn: str
    log: Path

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"


@contextlib.contextmanager
def slapd(
    folder: Path,
    suffix: str,
    *,
    root_dn: str = "",
    root_password: str = ROOT_PASSWORD,
    schemas: tuple[str, ...] = (),
    lines: tuple[str, ...] = (),
    load: Path | None = None,
    tls: tuple[Path, Path] | None = None,
    fsync: bool = False,
    max_size: int = 4 << 30,
) -> Iterator[Slapd]:
    """A slapd with one database below ``folder``, kept there for the next one that runs in it.

    ``schemas`` are files to include, ``lines`` go into the database's configuration, ``load`` is
    LDIF to fill it with, ``tls`` a certificate and its key. With ``fsync`` a change is on disk when
    it is answered; ``max_size`` is the most octets the database may have.
    """
    program = require_tool("slapd")
    data = folder / "slapd"
    data.mkdir(exist_ok=True)
    root_dn = root_dn or f"cn=root,{suffix}"
    configuration = folder / "slapd.conf"
    names = [str(SCHEMA / f"{name}.schema") for name in ("core", "cosine", "inetorgperson")]
    secure = [f"TLSCertificateFile {tls[0]}", f"TLSCertificateKeyFile {tls[1]}"] if tls else []
    configuration.write_text(
        "\n".join(
            [
                *(f"include {path}" for path in (*names, *schemas)),
                f"modulepath {MODULES}", "moduleload back_mdb", f"pidfile {folder}/slapd.pid",
                *secure, "database mdb", f'suffix "{suffix}"', f'rootdn "{root_dn}"',
                f"rootpw {root_password}", f"directory {data}", f"maxsize {max_size}",
                *(() if fsync else ("dbnosync",)),
                "index objectClass eq", "index entryUUID eq", "index entryCSN eq", *lines,
            ]
        )
        + "\n"
    )  # fmt: skip
    if load is not None:
        command = [require_tool("slapadd"), "-q", "-f", str(configuration), "-l", str(load)]
        subprocess.run(command, check=True, capture_output=True)
    port, tls_port = _free_ports()
    urls = f"ldap://127.0.0.1:{port}" + (f" ldaps://127.0.0.1:{tls_port}" if tls else "")
    log = folder / "slapd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "-h", urls, "-f", str(configuration), "-d", "0" if load else "sync"],
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        _wait(process, port, log)
        yield Slapd(process, port, tls_port, root_dn, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
