"""The servers that are attacked: processes of their own, as users start them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.directory_process import served

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY_PROGRAM = "-m", "edgesync"
UP_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Target:
    """A running process and where it listens: ``{"ldap": ("127.0.0.1", 1389), ...}``."""

    pid: int
    addresses: dict[str, tuple[str, int]]


@contextlib.contextmanager
def directory(entries: int) -> Iterator[Target]:
    """``python -m directory`` with so many people, readable by anybody: the worst case."""
    with tempfile.TemporaryDirectory(prefix="edgesync-load-") as place:
        folder = Path(place)
        people = folder / "people.ldif"
        people.write_text("".join(_people(entries)), "utf-8")
        options = ("--ldif", str(people), "--allow-anonymous-read", "--listen-tls", "127.0.0.1:0",
                   "--database", str(folder / "journal.db"))  # fmt: skip
        with served(folder, *options) as server:
            yield Target(server.process.pid, {"ldap": _of(server.ldap), "ldaps": _of(server.ldaps)})


@contextlib.contextmanager
def lab() -> Iterator[Target]:
    """A lab that is up: SMTP of HUB01, and the console."""
    with tempfile.TemporaryDirectory(prefix="edgesync-load-") as place:
        folder = Path(place) / "lab"
        _edgesync(folder, "lab", "new", "--hubs", "1", "--sites", "1", "--edges", "1",
                  "--recipients", "50")  # fmt: skip
        _edgesync(folder, "lab", "up", "--detach")
        try:
            run = json.loads((folder / "run.json").read_bytes())
            yield Target(
                run["pid"],
                {"smtp": _of(run["servers"]["HUB01"]["smtp"]), "http": _of(run["control"])},
            )
        finally:
            _edgesync(folder, "lab", "down")


def _edgesync(folder: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, *DIRECTORY_PROGRAM, *words, "--lab", str(folder), "-q"],
        check=True, cwd=ROOT, stdout=subprocess.DEVNULL, timeout=UP_TIMEOUT_S, env=os.environ,
    )  # fmt: skip


def _of(url: str) -> tuple[str, int]:
    host, _, port = url.rpartition("//")[2].rpartition(":")
    return host, int(port)


def _people(number: int) -> Iterator[str]:
    yield "version: 1\n\ndn: dc=example,dc=com\nobjectClass: domain\ndc: example\n"
    for index in range(number):
        uid = f"user{index:05}"
        yield (
            f"\ndn: uid={uid},dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: {uid}\n"
            f"cn: User {index}\nsn: {index}\nmail: {uid}@example.com\n"
            f"description: one of {number} people who only want to be left alone\n"
        )
