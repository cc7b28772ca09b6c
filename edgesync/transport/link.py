"""What carries an SMTP conversation: a socket, or the receiving session itself in memory.

A conversation is a generator: it yields bytes for the peer (perhaps none) and is resumed with
bytes from the peer (none: the peer hung up). So the same sender runs over sockets, in memory and
in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Protocol, TypeVar

from edgesync.transport.receiver import Receiver

T = TypeVar("T")
Conversation = Generator[bytes, bytes, T]


class LinkFailed(Exception):
    """The link is gone or silent. ``is_silent``: the peer did not answer in time."""

    def __init__(self, reason: str, *, is_silent: bool = False) -> None:
        super().__init__(reason)
        self.is_silent = is_silent


class Link(Protocol):
    """A two-way stream of bytes to one peer."""

    @property
    def local(self) -> str:
        """Own ``ip:port``."""
        ...

    @property
    def remote(self) -> str:
        """The peer's ``ip:port``."""
        ...

    def send(self, data: bytes) -> None:
        """Hand bytes to the peer."""
        ...

    def receive(self) -> bytes:
        """Wait for bytes; none when the peer hung up.

        Raises:
            LinkFailed: the connection broke, or the peer is silent.
        """
        ...

    def close(self) -> None:
        """Hang up."""
        ...


Dial = Callable[[str, int], Link]
"""Connect to a host by name or address and logical port (25); raises LinkFailed."""


class MemoryLink:
    """A receiving session of this process as a peer. Nothing waits: all happens on the caller."""

    def __init__(self, receiver: Receiver, *, local: str, remote: str) -> None:
        self.local, self.remote = local, remote
        self._receiver = receiver
        receiver.start()

    def send(self, data: bytes) -> None:
        """Let the receiver work on bytes."""
        self._receiver.receive_data(data)

    def receive(self) -> bytes:
        """What it answered."""
        data = self._receiver.data_to_send()
        if not data and not self._receiver.is_over:
            raise LinkFailed("both ends wait for each other", is_silent=True)
        return data

    def close(self) -> None:
        """Hang up."""
        self._receiver.receive_data(b"")


def drive(conversation: Conversation[T], link: Link) -> T:
    """Run a conversation over a link to its end."""
    try:
        outgoing = next(conversation)
        while True:
            try:
                if outgoing:
                    link.send(outgoing)
                incoming = link.receive()
            except LinkFailed as failure:
                outgoing = conversation.throw(failure)
            else:
                outgoing = conversation.send(incoming)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        link.close()
