"""What passes on a line, cut into requests and their answers, in each protocol's own way.

A dialect reads both directions of one connection. It changes nothing and judges nothing: bytes it
cannot make out pass as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

NOT_COUNTED = -1
"""Key of bytes that are no request, or answer none: a notice, the rest of a message."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Some bytes of one direction. A request and its answers have the same key."""

    key: int
    data: bytes
    operation: str = ""
    """The request's name: bind, search, MAIL, ..."""
    starts_tls: str = ""
    """The verb, when this asks for TLS (``STARTTLS``) or grants it."""


class Dialect(Protocol):
    """Reads one connection."""

    def requests(self, data: bytes) -> Iterator[Passage]:
        """What the client sent, as far as it is whole."""
        ...

    def answers(self, data: bytes) -> Iterator[Passage]:
        """What the server sent, as far as it is whole."""
        ...

    def refusal(self, request: Passage) -> bytes:
        """The server's own way to refuse a bind or a wish for TLS."""
        ...

    def stripped(self, answer: bytes) -> bytes:
        """An answer without the offer of TLS."""
        ...


class Turns:
    """Any protocol, also inside TLS that nobody opens: who speaks after the other begins a turn.

    A request is what a client sends until it is answered; its name is not known.
    """

    def __init__(self) -> None:
        self._turn = 0
        self._is_answered = True

    def requests(self, data: bytes) -> Iterator[Passage]:
        """A new request when the server spoke last, else more of the one before."""
        if self._is_answered:
            self._turn += 1
            self._is_answered = False
            yield Passage(self._turn, data)
        else:
            yield Passage(NOT_COUNTED, data)

    def answers(self, data: bytes) -> Iterator[Passage]:
        """What answers the latest request."""
        self._is_answered = True
        yield Passage(self._turn or NOT_COUNTED, data)

    def refusal(self, request: Passage) -> bytes:  # noqa: ARG002 - nobody knows how to say no here
        """Nothing: there is no word for it."""
        return b""

    def stripped(self, answer: bytes) -> bytes:
        """As it is."""
        return answer
