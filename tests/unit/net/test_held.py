"""What all clients together may make a server keep: counted at transports that never drain.

No socket is involved, so no kernel takes part of what is kept; a second is a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from directory.model.dn import DN
from directory.model.messages import LdapMessage, Scope, SearchRequest
from directory.net.connection import ClientSession
from directory.net.limits import SLICE_BYTES, ListenerLimits
from directory.net.server import DirectoryServer
from directory.net.sweep import Sweep
from directory.wire.messages import encode_message
from tests.support.agents import DictAgent, person

EVERYTHING = encode_message(LdapMessage(1, SearchRequest(DN.parse("dc=test"), Scope.SUBTREE)))
ENTRIES, SIZE = 200, 10_000
LIMITS = ListenerLimits(held=2_000_000, output_buffer=100_000)
UNFINISHED = b"\x30\x83\x03\x00\x00" + bytes(190_000)
"""A request that lacks its last octets."""
TURNS = 400
"""Turns of the event loop after which all has been made that will be."""


class Deaf:
    """A transport whose peer reads nothing."""

    def __init__(self, client: ClientSession) -> None:
        self._client = client
        self._waiting = self._high = 0
        self.is_gone = False
        client.connection_made(cast("asyncio.Transport", self))

    def set_write_buffer_limits(self, *, high: int, low: int) -> None:
        del low
        self._high = high

    def get_write_buffer_size(self) -> int:
        return self._waiting

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return ("127.0.0.1", 1)

    def write(self, data: bytes) -> None:
        before, self._waiting = self._waiting, self._waiting + len(data)
        if before <= self._high < self._waiting:
            self._client.pause_writing()

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None:
        self.is_gone = True
        self._waiting = 0
        self._client.connection_lost(None)


class Seconds:
    """A clock that strikes when told to."""

    def __init__(self) -> None:
        self._due: Callable[[], Any] = lambda: None

    def time(self) -> float:
        return asyncio.get_running_loop().time()

    def call_later(self, _: float, due: Callable[[], Any]) -> Seconds:
        self._due = due
        return self

    def strike(self) -> None:
        self._due()


class Crowd:
    """Clients of one server, none of which reads."""

    def __init__(self, limits: ListenerLimits = LIMITS) -> None:
        entries = [person(number, size=SIZE) for number in range(ENTRIES)]
        self._server = DirectoryServer(DictAgent(entries), (), limits=limits)
        self._server.attach(asyncio.get_running_loop())
        self._second = Seconds()
        loop = cast("asyncio.AbstractEventLoop", self._second)
        Sweep(loop, self._server._clients, limits)

    def come(self, number: int, sending: bytes) -> list[Deaf]:
        """So many clients who all send the same."""
        deaf = []
        for _ in range(number):
            client = ClientSession(self._server, is_tls=False)
            deaf.append(Deaf(client))
            client.data_received(sending)
        return deaf

    @property
    def held(self) -> int:
        return sum(sum(client.held) for client in self._server._clients)

    async def a_second_later(self) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self._second.strike()


def gone(deaf: list[Deaf]) -> int:
    return sum(transport.is_gone for transport in deaf)


@pytest.mark.parametrize("requests", [1, 100])
@pytest.mark.parametrize("turn_s", [0.0, 3600.0], ids=["a slow machine", "a fast machine"])
def test_nothing_more_is_made_for_who_does_not_read(
    requests: int, turn_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is asked at once: a slice above what the transport may keep, and one more."""
    monkeypatch.setattr("directory.net.turns.TURN_S", turn_s)

    async def story() -> None:
        crowd = Crowd()
        deaf = crowd.come(3, EVERYTHING * requests)
        await crowd.a_second_later()
        each = LIMITS.output_buffer + 2 * SLICE_BYTES + 2 * SIZE
        assert 3 * LIMITS.output_buffer < crowd.held < 3 * (each + len(EVERYTHING) * requests)
        assert not gone(deaf)

    asyncio.run(story())


def test_answers_nobody_reads_are_held_up_to_the_bound_of_all_together() -> None:
    async def story() -> None:
        crowd = Crowd()
        deaf = crowd.come(40, EVERYTHING)
        for _ in range(5):
            await crowd.a_second_later()
        assert LIMITS.held / 2 < crowd.held <= LIMITS.held
        assert gone(deaf) > len(deaf) / 2

    asyncio.run(story())


def test_requests_that_do_not_end_are_held_up_to_the_same_bound() -> None:
    async def story() -> None:
        crowd = Crowd()
        deaf = crowd.come(12, UNFINISHED)
        assert crowd.held == 12 * len(UNFINISHED) > LIMITS.held
        await crowd.a_second_later()
        assert gone(deaf) == 2
        assert crowd.held == 10 * len(UNFINISHED) <= LIMITS.held

    asyncio.run(story())


def test_both_halves_count_together_and_who_holds_most_goes_first() -> None:
    async def story() -> None:
        crowd = Crowd()
        small = crowd.come(1, UNFINISHED[:1000])
        readers = crowd.come(6, EVERYTHING)
        await crowd.a_second_later()
        answers = crowd.held
        writers = crowd.come(4, UNFINISHED)
        assert answers < LIMITS.held
        assert crowd.held - answers < LIMITS.held < crowd.held, "too much only together"
        await crowd.a_second_later()
        assert crowd.held <= LIMITS.held
        assert gone(readers)
        assert gone(small) == gone(writers) == 0, "who holds less stays"

    asyncio.run(story())
