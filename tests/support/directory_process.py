"""``python -m directory`` as its users run it: a process of its own, found by its ready file."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers import ROOT

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0

ADMIN = "cn=admin,dc=example,dc=com"
PASSWORD = "secret"


@dataclass(frozen=True, slots=True)
class Served:
    """A running server and what its ready file says."""

    process: subprocess.Popen[bytes]
    ldap: str
    ldaps: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.ldap.rpartition(":")[2])

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT_S)


@contextlib.contextmanager
def served(
    folder: Path,
    *options: str,
    admin: str = ADMIN,
    timeout_s: float = START_TIMEOUT_S,
    program: Sequence[str] = ("-m", "directory"),
    environment: Mapping[str, str] | None = None,
) -> Iterator[Served]:
    """A stand-alone server on free ports of loopback; ``program`` is what Python runs."""
    ready, log = folder / "ready.json", folder / "server.log"
    password = folder / "password"
    password.write_text(PASSWORD)
    ready.unlink(missing_ok=True)
    command = [sys.executable, *program, "--listen", "127.0.0.1:0"]
    command += ["--ready-file", str(ready), "--admin-password-file", str(password)]
    if admin:
        command += ["--admin-dn", admin]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *options], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        document = _wait(process, ready, log, timeout_s)
        yield Served(process, document.get("ldap", ""), document.get("ldaps", ""), log)
        assert b"Traceback" not in log.read_bytes(), log.read_text()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_TIMEOUT_S)
            finally:
                process.kill()


def _wait(
    process: subprocess.Popen[bytes], ready: Path, log: Path, timeout_s: float
) -> dict[str, str]:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if ready.exists():
            document: dict[str, str] = json.loads(ready.read_text())
            return document
        if process.poll() is not None:
            break
        time.sleep(0.02)
    raise AssertionError(f"the server did not start: {log.read_text()}")
