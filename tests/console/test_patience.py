"""Strangers at the console: a request must arrive, an answer must be read, silence makes room."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from edgesync.console.patience import PatientProtocol, SentAhead
from edgesync.console.server import ControlServer
from edgesync.lab.description import PRESETS
from edgesync.lab.folder import new_lab

TIMEOUT_S = 20.0
HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@pytest.fixture
def served() -> Iterator[tuple[str, int]]:
    with new_lab(PRESETS["contoso"](sites=1, hubs=1, edges=0, recipients=0)) as lab:
        server = ControlServer(lab, "token")
        server.start()
        try:
            yield server.address
        finally:
            server.stop()


def answers(address: tuple[str, int]) -> bool:
    """Whether somebody else is served meanwhile; this lab is down, so the answer is a 503."""
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status in {200, 503}
    finally:
        connection.close()


def is_hung_up(connection: socket.socket) -> bool:
    connection.settimeout(TIMEOUT_S)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("said", [b"", b"GE", HEAD, HEAD + b"Content-Length: 100\r\n\r\nshort"])
def test_a_request_that_does_not_arrive_ends_its_connection(
    served: tuple[str, int], said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "request_timeout_s", 0.3)
    with socket.create_connection(served, TIMEOUT_S) as slow:
        slow.sendall(said)
        if b"Content-Length" in said:
            slow.settimeout(TIMEOUT_S)
            with contextlib.suppress(ConnectionResetError):
                while slow.recv(65536):  # an answer that needs no body may come first
                    pass
        else:
            assert is_hung_up(slow)
    assert answers(served)


def test_a_line_now_and_then_does_not_keep_a_connection_open(
    served: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "request_timeout_s", 0.5)
    with socket.create_connection(served, TIMEOUT_S) as slow:
        slow.sendall(HEAD)
        slow.settimeout(0.1)
        hung_up = False
        for _ in range(100):
            try:
                slow.sendall(b"X-More: to come\r\n")
                hung_up = slow.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                hung_up = True
            if hung_up:
                break
        assert hung_up


def test_a_head_without_an_end_is_refused(served: tuple[str, int]) -> None:
    with socket.create_connection(served, TIMEOUT_S) as endless:
        endless.sendall(HEAD + b"X: ")
        with contextlib.suppress(OSError):
            for _ in range(1000):
                endless.sendall(b"a" * 65536)
            pytest.fail("64 MiB of one header were taken")
    assert answers(served)


def test_silent_connections_make_room_for_one_that_asks(
    served: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "connections_max", 3)
    with contextlib.ExitStack() as silent:
        connections = []
        for _ in range(3):
            connections.append(silent.enter_context(socket.create_connection(served, TIMEOUT_S)))
            threading.Event().wait(0.1)  # so that they came one after the other
        first, *others = connections
        assert answers(served)
        assert is_hung_up(first), "the one that had kept us waiting longest"
        for other in others:
            other.sendall(HEAD + b"\r\n")
            assert other.recv(12).startswith(b"HTTP/1.1")


def test_an_answer_left_unread_ends_the_connection(
    served: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "stalled_timeout_s", 0.3)
    ask = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % served[1]
    with socket.create_connection(served, TIMEOUT_S) as stalled:
        stalled.settimeout(1.0)
        with contextlib.suppress(OSError):
            for _ in range(200):
                stalled.sendall(ask)
        stalled.settimeout(TIMEOUT_S)
        taken = 0
        with contextlib.suppress(ConnectionResetError):
            while more := stalled.recv(1 << 20):
                taken += len(more)
        assert taken > 0
    assert answers(served)


def test_requests_sent_ahead_are_all_answered(served: tuple[str, int]) -> None:
    last = HEAD + b"Connection: close\r\n\r\n"
    with socket.create_connection(served, TIMEOUT_S) as eager, eager.makefile("rb") as answered:
        eager.sendall((HEAD + b"\r\n") * 99 + last)
        assert answered.read().count(b"HTTP/1.1 ") == 100


def test_of_all_requests_sent_ahead_one_begins_in_each_round_of_the_loop() -> None:
    rounds: list[list[int]] = [[]]

    async def play() -> None:
        loop, queue = asyncio.get_running_loop(), SentAhead()
        for number in range(5):
            queue.later(loop, lambda number=number: rounds[-1].append(number))  # type: ignore[misc]  # mypy knows no defaults of lambdas
        for _ in range(8):
            await asyncio.sleep(0)
            rounds.append([])

    asyncio.run(play())
    assert [begun for begun in rounds if begun] == [[0], [1], [2], [3], [4]]
