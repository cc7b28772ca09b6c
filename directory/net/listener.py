"""What a connection needs of the server that accepted it."""

from __future__ import annotations

import ssl
from collections.abc import Coroutine
from concurrent.futures import Executor
from typing import Any, Protocol

from directory.net.agent import Agent, QuickSearcher
from directory.net.busy_poll import BusyPoll
from directory.net.durability import GroupCommit
from directory.net.limits import ListenerLimits
from directory.net.outbox import Outbox
from directory.net.turns import Turn


class Client(Protocol):
    """A connection, as the server knows it."""

    active_at: float
    stalled_at: float | None

    @property
    def held(self) -> tuple[int, int]:
        """Octets kept for the client: answers it has not read, a request it has not finished."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether the client waits for nothing: only then may its silence end the connection."""
        ...

    def disconnect(self, reason: str) -> None:
        """Tell the client why, and close."""
        ...

    def abort(self) -> None:
        """Drop a client that does not read."""
        ...


class Listener(Protocol):
    """What a connection needs of the server that accepted it."""

    agent: Agent
    limits: ListenerLimits
    commits: GroupCommit
    turns: Turn
    outbox: Outbox
    busy_poll: BusyPoll | None
    hashing: Executor
    quick_search: QuickSearcher | None
    handshake_timeout_s: float

    def admit(self, client: Client) -> bool:
        """Register a connection; false when there are too many."""
        ...

    def forget(self, client: Client) -> None:
        """A connection ended."""
        ...

    def tls_context(self) -> ssl.SSLContext | None:
        """The context for the next handshake."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine of the connection."""
        ...
