"""Strangers at a listener of the lab: silence, floods and unread answers bother nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from edgesync.lab import stream_endpoint
from edgesync.lab.stream_endpoint import Manners, StreamEndpoint

TIMEOUT_S = 20.0


class Echo:
    """Answers every octet with ``size`` of them, and says goodbye when it is timed out."""

    def __init__(self, size: int = 1, idle_s: float = 60.0) -> None:
        self.idle_timeout_s = idle_s
        self.is_over = False
        self.taken = 0
        self._size = size
        self._out = b""

    def start(self) -> None:
        self._out += b"hello\n"

    def receive_data(self, data: bytes) -> None:
        self.taken += len(data)
        self._out += data * self._size
        self.is_over = self.is_over or not data or b"Q" in data

    def data_to_send(self) -> bytes:
        out, self._out = self._out, b""
        return out

    def time_out(self) -> None:
        self._out += b"bye\n"
        self.is_over = True


class Place:
    """A running endpoint."""

    def __init__(self, endpoint: StreamEndpoint, sessions: list[Echo]) -> None:
        self.endpoint = endpoint
        self.sessions = sessions

    def call(self) -> socket.socket:
        return socket.create_connection(self.endpoint.address, TIMEOUT_S)


@contextlib.contextmanager
def serving(*, size: int = 1, idle_s: float = 60.0) -> Iterator[Place]:
    sessions: list[Echo] = []

    def factory(_local: str, _remote: str) -> Echo:
        sessions.append(Echo(size, idle_s))
        return sessions[-1]

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    endpoint = StreamEndpoint(factory, manners=Manners())
    asyncio.run_coroutine_threadsafe(endpoint.start(), loop).result(TIMEOUT_S)
    try:
        yield Place(endpoint, sessions)
    finally:
        asyncio.run_coroutine_threadsafe(endpoint.stop(), loop).result(TIMEOUT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def read_all(connection: socket.socket) -> bytes:
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(65536):
            said += more
    return said


def test_everything_sent_in_one_piece_is_read_in_order_and_answered() -> None:
    sent = bytes(range(32, 80)) * 20_000 + b"Q"
    with serving() as place, place.call() as connection:
        threading.Thread(target=connection.sendall, args=(sent,)).start()
        assert read_all(connection) == b"hello\n" + sent


def test_what_came_before_a_peer_hung_up_is_still_answered() -> None:
    with serving() as place, place.call() as connection:
        connection.sendall(b"x" * 100_000)
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == b"hello\n" + b"x" * 100_000


def test_a_flood_whose_answers_are_unread_is_not_read_either() -> None:
    """64 MiB would be waiting to be read; what is taken fits into the kernel's buffers and ours."""
    with serving(size=100) as place, place.call() as flood:
        flood.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            for _ in range(64):
                flood.sendall(b"x" * 1024 * 1024)
        [session] = place.sessions
        assert session.taken < 4 * 1024 * 1024
        with place.call() as other:
            other.sendall(b"Q")
            assert read_all(other) == b"hello\n" + b"Q" * 100


def test_another_client_is_answered_while_many_flood() -> None:
    with serving() as place, contextlib.ExitStack() as crowd:
        for _ in range(20):
            flood = crowd.enter_context(place.call())
            flood.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    flood.send(b"x" * 65536)
        with place.call() as other:
            other.sendall(b"aQ")
            assert read_all(other) == b"hello\naQ"


def test_a_peer_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_endpoint, "STALLED_S", 0.2)
    with serving(size=1000) as place, place.call() as stalled:
        assert stalled.recv(6) == b"hello\n"
        stalled.sendall(b"x" * 65536)
        [session] = place.sessions
        for _ in range(200):
            if session.is_over:
                break
            threading.Event().wait(0.05)
        assert session.is_over, "the session was told that its peer is gone"


def test_a_peer_that_does_not_read_its_goodbye_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_endpoint, "STALLED_S", 0.3)
    with serving(size=1000, idle_s=0.1) as place, place.call() as stalled:
        stalled.sendall(b"x" * 65536)
        threading.Event().wait(0.2)
        stalled.settimeout(TIMEOUT_S)
        assert len(read_all(stalled)) < 65536 * 1000


def test_who_is_silent_makes_room_for_one_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_endpoint, "CONNECTIONS_MAX", 2)
    monkeypatch.setattr(stream_endpoint, "EVICTABLE_S", 0.05)
    with serving() as place, place.call() as first, place.call() as second:
        for connection in (first, second):
            assert connection.recv(100) == b"hello\n"
        threading.Event().wait(0.1)
        second.sendall(b"x")
        assert second.recv(10) == b"x"
        with place.call() as third:
            assert third.recv(100) == b"hello\n"
            assert read_all(first) == b"bye\n", "the one who had been silent longest"
            second.sendall(b"y")
            assert second.recv(10) == b"y"


def test_one_too_many_is_refused_while_all_others_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_endpoint, "CONNECTIONS_MAX", 1)
    with serving() as place, place.call() as first:
        assert first.recv(100) == b"hello\n"
        with place.call() as second:
            assert read_all(second) == b""
