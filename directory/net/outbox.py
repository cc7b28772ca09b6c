"""What one turn of the event loop answered is sent together, when there are several clients.

To write to a client that sleeps costs its waking, some 10 µs in a virtual machine: more than an
answer takes. Where each answer was written as it was made, a client with many connections was
woken for each, and went to sleep again before the next. Written one after the other they wake it
once. Who is answered twice in a row is alone, and waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from directory.net.durability import GroupCommit, Held


class Outbox:
    """The answers of the clients of one server."""

    __slots__ = ("_call_soon", "_commits", "_last", "_waiting")

    def __init__(
        self, commits: GroupCommit, call_soon: Callable[[Callable[[], None]], object]
    ) -> None:
        """``call_soon`` is the event loop's."""
        self._commits: Final = commits
        self._call_soon: Final = call_soon
        self._last: Held | None = None
        self._waiting: dict[Held, None] = {}

    def send(self, client: Held) -> None:
        """Send a client's answers with those of all others in this turn.

        What it is answered until then goes with them.
        """
        if self._commits.is_needed:
            self._commits.hold(client)
        elif client is self._last:
            client.release()
        else:
            self._last = client
            if not self._waiting:
                self._call_soon(self._send)
            self._waiting[client] = None

    def send_found(self, client: Held) -> None:
        """``send`` for answers that changed nothing; where others' changes wait is seen later."""
        if client is self._last:
            self.send(client)
            return
        self._last = client
        if not self._waiting:
            self._call_soon(self._send)
        self._waiting[client] = None

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, {}
        if self._commits.is_needed:  # for something that was answered since
            for client in waiting:
                self._commits.hold(client)
        else:
            for client in waiting:
                client.release()
