"""Strangers at the directory: what all together may make the server keep, and for how long."""

from __future__ import annotations

import contextlib
import logging
import socket
import time

import pytest

from directory.model.dn import DN
from directory.model.messages import LdapMessage, Scope, SearchRequest
from directory.net.limits import ListenerLimits
from directory.net.server import DirectoryServer
from directory.wire.connection import DisconnectionReceived
from directory.wire.messages import encode_message
from tests.support.agents import DictAgent, person
from tests.support.listener import Client, serve

EVERYTHING = SearchRequest(DN.parse("dc=test"), Scope.SUBTREE)
PATIENCE_S = 15.0


def gone(connections: int, server: DirectoryServer) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if server.connection_count <= connections:
            return True
        time.sleep(0.02)
    return False


def test_a_request_that_takes_too_long_to_arrive_ends_its_connection() -> None:
    limits = ListenerLimits(unfinished_timeout_s=0.3)
    with serve(DictAgent(), limits=limits) as running, Client(running.address) as slow:
        slow.socket.sendall(b"\x30\x84\x00\x00\x10\x00\x02")
        with contextlib.suppress(OSError):
            for _ in range(100):
                slow.socket.sendall(b"\x01")
                time.sleep(0.02)
        event = slow.next_event()
        assert isinstance(event, DisconnectionReceived)
        assert event.result.diagnostic == "a request took too long to arrive"


def test_a_client_that_finishes_its_requests_is_not_taken_for_a_slow_one() -> None:
    limits = ListenerLimits(unfinished_timeout_s=0.3)
    with serve(DictAgent(), limits=limits) as running, Client(running.address) as client:
        for _ in range(10):
            client.bind()
            time.sleep(0.05)


def test_who_holds_most_is_cut_off_when_all_together_hold_too_much(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Requests that are never finished: one large, one small; the small one may stay."""
    limits = ListenerLimits(held=100_000, stalled_timeout_s=1.0, idle_timeout_s=1000.0)
    caplog.set_level(logging.INFO, "directory.net.sweep")
    with serve(DictAgent(), limits=limits) as running, Client(running.address) as large, \
            Client(running.address) as small:  # fmt: skip
        small.socket.sendall(b"\x30\x83\x03\x00\x00" + bytes(20_000))
        large.socket.sendall(b"\x30\x83\x03\x00\x00" + bytes(150_000))
        assert gone(1, running.server)
        with Client(running.address) as other:
            other.bind()
        large.socket.settimeout(PATIENCE_S)
        with contextlib.suppress(ConnectionResetError):
            assert large.socket.recv(10) == b""
        assert "was cut off" in caplog.text


def test_a_flood_is_not_read_faster_than_it_is_answered() -> None:
    """Requests wait in the kernel; here they would be copied at every read."""
    ask = encode_message(LdapMessage(1, EVERYTHING)) * 500
    agent = DictAgent([person(number) for number in range(50)])
    with serve(agent) as running, socket.create_connection(running.address) as flood:
        flood.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            for _ in range(2000):
                sent += flood.send(ask)
        [client] = running.server._clients
        _unread, unfinished = client.held
        assert unfinished < 1024 * 1024
        with Client(running.address) as other:
            other.bind()
