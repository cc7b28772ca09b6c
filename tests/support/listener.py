"""A server in a thread of its own and a blocking client, for tests with real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Self

from directory.model.controls import Control
from directory.model.messages import BindRequest, LdapMessage, Request, SimpleCredentials
from directory.net.agent import Agent
from directory.net.limits import ListenerLimits
from directory.net.server import Address, DirectoryServer
from directory.wire.connection import (
    ClientConnection,
    DisconnectionReceived,
    NeedData,
    ProtocolFailed,
    ResponseReceived,
)

TIMEOUT_S = 20.0
"""A hang is a failure; nothing here takes a tenth of it."""


class Running:
    """A server that runs until the block that started it ends."""

    def __init__(self, server: DirectoryServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.loop = loop

    @property
    def address(self) -> tuple[str, int]:
        first = self.server.addresses[0]
        return first.host, first.port

    def url(self, index: int = 0) -> str:
        return self.server.addresses[index].url


LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@contextlib.contextmanager
def serve(
    agent: Agent,
    *,
    listen: Sequence[Address] = (Address("127.0.0.1", 0),),
    tls: ssl.SSLContext | None = None,
    limits: ListenerLimits | None = None,
    loop_factory: LoopFactory | None = None,
) -> Iterator[Running]:
    """Serve an agent on free ports of loopback."""
    ready = threading.Event()
    running: list[Running] = []
    stop: list[asyncio.Event] = []

    async def main() -> None:
        server = DirectoryServer(agent, listen, tls=tls, limits=limits)
        async with server:
            running.append(Running(server, asyncio.get_running_loop()))
            stop.append(asyncio.Event())
            ready.set()
            await stop[0].wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(TIMEOUT_S), "the server did not start"
    try:
        yield running[0]
    finally:
        with contextlib.suppress(RuntimeError):
            running[0].loop.call_soon_threadsafe(stop[0].set)
        thread.join(TIMEOUT_S)
        assert not thread.is_alive(), "the server did not stop"


class Client:
    """Sends requests and reads whatever comes, blocking."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext | None = None) -> None:
        self.socket: socket.socket = socket.create_connection(address, TIMEOUT_S)
        self.socket.settimeout(TIMEOUT_S)
        if context is not None:
            self.secure(context)
        self.connection = ClientConnection()

    def secure(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, request: Request, *controls: Control) -> int:
        message_id, data = self.connection.send(request, controls)
        self.socket.sendall(data)
        return message_id

    def receive(self) -> LdapMessage:
        """The next answer; fails when the connection ends instead."""
        event = self.next_event()
        assert isinstance(event, ResponseReceived), event
        return event.message

    def next_event(self) -> ResponseReceived | DisconnectionReceived | ProtocolFailed | None:
        """The next answer or notice; None at the end of the stream."""
        while True:
            event = self.connection.next_event()
            if not isinstance(event, NeedData):
                return event
            data = self.socket.recv(65536)
            if not data:
                return None
            self.connection.receive_data(data)

    def ask(self, request: Request, *controls: Control) -> list[LdapMessage]:
        """All answers to one request, the final one last."""
        message_id = self.send(request, *controls)
        answers = [self.receive()]
        while answers[-1].message_id != message_id or not hasattr(answers[-1].operation, "result"):
            answers.append(self.receive())
        return answers

    def bind(self, name: str = "", password: bytes = b"") -> LdapMessage:
        return self.ask(BindRequest(3, name, SimpleCredentials(password)))[-1]
