"""A directory that lies: what it can make a port do is an error, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from directory.errors import LdapError, ResultCode
from directory.limits import MESSAGE_SIZE_MAX
from directory.model import ber
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import (
    BindRequest,
    BindResponse,
    LdapMessage,
    LdapResult,
    ModifyRequest,
    ModifyResponse,
    Request,
    Response,
    SearchRequest,
    SearchResultDone,
    SearchResultEntry,
)
from directory.model.modification import replace
from directory.wire.connection import RequestReceived, ServerConnection
from directory.wire.messages import encode_message
from edgesync.errors import EdgeSyncError
from edgesync.port import awaited
from edgesync.port.ldap import LdapPort
from edgesync.port.pipelined import PipelinedPort
from edgesync.port.port import DirectoryPort

BASE = DN.parse("dc=contoso,dc=test")
SECRET = b"not-for-strangers"
Answer = Callable[[int, Request], Iterator[bytes]]
ENTRY = Entry(BASE.child("cn", "x"), {"objectClass": (b"top",), "description": (b"y" * 4096,)})


def message(number: int, operation: Response) -> bytes:
    return encode_message(LdapMessage(number, operation))


class Liar:
    """A server on loopback that takes any bind and answers everything else its own way."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.visitors = 0
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.visitors += 1
                self._connections.append(connection)
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        reader = ServerConnection()
        with contextlib.suppress(OSError), connection:
            while data := connection.recv(65536):
                reader.receive_data(data)
                while isinstance(event := reader.next_event(), RequestReceived):
                    if isinstance(event.request, BindRequest):
                        done = BindResponse(LdapResult(ResultCode.SUCCESS))
                        connection.sendall(message(event.message_id, done))
                        continue
                    for piece in self._answer(event.message_id, event.request):
                        connection.sendall(piece)

    def close(self) -> None:
        self._listener.close()
        for connection in self._connections:
            connection.close()


@pytest.fixture
def liar() -> Iterator[Callable[[Answer], Liar]]:
    made: list[Liar] = []

    def start(answer: Answer) -> Liar:
        made.append(Liar(answer))
        return made[-1]

    yield start
    for one in made:
        one.close()


def nothing(_number: int, _request: Request) -> Iterator[bytes]:
    yield from ()


def pipelined(server: Liar) -> contextlib.closing[PipelinedPort]:
    return contextlib.closing(PipelinedPort.connect(f"ldap://127.0.0.1:{server.port}"))


@pytest.fixture(params=[PipelinedPort.connect, LdapPort.connect], ids=["pipelined", "ldap3"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[[Liar], DirectoryPort]]:
    with contextlib.ExitStack() as stack:

        def opened(server: Liar) -> DirectoryPort:
            url = f"ldap://127.0.0.1:{server.port}"
            port: DirectoryPort = request.param(url, "cn=admin", SECRET)
            stack.callback(port.close)
            return port

        yield opened


@pytest.mark.parametrize(
    "asks",
    [SearchRequest(BASE), ModifyRequest(BASE, (replace("description", b"new"),))],
    ids=["read", "write"],
)
def test_a_referral_is_an_error_and_no_password_follows_it(
    liar: Callable[[Answer], Liar],
    connect: Callable[[Liar], DirectoryPort],
    asks: SearchRequest | ModifyRequest,
) -> None:
    """ldap3 by itself would bind there with the same password, in clear."""
    accomplice = liar(nothing)

    def refer(number: int, request: Request) -> Iterator[bytes]:
        kind = SearchResultDone if isinstance(request, SearchRequest) else ModifyResponse
        there = (f"ldap://127.0.0.1:{accomplice.port}/dc=contoso,dc=test",)
        yield message(number, kind(LdapResult(ResultCode.REFERRAL, referrals=there)))

    port = connect(liar(refer))
    with pytest.raises(LdapError) as caught:
        port.search(asks) if isinstance(asks, SearchRequest) else port.modify(asks)
    assert caught.value.code is ResultCode.REFERRAL
    assert accomplice.visitors == 0


def test_an_answer_of_two_gigabytes_is_refused_by_its_length(
    liar: Callable[[Answer], Liar],
) -> None:
    def announce(_number: int, _request: Request) -> Iterator[bytes]:
        yield b"\x30\x84" + (2**31).to_bytes(4, "big")

    server = liar(announce)
    with pipelined(server) as port, pytest.raises(LdapError) as caught:
        port.search(SearchRequest(BASE))
    assert str(MESSAGE_SIZE_MAX) in str(caught.value)


def test_a_search_that_never_ends_is_given_up(
    liar: Callable[[Answer], Liar], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaited, "ANSWER_SIZE_MAX", 1024 * 1024)

    def endless(number: int, _request: Request) -> Iterator[bytes]:
        while True:
            yield message(number, SearchResultEntry(ENTRY))

    server = liar(endless)
    with pipelined(server) as port, pytest.raises(LdapError) as caught:
        port.search(SearchRequest(BASE))
    assert caught.value.code is ResultCode.SIZE_LIMIT_EXCEEDED


def test_an_answer_to_nothing_that_was_asked_is_an_error(liar: Callable[[Answer], Liar]) -> None:
    def another(number: int, _request: Request) -> Iterator[bytes]:
        yield message(number + 7, SearchResultDone(LdapResult(ResultCode.SUCCESS)))

    server = liar(another)
    with pipelined(server) as port, pytest.raises(LdapError, match="asks nothing"):
        port.search(SearchRequest(BASE))


@pytest.mark.parametrize(
    "bytes_",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"\x30\x00", b"\x30\x80", b"\x00" * 64, b"\x30\x05\x02\x01"],
)
def test_what_is_no_ldap_ends_the_operation(
    liar: Callable[[Answer], Liar], connect: Callable[[Liar], DirectoryPort], bytes_: bytes
) -> None:
    hang_up = threading.Event()

    def garbage(_number: int, _request: Request) -> Iterator[bytes]:
        yield bytes_
        hang_up.set()
        raise OSError

    port = connect(liar(garbage))
    with pytest.raises((LdapError, EdgeSyncError)):
        port.search(SearchRequest(BASE))
    assert hang_up.wait(10)  # set once the bytes have left, which we may be quicker than


@pytest.mark.parametrize("name", [b"no name", b"cn=\xff", b"a=b," * 400 + b"a=b"])
def test_an_entry_without_a_name_is_an_error(
    liar: Callable[[Answer], Liar], connect: Callable[[Liar], DirectoryPort], name: bytes
) -> None:
    def nameless(number: int, _request: Request) -> Iterator[bytes]:
        entry = ber.tlv(0x64, ber.octet_string(name) + ber.sequence())
        yield ber.sequence(ber.integer(number), entry)
        yield message(number, SearchResultDone(LdapResult(ResultCode.SUCCESS)))

    port = connect(liar(nameless))
    with pytest.raises((LdapError, EdgeSyncError)):
        port.search(SearchRequest(BASE))
