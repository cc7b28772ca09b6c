"""A search that needs an index which is not there yet has it built between the others' turns."""

from __future__ import annotations

import pytest

from directory.dsa.session import Session
from directory.model.controls import ManageDsaIt, PagedResults
from directory.model.entry import Entry
from directory.model.filter import Or, parse_filter
from directory.model.messages import (
    AddRequest,
    BindRequest,
    LdapMessage,
    Request,
    SearchRequest,
    SimpleCredentials,
)
from directory.net.limits import LARGE_REQUEST
from directory.net.operations import Operations
from directory.net.output import Output
from directory.store import index
from directory.wire.connection import RequestReceived, ServerConnection
from directory.wire.frame import Frame
from directory.wire.messages import encode_message
from tests.support.directories import SUFFIX, Bench, generic

ENTRIES = 20
BIG = {"objectClass": (b"inetOrgPerson",), "cn": (b"big",), "sn": (b"x" * LARGE_REQUEST,)}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(index, "SLICE_ENTRIES", 4)
    made = generic()
    for number in range(ENTRIES):
        made.add(
            SUFFIX.child("cn", f"n{number}"), objectClass="inetOrgPerson", sn="x",
            displayName=f"N {number}",
        )  # fmt: skip
    return made


def turns(made: Bench, session: Session, text: str, *controls: PagedResults) -> int:
    """How many turns a search takes from its start to its last answer."""
    wire, output = ServerConnection(), Output()
    request = SearchRequest(SUFFIX, filter=parse_filter(text))
    wire.receive_data(encode_message(LdapMessage(1, request, controls)))
    frame = wire.next_frame()
    assert isinstance(frame, Frame)
    event = wire.interpret(frame)
    assert isinstance(event, RequestReceived)
    operations = Operations(made.agent, session, output, lambda: 0.0)
    operations.start(frame, event)
    count = 1
    while not operations.is_idle:
        assert not output.parts
        operations.advance(1)
        count += 1
    assert output.take()
    return count


def test_an_index_is_made_in_turns_and_then_is_there(made: Bench) -> None:
    assert turns(made, made.session, "(displayName=N 3)") > ENTRIES // 4
    assert turns(made, made.session, "(displayName=N 4)") == 1


def test_who_may_read_nothing_has_nothing_made(made: Bench) -> None:
    assert turns(made, Session(), "(displayName=N 3)") == 1
    assert made.agent.store.indexes.can_make("displayname")


def test_the_plain_path_waits_too(monkeypatch: pytest.MonkeyPatch, made: Bench) -> None:
    monkeypatch.setattr(made.agent.quick_search, "stream", lambda *_: None)
    assert turns(made, made.session, "(displayName=N 3)") > ENTRIES // 4
    assert turns(made, made.session, "(displayName=N 4)") == 1


def test_pages_and_order_wait_for_what_they_need(made: Bench) -> None:
    assert turns(made, made.session, "(displayName>=N 1)", PagedResults(size=5)) > ENTRIES // 4
    assert turns(made, made.session, "(displayName>=N 1)", PagedResults(size=5)) == 1
    assert not made.agent.store.verify()


@pytest.mark.parametrize(
    ("request_", "is_done"),
    [
        (AddRequest(Entry(SUFFIX.child("cn", "big"), BIG)), True),
        (BindRequest(3, "cn=x", SimpleCredentials(b"x" * LARGE_REQUEST)), True),
        (SearchRequest(SUFFIX, filter=Or((parse_filter("(cn=x)"),) * 4_000)), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_of_large_requests_only_a_search_waits_for_a_turn_of_its_own(
    made: Bench, request_: Request, is_done: bool
) -> None:
    wire, output = ServerConnection(), Output()
    wire.receive_data(encode_message(LdapMessage(1, request_, (ManageDsaIt(),))))
    frame = wire.next_frame()
    assert isinstance(frame, Frame)
    assert len(frame.operation) > LARGE_REQUEST
    event = wire.interpret(frame)
    assert isinstance(event, RequestReceived)
    operations = Operations(made.agent, made.session, output, lambda: 0.0)
    operations.start(frame, event)
    assert operations.is_idle is bool(output.parts) is is_done
