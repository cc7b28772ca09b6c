"""What load is put on a server, and the two programs that do it, each in a process of its own.

Ours is Python and needs nothing; ldap-load is C, faster than any server, and built here when its
folder is given. Both send requests as they stand and count answers.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from directory.wire import tags
from scripts.benchmark.row import NotHere

SLACK_S = 180.0
"""How much longer than asked a client may take: slow servers finish what is under way."""

COMPARE_TRUE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests of a file over so many connections, so many of them under way on each."""

    port: int
    requests: Path
    connections: int
    depth: int
    seconds: float
    in_order: bool = False
    is_tls: bool = False
    bind_dn: str = ""
    password: str = ""
    at_most: int = 0


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What a client counted."""

    operations: int
    entries: int
    seconds: float
    p50_us: float
    p99_us: float
    errors: int


class LoadClient(Protocol):
    """Puts load on a server."""

    name: str
    folder: Path | None

    def run(self, load: Load) -> LoadResult:
        """Do it and count."""
        ...


class OwnClient:
    """Our pipelined client (``scripts.benchmark.load_client``)."""

    name = "our client"
    folder: Path | None = None

    def run(self, load: Load) -> LoadResult:
        """Do it and count."""
        command = [sys.executable, "-m", "scripts.benchmark.load_client", str(load.port),
                   str(load.requests), "--connections", str(load.connections),
                   "--depth", str(load.depth), "--seconds", str(load.seconds),
                   "--at-most", str(load.at_most)]  # fmt: skip
        command += ["--in-order"] * load.in_order + ["--tls"] * load.is_tls
        if load.bind_dn:
            command += ["--bind", load.bind_dn, "--password", load.password]
        found: Any = _output(command, load)
        return LoadResult(**found)


class LdapLoad:
    """The C client, from its folder.

    Raises:
        NotHere: when it or a compiler is missing.
    """

    name = "ldap-load"

    def __init__(self, source: Path, folder: Path) -> None:
        if not (source / "lload.c").exists() or shutil.which("cc") is None:
            raise NotHere(f"lload.c in {source}, and a C compiler")
        self.folder: Path | None = source
        self._plain, self._tls = folder / "lload", folder / "lload-tls"
        build = ["cc", "-O2", str(source / "lload.c"), "-lm", "-o"]
        subprocess.run([*build, str(self._plain)], check=True)
        secure = ["-DTLS", "-lssl", "-lcrypto"]
        subprocess.run([*build, str(self._tls), *secure], check=False, stderr=subprocess.DEVNULL)

    def run(self, load: Load) -> LoadResult:
        """Do it and count. Over TLS it cannot bind and stays anonymous."""
        program = self._tls if load.is_tls else self._plain
        if not program.exists():
            raise NotHere("OpenSSL's headers, for the load client")
        command = [str(program), "-p", str(load.port), "-c", str(load.connections),
                   "-d", str(load.depth), "-t", str(load.seconds)]  # fmt: skip
        command += [] if load.in_order else ["-r"]
        command += ["-n", str(load.at_most)] if load.at_most else []
        if load.is_tls:
            command += ["-S", "-"]
        elif load.bind_dn:
            command += ["-b", load.bind_dn, "-w", load.password]
        found = _output([*command, str(load.requests)], load)
        errors, operations = int(found["errs"]), int(found["ops"])
        if found["firsterr"] == COMPARE_TRUE and _is_compare(load.requests):
            errors = operations - errors  # it takes every result but 0 for one
        return LoadResult(operations, int(found["entries"]), found["secs"], found["p50us"],
                          found["p99us"], errors)  # fmt: skip


def _is_compare(requests: Path) -> bool:
    with requests.open("rb") as file:
        return file.read(5)[4] == tags.COMPARE_REQUEST


def _output(command: list[str], load: Load) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          timeout=load.seconds + SLACK_S)  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the load client failed: {done.stderr.strip()}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
