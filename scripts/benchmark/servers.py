"""The servers that are measured, each a process of its own: this directory, and slapd."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scripts.benchmark import recipients
from scripts.benchmark.data import Data
from scripts.benchmark.probe import Probe
from scripts.benchmark.row import NotHere
from scripts.compiled.build import environment
from tests.support.directory_process import served
from tests.support.peers import find_tool
from tests.support.slapd import MODULES, slapd

Durability = Literal["full", "normal", "off"]
Indexes = Literal["eq", "eq,sub"]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    name: str
    pid: int
    port: int
    tls_port: int
    turns: Path | None = None
    """Where ours says how long the turns of its event loop took (``watched``)."""

    @contextmanager
    def watched(self) -> Iterator[Watch]:
        """Measure what the block's load does to the other clients."""
        with Probe(self.port) as probe:
            watch = Watch(probe)
            if self.turns is not None:
                self.turns.unlink(missing_ok=True)
                os.kill(self.pid, signal.SIGUSR1)
            yield watch
            if self.turns is not None:
                os.kill(self.pid, signal.SIGUSR2)
                until = time.monotonic() + REPORT_S
                while not self.turns.exists() and time.monotonic() < until:
                    time.sleep(PAUSE_S)
                watch.turn_ms = float(self.turns.read_text())


@dataclass(slots=True)
class Watch:
    """What the other clients noticed: of a probe's waits, and of turns of the event loop."""

    probe: Probe
    turn_ms: float | None = None


REPORT_S = 10.0
PAUSE_S = 0.002


def cpu_seconds(pid: int) -> float:
    """User and system time of a process's threads so far, to the nanosecond where Linux says it."""
    threads = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
    if threads:
        return sum(int(path.read_text().split()[0]) for path in threads) / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_octets(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def run_ours(
    folder: Path,
    data: Data,
    tls: tuple[Path, Path],
    *,
    durability: Durability,
    is_empty: bool,
    build: Path | None = None,
) -> Iterator[Server]:
    """This directory. ``normal`` is the pair of slapd without fsync, ``full`` of slapd with it.

    ``build`` is a folder of compiled modules (``scripts.compiled``) to run instead of this build.
    """
    folder.mkdir()
    ldif = data.base_ldif if is_empty else data.ldif
    options = ("--schema", str(data.schema), "--ldif", str(ldif), "--allow-anonymous-read")
    journal = ("--database", str(folder / "journal.db"), "--durability", durability)
    certificate = ("--certificate", str(tls[0]), "--key", str(tls[1]))
    program = ("-m", "scripts.benchmark.watched", str(folder / "turns"))
    with served(folder, *options, *journal, "--listen-tls", "127.0.0.1:0", *certificate,
                admin=recipients.ADMIN, timeout_s=START_TIMEOUT_S,
                program=program,
                environment=None if build is None else environment(build)) as server:  # fmt: skip
        tls_port = int(server.ldaps.rpartition(":")[2])
        yield Server("edgesync", server.process.pid, server.port, tls_port, folder / "turns")


START_TIMEOUT_S = 1200.0
"""A million entries take minutes to load."""

DATABASE_OCTETS = 16 << 30
"""What mdb may grow to: address space, not memory."""


@contextmanager
def run_slapd(
    folder: Path,
    data: Data,
    tls: tuple[Path, Path],
    *,
    fsync: bool,
    indexes: Indexes,
    is_empty: bool,
) -> Iterator[Server]:
    """OpenLDAP's slapd on mdb, with the indexes that the requests need and its usual access rules.

    Raises:
        NotHere: when it is not installed.
    """
    if find_tool("slapd") is None:
        raise NotHere("slapd")
    folder.mkdir()
    lines = (
        *(f"index {name} {indexes}" for name in ("mail", "proxyAddresses", "mailNickname")),
        "index objectGUID,uSNChanged eq", "limits * size=unlimited time=unlimited",
        "sizelimit unlimited",
        "access to attrs=userPassword by anonymous auth by * none",
        "access to * by users read by anonymous read",
        *(("moduleload argon2",) if Path(MODULES, "argon2.so").exists() else ()),
    )  # fmt: skip
    with slapd(
        folder, recipients.SUFFIX, root_dn=recipients.ADMIN,
        root_password=recipients.ADMIN_PASSWORD, schemas=(str(data.schema),), lines=lines,
        load=data.base_ldif if is_empty else data.ldif, tls=tls, fsync=fsync,
        max_size=DATABASE_OCTETS,
    ) as server:  # fmt: skip
        yield Server("slapd", server.process.pid, server.port, server.tls_port)
