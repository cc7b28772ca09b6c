"""What a client sees of the listener: order, limits, TLS, and an end with a reason."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
import uvloop

from directory.dsa.session import Session
from directory.errors import JournalError, ResultCode
from directory.model import messages, oids
from directory.model.controls import Control
from directory.model.dn import DN
from directory.model.filter import Equality
from directory.model.messages import (
    AbandonRequest,
    ExtendedRequest,
    ExtendedResponse,
    LdapResult,
    Reply,
    Request,
    SearchRequest,
    SearchResultDone,
    SearchResultEntry,
    UnbindRequest,
)
from directory.net import turns
from directory.net.limits import ListenerLimits
from directory.net.server import Address
from directory.net.tls import server_context
from directory.wire.connection import DisconnectionReceived, ResponseReceived
from directory.wire.messages import encode_message
from tests.support import listener
from tests.support.agents import DictAgent, person
from tests.support.listener import Client, Running
from tests.support.tls import certificate_files, client_context

Serve = Callable[..., AbstractContextManager[Running]]
SUFFIX = DN.parse("dc=test")
EVERYTHING = SearchRequest(SUFFIX)
PERSISTING = SearchRequest(SUFFIX, filter=Equality("cn", b"persist"))


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def serve(request: pytest.FixtureRequest) -> Serve:
    """Serve on each of the event loops the product runs on."""
    return partial(listener.serve, loop_factory=request.param)


@pytest.fixture
def agent() -> DictAgent:
    return DictAgent([person(number) for number in range(20)])


@pytest.fixture
def server(agent: DictAgent, serve: Serve) -> Iterator[Running]:
    with serve(agent) as running:
        yield running


def test_a_search_answers_its_entries_and_then_its_end(server: Running) -> None:
    with Client(server.address) as client:
        answers = client.ask(EVERYTHING)
    assert len(answers) == 21
    assert isinstance(answers[-1].operation, SearchResultDone)


def test_requests_sent_together_are_answered_in_order(server: Running) -> None:
    with Client(server.address) as client:
        ids = [client.send(messages.CompareRequest(SUFFIX, "dc", b"x")) for _ in range(50)]
        assert [client.receive().message_id for _ in ids] == ids


def test_a_bug_in_one_request_is_an_answer_and_not_the_end(server: Running) -> None:
    with Client(server.address) as client:
        failed = client.ask(SearchRequest(SUFFIX, filter=Equality("cn", b"explode")))[-1].operation
        assert isinstance(failed, SearchResultDone)
        assert failed.result == LdapResult(ResultCode.OTHER, diagnostic="internal error")
        assert len(client.ask(EVERYTHING)) == 21


def test_bytes_that_are_not_ldap_get_a_notice_of_disconnection(server: Running) -> None:
    with Client(server.address) as client:
        client.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        event = client.next_event()
        assert isinstance(event, DisconnectionReceived)
        assert event.result.code == ResultCode.PROTOCOL_ERROR
        assert client.next_event() is None


def test_a_request_before_the_bad_bytes_is_still_answered(server: Running) -> None:
    with Client(server.address) as client:
        _, data = client.connection.send(messages.CompareRequest(SUFFIX, "dc", b"x"))
        client.socket.sendall(data + b"\x00\x00")
        assert isinstance(client.next_event(), ResponseReceived)
        assert isinstance(client.next_event(), DisconnectionReceived)


def test_unbind_closes_the_connection(server: Running, agent: DictAgent) -> None:
    with Client(server.address) as client:
        client.send(UnbindRequest())
        assert client.next_event() is None
    assert agent.closed == 1


def test_a_dump_larger_than_every_buffer_arrives_whole(serve: Serve) -> None:
    agent = DictAgent([person(number, size=10_000) for number in range(2_000)])
    with serve(agent) as server, Client(server.address) as client:
        assert len(client.ask(EVERYTHING)) == 2_001


def test_a_client_that_does_not_read_stops_the_answers_from_being_made(serve: Serve) -> None:
    produced = threading.Semaphore(0)
    count = 0

    class Endless(DictAgent):
        def _search(self, request: messages.SearchRequest) -> Iterator[Reply]:
            nonlocal count
            entry = person(1, size=100_000)
            while True:
                count += 1
                produced.release()
                yield Reply(SearchResultEntry(entry))

    with serve(Endless()) as server, Client(server.address) as client:
        client.send(EVERYTHING)
        assert produced.acquire(timeout=10)
        while produced.acquire(timeout=0.5):
            pass
        assert count * 100_000 < 40_000_000  # the kernel's buffers and ours, not the directory
        with Client(server.address) as other:
            other.bind()


def test_a_client_that_never_reads_is_cut_off(serve: Serve, agent: DictAgent) -> None:
    limits = ListenerLimits(stalled_timeout_s=0.2)
    big = DictAgent([person(number, size=100_000) for number in range(500)])
    with serve(big, limits=limits) as server, Client(server.address) as client:
        client.bind()
        client.send(EVERYTHING)
        deadline = time.monotonic() + 15
        while server.server.connection_count and time.monotonic() < deadline:
            time.sleep(0.05)
        assert server.server.connection_count == 0


def test_an_idle_client_is_told_and_closed(serve: Serve, agent: DictAgent) -> None:
    limits = ListenerLimits(idle_timeout_s=0.2)
    with serve(agent, limits=limits) as server, Client(server.address) as client:
        client.bind()
        event = client.next_event()
        assert isinstance(event, DisconnectionReceived)
        assert event.result.diagnostic == "idle for too long"


def test_one_connection_too_many_is_told_so(serve: Serve, agent: DictAgent) -> None:
    limits = ListenerLimits(connections=2)
    with serve(agent, limits=limits) as server, Client(server.address) as one:
        one.bind()
        two = Client(server.address)
        two.bind()
        with Client(server.address) as three:
            event = three.next_event()
            assert isinstance(event, DisconnectionReceived)
            assert event.result.code == ResultCode.BUSY
        two.bind()
        two.socket.close()


def test_stopping_tells_every_client(serve: Serve, agent: DictAgent) -> None:
    with serve(agent) as server:
        client = Client(server.address)
        client.bind()
    event = client.next_event()
    assert isinstance(event, DisconnectionReceived)
    assert event.result.code == ResultCode.UNAVAILABLE
    client.socket.close()


# abandon and cancel ---------------------------------------------------------------------------


def _cancel(message_id: int) -> ExtendedRequest:
    return ExtendedRequest(oids.CANCEL, bytes((0x30, 3, 2, 1, message_id)))


def test_an_abandoned_search_is_never_answered(server: Running, agent: DictAgent) -> None:
    with Client(server.address) as client:
        message_id = client.send(PERSISTING)
        client.send(AbandonRequest(message_id))
        assert client.ask(ExtendedRequest(oids.WHO_AM_I))[-1].message_id == message_id + 2
    assert agent.abandoned == [message_id]


def test_a_cancelled_search_ends_with_canceled_and_cancel_succeeds(server: Running) -> None:
    with Client(server.address) as client:
        message_id = client.send(PERSISTING)
        cancel_id = client.send(_cancel(message_id))
        ended, done = client.receive(), client.receive()
    assert isinstance(ended.operation, SearchResultDone)
    assert (ended.message_id, ended.operation.result.code) == (message_id, ResultCode.CANCELED)
    assert isinstance(done.operation, ExtendedResponse)
    assert (done.message_id, done.operation.result.code) == (cancel_id, ResultCode.SUCCESS)


def test_cancelling_what_is_not_there_says_so(server: Running) -> None:
    with Client(server.address) as client:
        answer = client.ask(_cancel(99))[-1].operation
        assert isinstance(answer, ExtendedResponse)
        assert answer.result.code == ResultCode.NO_SUCH_OPERATION


def test_a_bind_ends_what_persists(server: Running, agent: DictAgent) -> None:
    with Client(server.address) as client:
        message_id = client.send(PERSISTING)
        client.bind()
    assert agent.abandoned == [message_id]


def test_what_the_directory_delivers_reaches_the_search_that_persists(
    server: Running, agent: DictAgent
) -> None:
    with Client(server.address) as client:
        message_id = client.send(PERSISTING)
        client.ask(ExtendedRequest(oids.WHO_AM_I))
        deliver = agent.sessions[0].deliver
        assert deliver is not None
        deliver(message_id, Reply(SearchResultEntry(person(7))))  # from this, another, thread
        answer = client.receive()
    assert answer.message_id == message_id
    assert answer.operation == SearchResultEntry(person(7))


# durability -----------------------------------------------------------------------------------


class Journalled(DictAgent):
    """Applies changes at once and makes them durable when told."""

    def __init__(self) -> None:
        super().__init__()
        self.has_uncommitted = False
        self.commits = 0
        self.is_broken = False

    def execute(
        self,
        session: Session,
        request: Request,
        controls: Sequence[Control] = (),
        *,
        message_id: int = 0,
    ) -> Iterator[Reply]:
        if isinstance(request, messages.AddRequest):
            assert session.group_commit
            self.has_uncommitted = True
        yield from super().execute(session, request, controls, message_id=message_id)

    def commit_group(self) -> None:
        if self.is_broken:
            raise JournalError("disk full")
        self.commits += 1
        self.has_uncommitted = False


def test_changes_that_arrive_together_share_one_commit(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_S", 60.0)  # a slow machine would make two of them
    agent = Journalled()
    with serve(agent) as server, Client(server.address) as client:
        data = b""
        for number in range(40):
            data += client.connection.send(messages.AddRequest(person(number)))[1]
        client.socket.sendall(data)
        for _ in range(40):
            client.receive()
        assert agent.commits == 1
        assert not agent.has_uncommitted


def test_no_change_is_acknowledged_that_could_not_be_made_durable(serve: Serve) -> None:
    agent = Journalled()
    agent.is_broken = True
    with serve(agent) as server, Client(server.address) as client:
        client.send(messages.AddRequest(person(1)))
        event = client.next_event()
        assert isinstance(event, DisconnectionReceived)
        assert event.result.code == ResultCode.UNAVAILABLE
        agent.is_broken = False
        agent.has_uncommitted = False


# TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate_files(tmp_path_factory.mktemp("tls"))


def test_ldaps_serves_and_knows_that_it_is_secure(
    serve: Serve, agent: DictAgent, pem: tuple[Path, Path]
) -> None:
    listen = (Address("127.0.0.1", 0, is_tls=True),)
    with serve(agent, listen=listen, tls=server_context(*pem)) as server:
        client = Client(server.address, client_context(pem[0]))
        assert len(client.ask(EVERYTHING)) == 21
        client.socket.close()
    assert agent.sessions[0].is_secure


def test_starttls_makes_the_same_connection_secure(
    serve: Serve, agent: DictAgent, pem: tuple[Path, Path]
) -> None:
    with serve(agent, tls=server_context(*pem)) as server, Client(server.address) as client:
        client.bind()
        answer = client.ask(ExtendedRequest(oids.START_TLS))[-1].operation
        assert answer == ExtendedResponse(LdapResult(), oids.START_TLS)
        client.secure(client_context(pem[0]))
        assert len(client.ask(EVERYTHING)) == 21
        assert isinstance(client.socket, ssl.SSLSocket)
        again = client.ask(ExtendedRequest(oids.START_TLS))[-1].operation
        assert isinstance(again, ExtendedResponse)
        assert again.result.code == ResultCode.OPERATIONS_ERROR
    assert agent.sessions[-1].is_secure


def test_plaintext_pushed_behind_starttls_is_never_executed(
    serve: Serve, agent: DictAgent, pem: tuple[Path, Path]
) -> None:
    with serve(agent, tls=server_context(*pem)) as server, Client(server.address) as client:
        _, start = client.connection.send(ExtendedRequest(oids.START_TLS))
        _, injected = client.connection.send(messages.DeleteRequest(person(1).dn))
        client.socket.sendall(start + injected)
        assert isinstance(client.next_event(), DisconnectionReceived)
    assert agent.seen == []


def test_starttls_without_a_certificate_is_refused_and_the_session_goes_on(
    server: Running,
) -> None:
    with Client(server.address) as client:
        answer = client.ask(ExtendedRequest(oids.START_TLS))[-1].operation
        assert isinstance(answer, ExtendedResponse)
        assert answer.result.code == ResultCode.UNAVAILABLE
        assert len(client.ask(EVERYTHING)) == 21


def test_a_failed_handshake_leaves_nothing_behind(
    serve: Serve, agent: DictAgent, pem: tuple[Path, Path]
) -> None:
    with serve(agent, tls=server_context(*pem)) as server, Client(server.address) as client:
        client.ask(ExtendedRequest(oids.START_TLS))
        client.socket.sendall(encode_message(messages.LdapMessage(9, UnbindRequest())) * 20)
        deadline = time.monotonic() + 15
        while server.server.connection_count and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.server.connection_count == 0
