"""Who is silent, stalls, or holds too much: looked at for all clients together, now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from directory.net.limits import SWEEP_S, ListenerLimits
from directory.net.listener import Client

_log = logging.getLogger(__name__)


class Sweep:
    """One timer for all connections: a thousand idle ones cost a millisecond a second."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        clients: Collection[Client],
        limits: ListenerLimits,
    ) -> None:
        self._loop = loop
        self._clients = clients
        self._limits = limits
        self._slow: dict[Client, tuple[float, int]] = {}
        """Clients with an unfinished request: since when, and how much of it is there."""
        shortest = min(limits.idle_timeout_s, limits.stalled_timeout_s, limits.unfinished_timeout_s)
        self._every = min(SWEEP_S, shortest / 4)
        self._timer = loop.call_later(self._every, self._run)

    def cancel(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _run(self) -> None:
        self._timer = self._loop.call_later(self._every, self._run)
        now, limits = self._loop.time(), self._limits
        held: dict[Client, int] = {}
        slow = {}
        for client in list(self._clients):
            unread, unfinished = client.held
            if unread or unfinished:
                held[client] = unread + unfinished
            stalled_at = client.stalled_at
            if stalled_at is not None and now - stalled_at > limits.stalled_timeout_s:
                _log.info("a client left its answers unread and was cut off")
                client.abort()
            elif now - client.active_at > limits.idle_timeout_s and client.is_idle:
                client.disconnect("idle for too long")
            elif unfinished and stalled_at is None:
                since, before = self._slow.get(client, (now, unfinished))
                slow[client] = (since if unfinished >= before else now, unfinished)
                if now - slow[client][0] > limits.unfinished_timeout_s:
                    client.disconnect("a request took too long to arrive")
        self._slow = slow
        self._relieve(held)

    def _relieve(self, held: dict[Client, int]) -> None:
        """Cut off who holds most until all together hold what they may."""
        total = sum(held.values())
        if total <= self._limits.held:
            return
        for client in sorted(held, key=held.__getitem__, reverse=True):
            _log.info("clients hold %d bytes together; one of %d was cut off", total, held[client])
            client.abort()
            total -= held[client]
            if total <= self._limits.held:
                return
