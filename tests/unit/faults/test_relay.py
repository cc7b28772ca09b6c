"""The relay: bounded, and no connection's end is another's."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from edgesync import Lab
from edgesync.lab.faults import middle as middle_module
from edgesync.lab.faults import relay as module
from edgesync.lab.faults.book import FaultBook, Wire
from edgesync.lab.faults.fault import Fault, FaultKind
from edgesync.lab.faults.keys import keys_of
from edgesync.lab.faults.middle import Middle
from edgesync.lab.faults.relay import Relay

LAB = Lab.new(hubs=1, edges=1, recipients=3, sites=1).lab
LIMIT_S = 20.0


def middle_with(*faults: Fault, service: str = "http") -> Callable[[], Middle]:
    book = FaultBook(LAB)
    book.clear()
    for fault in faults:
        book.add(fault)
    return lambda: Middle(Wire("CAS01", service), book, keys_of(LAB))


class Chatty(asyncio.Protocol):
    """A server that answers anything with more than anybody reads."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.is_paused = False
        self.written = 0
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._more()

    def _more(self) -> None:
        while self.written < self.size and not self.is_paused:
            self.transport.write(bytes(65536))
            self.written += 65536

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        self._more()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


@asynccontextmanager
async def relayed(make: Callable[[], Middle], server: Chatty) -> AsyncIterator[tuple[str, int]]:
    loop = asyncio.get_running_loop()
    behind = await loop.create_server(lambda: server, "127.0.0.1", 0)
    relay = Relay(behind.sockets[0].getsockname(), make)
    public = socket.create_server(("127.0.0.1", 0))
    address = public.getsockname()
    await relay.start(public)
    yield address
    await relay.stop()
    behind.close()
    await asyncio.sleep(0.05)  # transports close on the loop's next turns


def vanish(writer: asyncio.StreamWriter) -> None:
    """Break the connection off, as a process that is killed with unread data does."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def at_rest(number: Callable[[], int]) -> None:
    """Until a number that grew grows no more."""
    before = -1
    async with asyncio.timeout(LIMIT_S):
        while not 0 < before == number():
            before = number()
            await asyncio.sleep(0.2)


def test_answers_that_wait_for_their_time_do_not_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 1 << 18)

    async def scene() -> int:
        server = Chatty(64 << 20)
        late = middle_with(Fault(0, FaultKind.DELAY, "CAS01", seconds=3000.0))
        async with relayed(late, server) as address:
            _, writer = await asyncio.open_connection(*address)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            await at_rest(lambda: server.written)
            written = server.written
            vanish(writer)
            await asyncio.wait_for(server.lost.wait(), LIMIT_S)  # not after 3000 s
        return written

    assert asyncio.run(scene()) < 16 << 20  # what the kernel's buffers hold, and ours


def test_who_talks_on_before_a_handshake_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middle_module, "EARLY_MAX", 1000)
    middle = middle_with(Fault(0, FaultKind.RESET, "CAS01", at=(99,)), service="https")()
    middle.from_client(bytes(999))
    assert not middle.is_reset
    middle.from_client(bytes(2))
    assert middle.is_reset


def test_a_bug_in_the_middle_ends_one_connection_and_is_told() -> None:
    told: list[str] = []

    class Broken(Middle):
        def from_client(self, data: bytes) -> None:
            raise RuntimeError("as the test wants it")

    async def scene() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _l, c: told.append(c["message"]))
        sound = middle_with(Fault(0, FaultKind.RESET, "CAS01", at=(99,)))
        book = FaultBook(LAB)

        def each() -> Middle:
            return next(kinds)()

        kinds = iter((partial(Broken, Wire("CAS01", "http"), book, keys_of(LAB)), sound))
        async with relayed(each, Chatty(65536)) as address:
            reader, broken = await asyncio.open_connection(*address)
            broken.write(b"x")
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(reader.readexactly(1), LIMIT_S)
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"x")
            assert len(await asyncio.wait_for(reader.readexactly(65536), LIMIT_S)) == 65536
            vanish(writer)

    asyncio.run(scene())
    assert told == ["the middle of a connection broke"]
