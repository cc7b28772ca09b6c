"""Where the time of an indexed search goes: each step in this process, and the ceiling of loopback.

A ceiling is what a responder in C takes that answers without looking: the kernel's part, which no
server can do without. It comes with ldap-load.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from directory.clock import SystemClock
from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.instance import open_directory
from directory.dsa.session import Session
from directory.entropy import SystemEntropy
from directory.model import ber, messages
from directory.model.dn import DN
from directory.net.connection import ClientSession
from directory.net.loading import load_ldif
from directory.net.output import Output
from directory.net.serve import Serving
from directory.net.server import DirectoryServer
from directory.wire.frame import FrameBuffer, envelope
from directory.wire.quick import next_search
from scripts.benchmark import recipients
from scripts.benchmark.bench import Bench
from scripts.benchmark.data import Data, read_requests
from scripts.benchmark.row import Contenders, NotHere, Row, Sample
from scripts.benchmark.servers import Server

SEARCHES = 20_000
PORT_TRIES_S = 5.0


class Searches:
    """A directory in this process, and searches as they arrive."""

    def __init__(self, data: Data) -> None:
        serving = Serving(schema=(data.schema,), allow_anonymous_read=True)
        self.agent: DirectoryServiceAgent = open_directory(
            serving.configuration(), clock=SystemClock(), entropy=SystemEntropy()
        )
        load_ldif(self.agent, data.ldif)
        self.session = Session()
        bind = messages.SimpleCredentials(recipients.READER_PASSWORD.encode())
        request = messages.BindRequest(3, str(DN.parse(recipients.READER)), bind)
        list(self.agent.execute(self.session, request))
        chance = random.Random(3)
        operations = read_requests(data.requests("eq_sel"))
        self.sent = [
            envelope(ber.integer(number), chance.choice(operations))
            for number in range(1, SEARCHES + 1)
        ]


def microseconds(work: Callable[[], object]) -> Sample:
    """CPU time of a round, for each search."""
    start = time.process_time()
    work()
    return Sample((time.process_time() - start) * 1e6 / SEARCHES)


def _step(
    prepare: Callable[[Searches], Callable[[], object]],
) -> Callable[[Bench], AbstractContextManager[Contenders]]:
    @contextmanager
    def contenders(bench: Bench) -> Iterator[Contenders]:
        work = prepare(Searches(bench.data))
        yield {"edgesync": lambda: microseconds(work)}

    return contenders


def _read(searches: Searches) -> Callable[[], object]:
    stream = b"".join(searches.sent)

    def read() -> None:
        frames = FrameBuffer()
        frames.receive_data(stream)
        while (found := next_search(frames)) is not None:
            frames.at = found[0]

    return read


def _found(searches: Searches) -> list[tuple[bytes, tuple[Any, ...]]]:
    frames = FrameBuffer()
    frames.receive_data(b"".join(searches.sent))
    found: list[tuple[bytes, tuple[Any, ...]]] = []
    while (message := next_search(frames)) is not None:
        found.append((message[1], message[2:]))
        frames.at = message[0]
    return found


def _answer(searches: Searches) -> Callable[[], object]:
    asked = [search for _, search in _found(searches)]
    quick, session = searches.agent.quick_search, searches.session

    def answer() -> None:
        for search in asked:
            quick(session, *search)

    return answer


def _write(searches: Searches) -> Callable[[], object]:
    quick, session = searches.agent.quick_search, searches.session
    answers: list[tuple[bytes, Sequence[bytes]]] = [
        (id_element, quick(session, *search) or ()) for id_element, search in _found(searches)
    ]

    def write() -> None:
        output = Output()
        for number, (id_element, entries) in enumerate(answers):
            output.put_found(id_element, entries)
            if not number % 16:
                output.take()
        output.take()

    return write


class _Silent:
    """A transport that keeps nothing."""

    def get_extra_info(self, name: str) -> object:
        return ("127.0.0.1", 1) if name == "peername" else None

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def feed(together: int) -> Callable[[Searches], Callable[[], object]]:
    """Searches as a connection receives them, so many in a read."""

    def prepare(searches: Searches) -> Callable[[], object]:
        chunks = [
            b"".join(searches.sent[at : at + together]) for at in range(0, SEARCHES, together)
        ]

        async def feed() -> None:
            loop = asyncio.get_running_loop()
            server = DirectoryServer(searches.agent, ())
            server.attach(loop)
            client = ClientSession(server, is_tls=False)
            client.connection_made(cast("asyncio.Transport", _Silent()))
            client.session.identity = searches.session.identity
            for chunk in chunks:
                client.data_received(chunk)

        return lambda: asyncio.run(feed())

    return prepare


def _ceiling(connections: int, depth: int) -> Callable[[Bench], AbstractContextManager[Contenders]]:
    @contextmanager
    def contenders(bench: Bench) -> Iterator[Contenders]:
        source = bench.client_folder
        if source is None or not (source / "cresp.c").exists() or shutil.which("cc") is None:
            raise NotHere("cresp.c of ldap-load, and a C compiler")
        program = bench.folder / "cresp"
        subprocess.run(["cc", "-O2", "-o", str(program), str(source / "cresp.c")], check=True)
        port = _free_port()
        process = subprocess.Popen([str(program), str(port), "300"])
        server = Server("C", process.pid, port, 0)
        try:
            _wait(port)
            yield {"C": lambda: bench.load(server, "eq_sel", connections, depth, is_anonymous=True)}
        finally:
            process.kill()
            process.wait()

    return contenders


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _wait(port: int) -> None:
    until = time.monotonic() + PORT_TRIES_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > until:
                raise
        else:
            return


ROWS = (
    Row("step: read a search from the stream", "µs", _step(_read)),
    Row("step: find the entry and its answer", "µs", _step(_answer)),
    Row("step: put the answer into the output", "µs", _step(_write)),
    Row("step: all of it, 16 searches in a read", "µs", _step(feed(16))),
    Row("step: all of it, one search in a read", "µs", _step(feed(1))),
    Row("ceiling: a C responder, one at a time", "searches/s", _ceiling(1, 1)),
    Row("ceiling: a C responder, 16 connections", "searches/s", _ceiling(16, 1)),
    Row("ceiling: a C responder, 16 × 16", "searches/s", _ceiling(16, 16)),
)
