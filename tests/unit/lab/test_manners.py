"""How a listener treats peers it cannot serve: SMTP says why, the others just hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from edgesync.lab import stream_endpoint
from edgesync.lab.stream_endpoint import SMTP, Manners, StreamEndpoint, StreamSession


class Silent:
    """A session that waits for ever and says nothing."""

    idle_timeout_s = 60.0
    is_over = False

    def start(self) -> None: ...

    def receive_data(self, data: bytes) -> None:
        if data == b"break\n":
            raise RuntimeError("a bug")

    def data_to_send(self) -> bytes:
        return b""

    def time_out(self) -> None: ...


def talk(endpoint: StreamEndpoint, *sent: bytes, before: int = 0) -> bytes:
    """What a peer is told after it said something; ``before`` others are connected already."""

    async def conversation() -> bytes:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda *_: None)
        await endpoint.start()
        others = [await asyncio.open_connection(*endpoint.address) for _ in range(before)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection(*endpoint.address)
        await asyncio.sleep(0.05)  # SMTP's greeting comes first
        for data in sent:
            writer.write(data)
        try:
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionResetError:
            return b""
        finally:
            for _, other in (*others, (reader, writer)):
                other.close()
            await endpoint.stop()

    return run(conversation())


def run(work: Coroutine[Any, Any, bytes]) -> bytes:
    return asyncio.run(work)


def broken(_local: str, _remote: str) -> StreamSession | None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(("manners", "said"), [(SMTP, b"421 4.3.2 "), (Manners(), b"")])
def test_a_session_that_cannot_begin_or_breaks_ends_alone(manners: Manners, said: bytes) -> None:
    assert talk(StreamEndpoint(broken, manners=manners)).startswith(said)
    answer = talk(StreamEndpoint(lambda *_: Silent(), manners=manners), b"break\n")
    assert answer.startswith(said)
    assert bool(answer) == bool(said)


@pytest.mark.parametrize(("manners", "said"), [(SMTP, b"421 4.3.2 "), (Manners(), b"")])
def test_one_peer_too_many_is_turned_away(
    monkeypatch: pytest.MonkeyPatch, manners: Manners, said: bytes
) -> None:
    monkeypatch.setattr(stream_endpoint, "CONNECTIONS_MAX", 2)
    answer = talk(StreamEndpoint(lambda *_: Silent(), manners=manners), before=2)
    assert answer.startswith(said)
    assert bool(answer) == bool(said)


def test_a_factory_is_told_both_ends() -> None:
    told: list[tuple[str, str]] = []

    def refuse(local: str, remote: str) -> StreamSession | None:
        told.append((local, remote))
        return None

    endpoint = StreamEndpoint(refuse)
    assert talk(endpoint) == b""
    (ends,) = told
    assert all(end.startswith("127.0.0.1:") for end in ends)
    assert ends[0] != ends[1]
