"""Adds of several clients carried out together are answered and stored as if each came alone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.dsa.bulk_add import BulkAdd
from directory.dsa.session import ANONYMOUS, LOCAL, Session
from directory.model import ber
from directory.model import messages as m
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import parse_filter
from directory.model.modification import replace
from directory.net.connection import ClientSession
from directory.net.server import DirectoryServer
from directory.wire.encode import encode_operation
from directory.wire.frame import envelope
from tests.support.directories import SUFFIX, Bench, generic

CLIENTS = 3

UPDATES = st.lists(
    st.sampled_from(
        ["add", "add", "add", "add", "add two classes", "add again", "add without sn",
         "add below none", "modify", "delete", "nonsense"]
    ), max_size=9,
)  # fmt: skip
CHUNKS = st.tuples(UPDATES, UPDATES | st.just(["search"]))
"""What one client sends in a turn, in two portions; a search sees what came before it."""
TURNS = st.lists(st.lists(CHUNKS, min_size=CLIENTS, max_size=CLIENTS), min_size=1, max_size=4)
Turns = list[list[tuple[list[str], list[str]]]]


@dataclass
class Silent:
    """A transport that keeps what it is given."""

    written: list[bytes] = field(default_factory=list)

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_extra_info(self, name: str) -> object:
        return ("127.0.0.1", 1) if name == "peername" else None

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: 0


class Asker:
    """One client and what it asks for; its names are its own."""

    def __init__(self, name: str, server: DirectoryServer, *, alone: bool) -> None:
        self.name = name
        self.transport = Silent()
        self.session = ClientSession(server, is_tls=False)
        self.session.connection_made(cast("asyncio.Transport", self.transport))
        self.session.session.identity = LOCAL
        if alone:
            operations: Any = self.session._operations
            operations._client = operations._commits = None
        self.count = self.message = 0

    def ask(self, chunk: list[str]) -> None:
        data = b""
        for each in chunk:
            self.message += 1
            data += envelope(ber.integer(self.message), self.operation(each))
        if data:
            self.session.data_received(data)

    def operation(self, what: str) -> bytes:
        last = self.dn(self.count)
        match what:
            case "search":
                found = parse_filter(f"(sn={self.name}*)")
                return encode_operation(
                    m.SearchRequest(SUFFIX, m.Scope.ONE, found, ("cn", "description"))
                )
            case "modify":
                return encode_operation(m.ModifyRequest(last, (replace("description", b"new"),)))
            case "delete":
                return encode_operation(m.DeleteRequest(last))
            case "nonsense":
                return b"\x68\x03\x04\x01x"
        dn = last
        if what != "add again":
            self.count += 1
            dn = self.dn(self.count)
        if what == "add below none":
            dn = SUFFIX.child("ou", "nowhere").child("cn", f"{self.name}{self.count}")
        classes = (b"person",)  # an account would be no pattern
        attributes = {
            "objectClass": (b"top", *classes) if what == "add two classes" else classes,
            "cn": (f"{self.name}{self.count}".encode(),),
            "sn": (f"{self.name}{self.count}".encode(),),
            "telephoneNumber": (b"1", b"2"),
        }
        if what == "add without sn":
            del attributes["sn"]
        return encode_operation(m.AddRequest(Entry(dn, attributes)))

    def dn(self, number: int) -> DN:
        return SUFFIX.child("cn", f"{self.name}{number}")


def content(made: Bench) -> object:
    """What is there, but for what depends on the order in which clients came."""
    return sorted(
        (e.normal, sorted(zip(e.shape.names, e.blobs, strict=True)))
        for e in made.agent.store.dit.live()
    )


def played(turns: Turns, *, alone: bool) -> tuple[list[bytes], object]:
    """What each client was answered, and what there is in the end."""

    async def play() -> tuple[list[bytes], object]:
        made = generic()
        server = DirectoryServer(made.agent, ())
        server.attach(asyncio.get_running_loop())
        clients = [Asker(name, server, alone=alone) for name in ("ann", "bob", "eve")]
        for turn in turns:
            for part in range(2):
                for client, chunks in zip(clients, turn, strict=True):
                    client.ask(chunks[part])
            for _ in range(9):
                await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert made.agent.store.verify() == []
        return [b"".join(client.transport.written) for client in clients], content(made)

    return asyncio.run(play())


@settings(max_examples=120, deadline=None)
@given(TURNS)
def test_together_or_alone_the_answers_and_the_directory_are_the_same(turns: Turns) -> None:
    assert played(turns, alone=False) == played(turns, alone=True)


def test_of_two_who_add_the_same_name_at_once_one_is_refused() -> None:
    async def add() -> list[bytes]:
        server = DirectoryServer(generic().agent, ())
        server.attach(asyncio.get_running_loop())
        clients = [Asker("same", server, alone=False) for _ in range(2)]
        for client in clients:
            client.ask(["add"] * 5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [b"".join(client.transport.written) for client in clients]

    first, second = asyncio.run(add())
    assert first.count(b"\x69\x07\x0a\x01\x00") == 5
    assert second.count(b"\x0a\x01\x44") == 5


def test_adds_of_somebody_who_may_not_are_refused_beside_those_of_somebody_who_may() -> None:
    async def add() -> tuple[list[bytes], int]:
        made = generic()
        server = DirectoryServer(made.agent, ())
        server.attach(asyncio.get_running_loop())
        clients = [Asker(name, server, alone=False) for name in ("ann", "bob")]
        clients[0].ask(["add"])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        clients[1].session.session.identity = ANONYMOUS
        for client in clients:
            client.ask(["add"] * 5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [b"".join(c.transport.written) for c in clients], made.agent.store.count

    (first, second), count = asyncio.run(add())
    assert first.count(b"\x69\x07\x0a\x01\x00") == 6
    assert second.count(b"\x69\x07\x0a\x01\x00") == 0
    assert second.count(b"\x69") >= 5
    assert count == 7


def test_adds_through_a_global_catalog_are_refused_beside_those_that_are_not() -> None:
    async def add() -> tuple[list[bytes], int]:
        made = generic()
        server = DirectoryServer(made.agent, ())
        server.attach(asyncio.get_running_loop())
        clients = [Asker(name, server, alone=False) for name in ("ann", "bob")]
        for _ in range(2):  # a pattern is known from here on
            clients[0].ask(["add"])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        before = made.agent.store.count
        clients[1].session.session.is_global_catalog = True
        for client in clients:
            client.ask(["add"] * 5)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert clients[0].session.session.author == clients[1].session.session.author
        written = [b"".join(c.transport.written) for c in clients]
        return written, made.agent.store.count - before

    (first, second), added = asyncio.run(add())
    assert first.count(b"\x69\x07\x0a\x01\x00") == 7
    assert second.count(b"\x69\x07\x0a\x01\x00") == 0
    assert added == 5


def test_adds_of_several_clients_are_carried_out_together(monkeypatch: pytest.MonkeyPatch) -> None:
    together: list[tuple[int, bool]] = []
    add_read = BulkAdd.add_read

    def counted(self: BulkAdd, session: Session, entries: Any) -> bool:
        are_added = add_read(self, session, entries)
        together.append((len(entries), are_added))
        return are_added

    monkeypatch.setattr(BulkAdd, "add_read", counted)
    played([[(["add"], []) for _ in range(CLIENTS)] for _ in range(3)], alone=False)
    assert together == []  # too few
    turn: list[tuple[list[str], list[str]]] = [(["add"] * 2, []) for _ in range(CLIENTS)]
    first: list[tuple[list[str], list[str]]] = [(["add"], []), ([], []), ([], [])]
    played([first, first, turn, turn], alone=False)  # a pattern is known after the first
    assert together == [(6, True), (6, True)]
