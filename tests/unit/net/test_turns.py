"""Nobody with one question waits for somebody else's thousand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, cast

from directory.dsa.session import Session
from directory.model.controls import Control
from directory.model.dn import DN
from directory.model.messages import (
    BindRequest,
    BindResponse,
    CompareRequest,
    CompareResponse,
    LdapMessage,
    Reply,
    Request,
    SimpleCredentials,
)
from directory.net.connection import ClientSession
from directory.net.limits import LARGE_REQUEST, TURN_S
from directory.net.server import DirectoryServer
from directory.wire.connection import DisconnectionReceived
from directory.wire.messages import encode_message
from tests.support.agents import DictAgent
from tests.support.listener import Client, serve

SUFFIX = DN.parse("dc=test")
MANY = 30


class Slow(DictAgent):
    """Each request takes a third of a turn, by a clock that only it moves."""

    def __init__(self, clock: list[float], expected: int) -> None:
        super().__init__()
        self.clock = clock
        self.expected = expected
        self.all_asked = asyncio.Event()
        self.asked: list[int] = []

    def execute(
        self,
        session: Session,
        request: Request,
        controls: Sequence[Control] = (),
        *,
        message_id: int = 0,
    ) -> Iterator[Reply]:
        self.asked.append(message_id)
        self.clock[0] += TURN_S / 3
        if len(self.asked) == self.expected:
            self.all_asked.set()
        return super().execute(session, request, controls, message_id=message_id)


class Socket:
    """A transport that keeps nothing."""

    def get_extra_info(self, name: str) -> object:
        return ("127.0.0.1", 1) if name == "peername" else None

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def _requests(ids: Sequence[int], size: int = 1) -> bytes:
    request = CompareRequest(SUFFIX, "dc", b"x" * size)
    return b"".join(encode_message(LdapMessage(number, request)) for number in ids)


async def _order(*asked: bytes, expected: int) -> list[int]:
    """The order in which the requests of clients are executed that ask at the same time."""
    loop = asyncio.get_running_loop()
    clock = [loop.time()]
    loop.time = lambda: clock[0]  # type: ignore[method-assign]  # time that the test moves
    agent = Slow(clock, expected)
    server = DirectoryServer(agent, ())
    server.attach(loop)
    for data in asked:
        client = ClientSession(server, is_tls=False)
        client.connection_made(cast("asyncio.Transport", Socket()))
        loop.call_soon(client.data_received, data)
    await agent.all_asked.wait()
    return agent.asked


def test_one_question_is_answered_before_the_rest_of_a_thousand() -> None:
    thousand = _requests(range(1, MANY + 1))
    order = asyncio.run(_order(thousand, _requests([999]), expected=MANY + 1))
    assert order.index(999) < 6
    assert [number for number in order if number != 999] == list(range(1, MANY + 1))


def test_two_who_ask_much_take_turns() -> None:
    one, other = _requests(range(1, MANY + 1)), _requests(range(101, 101 + MANY))
    order = asyncio.run(_order(one, other, expected=2 * MANY))
    changes = sum((a > 100) != (b > 100) for a, b in pairwise(order))
    assert changes > MANY / 3


def test_large_requests_of_many_do_not_keep_a_question_waiting() -> None:
    large = [_requests([number], LARGE_REQUEST) for number in range(1, MANY + 1)]
    order = asyncio.run(_order(*large, _requests([999]), expected=MANY + 1))
    assert order.index(999) < 6
    assert [number for number in order if number != 999] == list(range(1, MANY + 1))


class Hashing(DictAgent):
    """A bind takes until somebody allows it."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = threading.Event()
        self.begun = threading.Event()

    def password_work(self, session: Session, request: BindRequest) -> Callable[[], None]:
        def work() -> None:
            self.begun.set()
            assert self.may_end.wait(20)

        return work


def test_nobody_waits_for_the_hashing_of_another_s_password() -> None:
    agent = Hashing()
    with serve(agent) as server, Client(server.address) as one, Client(server.address) as other:
        one.send(BindRequest(3, "cn=x", SimpleCredentials(b"x")))
        one.send(CompareRequest(SUFFIX, "dc", b"x"))
        assert agent.begun.wait(20)
        assert isinstance(other.ask(CompareRequest(SUFFIX, "dc", b"x"))[-1].operation,
                          CompareResponse)  # fmt: skip
        assert [type(request) for request, _ in agent.seen] == [CompareRequest]
        agent.may_end.set()
        answers = [type(one.receive().operation) for _ in range(2)]
    assert answers == [BindResponse, CompareResponse]
    assert [type(request) for request, _ in agent.seen][1:] == [BindRequest, CompareRequest]


def test_a_server_that_stops_does_not_wait_for_hashing_and_binds_nobody_any_more() -> None:
    agent = Hashing()
    with serve(agent) as server:
        one = Client(server.address)
        one.send(BindRequest(3, "cn=x", SimpleCredentials(b"x")))
        assert agent.begun.wait(20)
    with one:
        assert isinstance(one.next_event(), DisconnectionReceived)
    agent.may_end.set()
    assert not agent.seen
