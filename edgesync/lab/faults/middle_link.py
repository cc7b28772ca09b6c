"""The middle on a link of the lab's own: a machine of the lab calls another, or a host calls it."""

from __future__ import annotations

from collections import deque

from edgesync.lab.faults.middle import Middle
from edgesync.transport.link import Link, LinkFailed

REPLY_TIMEOUT_S = 60.0
"""An answer later than this never comes, for a sender of the lab (``transport.endpoint``)."""

_ROUNDS_MAX = 1000
"""Most flights that the middle takes part in before the caller hears anything: a TLS handshake
on either side has five."""


class MiddleLink:
    """A link with somebody in the middle. Nothing waits: a late answer comes at once, or never."""

    def __init__(self, inner: Link, middle: Middle) -> None:
        self._inner = inner
        self._middle = middle
        self._ready: deque[bytes] = deque()
        self.local, self.remote = inner.local, inner.remote
        self._check()

    def send(self, data: bytes) -> None:
        """Hand bytes to the one in the middle."""
        self._middle.from_client(data)
        self._check()
        self._forward()

    def receive(self) -> bytes:
        """What comes out of the middle.

        Raises:
            LinkFailed: the line broke, or the answer comes too late.
        """
        for _ in range(_ROUNDS_MAX):
            self._collect()
            if self._ready:
                return self._ready.popleft()
            if self._middle.is_over:
                return b""
            self._middle.from_server(self._inner.receive())
            self._check()
            self._forward()
        raise LinkFailed("the one in the middle never ends", is_silent=True)

    def close(self) -> None:
        """Hang up."""
        self._inner.close()

    def _collect(self) -> None:
        for item in self._middle.to_client():
            if item.after_s >= REPLY_TIMEOUT_S:
                raise LinkFailed(f"no answer within {REPLY_TIMEOUT_S:.0f} s", is_silent=True)
            if item.data:
                self._ready.append(item.data)

    def _forward(self) -> None:
        if data := self._middle.to_server():
            self._inner.send(data)

    def _check(self) -> None:
        if self._middle.is_reset:
            self._inner.close()
            raise LinkFailed("the connection was reset")
