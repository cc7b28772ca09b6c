"""A power cut may come at any time: no answer leaves before a sync of everything it promises.

A kill cannot show that, for it leaves the kernel's cache. What a server asks of the kernel does:
strace writes it down, and between what it put into the journal's log and an answer there is a sync.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from directory.model import messages as m
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.modification import replace
from scripts.crash.victim import attach
from tests.support.directory_process import ADMIN, PASSWORD, served
from tests.support.listener import Client
from tests.support.peers import BY_DESIGN, require_tool

SUFFIX = DN.parse("dc=example,dc=com")
ROOT_LDIF = "version: 1\n\ndn: dc=example,dc=com\nobjectClass: domain\ndc: example\n"
CLIENTS = 3
ROUNDS = 20
TOGETHER = 5
"""Requests of each client under way at once."""

FRAMES = {"24", "4096"}
"""What SQLite writes of a page: a frame's header, and the page. The room behind a log is larger."""

_CALL = re.compile(r"\s*\d+\s+(?P<call>\w+)\(\d+<(?P<file>[^>]*)>.*\)\s+= (?P<result>\d+)")


@dataclass
class Told:
    """What strace saw."""

    frames: int = 0
    syncs: int = 0
    answers: int = 0
    early: int = 0
    """Answers that left while something of the log was not synced."""


def read(trace: Path) -> Told:
    told, is_dirty = Told(), False
    for line in trace.read_text("utf-8", "replace").splitlines():
        found = _CALL.match(line)
        if found is None:
            continue
        call, file = found["call"], found["file"]
        if file.endswith("journal.db-wal"):
            if call == "fdatasync":
                told.syncs += 1
                is_dirty = False
            elif found["result"] in FRAMES:
                told.frames += 1
                is_dirty = True
        elif file.startswith("socket:"):
            told.answers += 1
            told.early += is_dirty
    return told


def load(port: int) -> None:
    """Adds one at a time and several at once, and changes of what was added."""
    clients = [Client(("127.0.0.1", port)) for _ in range(CLIENTS)]
    for client in clients:
        client.bind(ADMIN, PASSWORD.encode())
    count = 0
    for number in range(ROUNDS):
        together = TOGETHER if number % 2 else 1
        for client in clients[: 1 + number % CLIENTS]:
            for _ in range(together):
                count += 1
                dn = SUFFIX.child("cn", f"n{count}")
                person = {"objectClass": (b"inetOrgPerson",), "sn": (b"x",)}
                client.send(m.AddRequest(Entry(dn, person | {"cn": (b"n%d" % count,)})))
                client.send(m.ModifyRequest(dn, (replace("sn", b"y"),)))
        for client in clients[: 1 + number % CLIENTS]:
            for _ in range(2 * together):
                operation = client.receive().operation
                assert isinstance(operation, m.AddResponse | m.ModifyResponse)
                assert operation.result.code == 0, operation
    for client in clients:
        client.socket.close()


def traced(folder: Path, durability: str) -> Told:
    require_tool("strace")
    (folder / "root.ldif").write_text(ROOT_LDIF, "utf-8")
    trace = folder / "trace"
    options = ("--ldif", str(folder / "root.ldif"), "--database", str(folder / "journal.db"))
    with served(folder, *options, "--durability", durability) as server:
        try:
            tracer = attach(server.process.pid, "-y", "-s", "0", "-o", str(trace), "-e",
                            "trace=pwrite64,fdatasync,write,sendto,sendmsg")  # fmt: skip
        except RuntimeError as error:
            pytest.skip(f"{BY_DESIGN}{error}")
        try:
            load(server.port)
        finally:
            tracer.send_signal(signal.SIGTERM)
            tracer.wait()
    return read(trace)


@pytest.mark.peers
def test_no_answer_leaves_before_what_it_promises_is_synced(tmp_path: Path) -> None:
    told = traced(tmp_path, "full")
    assert told.early == 0
    assert told.syncs >= ROUNDS
    assert told.frames > told.syncs
    assert told.answers >= ROUNDS


@pytest.mark.peers
def test_without_syncs_the_same_look_finds_answers_that_left_before(tmp_path: Path) -> None:
    told = traced(tmp_path, "normal")
    assert told.early >= ROUNDS
    assert told.syncs == 0
