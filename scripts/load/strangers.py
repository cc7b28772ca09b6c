"""Many connections of one kind of stranger, in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

CONNECT_AT_ONCE = 100
CONNECT_TIMEOUT_S = 30.0
RECEIVE_BUFFER = 4096
"""What a reader who does not want to read tells its kernel to keep, bytes."""

DRIP_S = 1.0
"""How long a slow one waits between two bits of what it sends or reads."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What one stranger does."""

    opening: bytes = b""
    """Sent at once."""
    drip: bytes = b""
    """Sent every second from then on."""
    again: bytes = b""
    """Sent whenever something was answered."""
    reads: str = "all"
    """``all``, ``slowly`` (4 KiB a second) or ``nothing``."""


@dataclass(slots=True)
class Met:
    """What became of the strangers."""

    connected: int = 0
    refused: int = 0
    dropped: int = 0
    received: int = 0
    open: list[asyncio.Transport] = field(default_factory=list, repr=False)


class _Stranger(asyncio.Protocol):
    def __init__(self, manner: Manner, met: Met) -> None:
        self._manner = manner
        self._met = met
        self._transport: asyncio.Transport | None = None
        self._is_leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._met.connected += 1
        self._met.open.append(transport)
        if self._manner.reads != "all":
            transport.pause_reading()
        transport.write(self._manner.opening)

    def data_received(self, data: bytes) -> None:
        self._met.received += len(data)
        if self._transport is None:
            return
        if self._manner.reads == "slowly":
            self._transport.pause_reading()
        if self._manner.again and self._transport.get_write_buffer_size() == 0:
            self._transport.write(self._manner.again)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._met.dropped += not self._is_leaving
        self._transport = None

    def tick(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._manner.drip and self._transport.get_write_buffer_size() == 0:
            self._transport.write(self._manner.drip)
        if self._manner.reads == "slowly":
            self._transport.resume_reading()

    def leave(self) -> None:
        self._is_leaving = True
        if self._transport is not None:
            self._transport.abort()


async def come(
    host: str, port: int, number: int, manner: Callable[[int], Manner], stay_s: float
) -> Met:
    """So many strangers come, stay for a while, and are gone at once."""
    loop = asyncio.get_running_loop()
    met = Met()
    strangers = [_Stranger(manner(index), met) for index in range(number)]
    for first in range(0, number, CONNECT_AT_ONCE):
        batch = strangers[first : first + CONNECT_AT_ONCE]
        await asyncio.gather(*(_connect(loop, host, port, s, met) for s in batch))
    ends = loop.time() + stay_s
    while loop.time() < ends:
        await asyncio.sleep(DRIP_S)
        for stranger in strangers:
            stranger.tick()
    for stranger in strangers:
        stranger.leave()
    await asyncio.sleep(0.1)
    return met


async def _connect(
    loop: asyncio.AbstractEventLoop, host: str, port: int, stranger: _Stranger, met: Met
) -> None:
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    try:
        await asyncio.wait_for(loop.sock_connect(sock, (host, port)), CONNECT_TIMEOUT_S)
        await loop.create_connection(lambda: stranger, sock=sock)
    except (OSError, TimeoutError):
        met.refused += 1
        with contextlib.suppress(OSError):
            sock.close()
