"""Which listeners of a running lab have somebody in the middle: those with faults."""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from edgesync.lab.faults.book import FaultBook, Wire
from edgesync.lab.faults.keys import keys_of
from edgesync.lab.faults.middle import Middle
from edgesync.lab.faults.relay import LOOPBACK, Relay
from edgesync.lab.lab import Lab

Call = Callable[[Coroutine[Any, Any, None]], None]
"""Runs a coroutine in the listeners' loop and waits for it."""


class Door(Protocol):
    """One address of a listener, whose socket can be handed over while it serves."""

    def let_go(self) -> socket.socket:
        """Accept no more here; the socket goes on listening."""
        ...

    async def listen_on(self, listening: socket.socket) -> None:
        """Accept at another socket from here on."""
        ...

    def stands_for(self, ours: str, theirs: str) -> None:
        """A connection that comes from one ``ip:port`` is to be taken for one from another."""
        ...


@dataclass
class _Place:
    wire: Wire
    door: Door
    relay: Relay | None = None


class Diversions:
    """Puts relays where faults lie and takes them away where none is left."""

    def __init__(self, lab: Lab, call: Call) -> None:
        self._book = lab.service(FaultBook)
        self._keys = lab.service(keys_of)
        self._call = call
        self._places: list[_Place] = []
        self._former: list[Relay] = []

    def start(self, doors: list[tuple[str, str, Door]]) -> None:
        """Watch the faults of these listeners: server, service, door."""
        self._places = [_Place(Wire(server, service), door) for server, service, door in doors]
        self._book.changed.append(self.update)
        self.update()

    def stop(self) -> None:
        """Watch no more; every connection through a relay ends."""
        if self.update in self._book.changed:
            self._book.changed.remove(self.update)
        for relay in [*self._former, *(place.relay for place in self._places)]:
            if relay is not None:
                self._call(relay.stop())
        self._places, self._former = [], []

    def update(self) -> None:
        """Have the relays that the present faults need; called in whatever thread."""
        for place in self._places:
            is_hit = self._book.is_hit(place.wire)
            if is_hit and place.relay is None:
                self._call(self._divert(place))
            elif not is_hit and place.relay is not None:
                self._call(self._restore(place, place.relay))

    async def _divert(self, place: _Place) -> None:
        behind = socket.create_server((LOOPBACK, 0))
        behind.setblocking(False)
        address = behind.getsockname()
        public = place.door.let_go()
        await place.door.listen_on(behind)
        place.relay = Relay(
            address, lambda: Middle(place.wire, self._book, self._keys), place.door.stands_for
        )
        await place.relay.start(public)

    async def _restore(self, place: _Place, relay: Relay) -> None:
        """Connections made through the relay go on through it; new ones no longer do."""
        public, behind = relay.let_go(), place.door.let_go()
        await place.door.listen_on(public)
        behind.close()
        place.relay = None
        self._former.append(relay)
