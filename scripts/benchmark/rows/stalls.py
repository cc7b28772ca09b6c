"""How long another client waits while something large goes on: at most 20 ms is the aim.

The figure is the longest turn of our event loop in CPU time; beside it stands what a probe saw,
which on a busy machine is more, whoever serves. Work that waits for a disk counts only there.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from directory.model import messages
from directory.model.controls import Control, SortKey, SortRequest
from directory.model.filter import parse_filter
from directory.model.messages import SearchRequest
from directory.wire.encode import encode_operation
from directory.wire.frame import envelope
from scripts.benchmark import recipients
from scripts.benchmark.bench import Bench
from scripts.benchmark.data import RECIPIENTS
from scripts.benchmark.reader import MESSAGE_ID, read_all, reader
from scripts.benchmark.row import Contenders, Row, Sample, at_most
from scripts.benchmark.servers import Server

LIMIT_MS = 20
HANDSHAKES = 16
WRONG = 20

Disturbance = Callable[[Bench, Server], None]


def _while(disturb: Disturbance) -> Callable[[Bench], AbstractContextManager[Contenders]]:
    @contextmanager
    def contenders(bench: Bench) -> Iterator[Contenders]:
        server = bench.ours()

        def turn() -> Sample:
            with server.watched() as watch:
                disturb(bench, server)
            return Sample(watch.turn_ms or 0.0, stall_ms=watch.probe.longest_ms)

        yield {"edgesync": turn}

    return contenders


def _dump(_: Bench, server: Server) -> None:
    read_all(server, SearchRequest(RECIPIENTS))


def _pages(_: Bench, server: Server) -> None:
    read_all(server, SearchRequest(RECIPIENTS), 1000)


def _unindexed(_: Bench, server: Server) -> None:
    """A filter no index helps with, which nothing matches."""
    with reader(server.port) as client:
        client.ask(SearchRequest(RECIPIENTS, filter=parse_filter("(displayName=*no such name*)")))


def _infix(_: Bench, server: Server) -> None:
    with reader(server.port) as client:
        client.ask(SearchRequest(RECIPIENTS, filter=parse_filter("(legacyExchangeDN=*no such*)")))


def _sorted(_: Bench, server: Server) -> None:
    wanted: Control = SortRequest(critical=True, keys=(SortKey("displayName"),))
    with reader(server.port) as client:
        client.ask(SearchRequest(RECIPIENTS, attributes=("mail",)), wanted)


def _load(requests: str) -> Disturbance:
    def disturb(bench: Bench, server: Server) -> None:
        bench.load(server, requests, 16, 16, in_order=True, is_admin=True)

    return disturb


def _handshakes(bench: Bench, server: Server) -> None:
    """Many clients begin TLS at the same time, again and again."""
    until = time.monotonic() + bench.seconds

    def connect() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        while time.monotonic() < until:
            with (
                socket.create_connection(("127.0.0.1", server.tls_port)) as plain,
                context.wrap_socket(plain),
            ):
                pass

    threads = [threading.Thread(target=connect) for _ in range(HANDSHAKES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _wrong_passwords(_: Bench, server: Server) -> None:
    """Binds that must be hashed, of accounts that are not there."""
    for number in range(WRONG):
        credentials = messages.SimpleCredentials(b"wrong")
        request = messages.BindRequest(3, f"cn=Nobody {number},{recipients.SUFFIX}", credentials)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(envelope(MESSAGE_ID, encode_operation(request)))
            client.recv(4096)


ROWS = tuple(
    Row(f"longest turn, {name}", "ms", _while(disturb), at_most(LIMIT_MS), grows=grows)
    for name, disturb, grows in (
        ("a dump", _dump, True),
        ("a dump in pages", _pages, False),
        ("a search no index helps", _unindexed, True),
        ("an infix search for the first time", _infix, True),
        ("a sorted search", _sorted, True),
        ("modifies, 16 × 16", _load("modify"), False),
        ("16 TLS handshakes at once", _handshakes, False),
        ("binds with wrong passwords", _wrong_passwords, False),
    )
)
