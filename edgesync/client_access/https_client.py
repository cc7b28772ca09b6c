"""A client's connection to a web site: handshake with any certificate, then one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import h11

from edgesync.trust.channel import Channel
from edgesync.trust.tls import HandshakeDone, TlsIdentity, TlsSession

ROUNDS_MAX = 10_000
"""Reads of one connection; a body of 64 MB in chunks of 64 KiB needs a tenth."""

BODY_MAX = 1024 * 1024
"""Most bytes of an answer that are kept."""


class Link(Protocol):
    """A two-way stream of bytes to one peer."""

    def send(self, data: bytes) -> None:
        """Hand bytes to the peer."""
        ...

    def receive(self) -> bytes:
        """Wait for bytes; none when the peer hung up."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class NoHandshake(Exception):
    """TLS did not come about; the text says why."""


@dataclass(frozen=True, slots=True)
class WebAnswer:
    """Status and body of an answer."""

    status: int
    body: bytes


class WebConnection:
    """One connection of a client. ``server_name`` None: plain HTTP."""

    def __init__(
        self, link: Link, server_name: str | None, identity: TlsIdentity | None = None
    ) -> None:
        self._link = link
        self._channel = Channel()
        self._http = h11.Connection(h11.CLIENT)
        if server_name is not None:
            self._channel.start_tls(TlsSession.client(identity, server_name=server_name))

    def shake_hands(self) -> HandshakeDone:
        """Finish TLS.

        Raises:
            NoHandshake: the peer hung up, or does not speak TLS.
        """
        for _ in range(ROUNDS_MAX):
            if self._channel.handshake is not None:
                return self._channel.handshake
            if self._channel.is_closed:
                break
            self._exchange()
        reason = self._channel.failure.reason if self._channel.failure else "closed by the peer"
        raise NoHandshake(reason)

    def get(self, host: str, target: str) -> WebAnswer | None:
        """One GET; None when the server hangs up without an answer."""
        request = h11.Request(method="GET", target=target, headers=[("Host", host)])
        self._channel.send(self._http.send(request) or b"")
        self._channel.send(self._http.send(h11.EndOfMessage()) or b"")
        status, body = 0, b""
        for _ in range(ROUNDS_MAX):
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._exchange()
                if data := self._channel.take(BODY_MAX):
                    self._http.receive_data(data)
                elif self._channel.is_closed:
                    self._http.receive_data(b"")
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body = (body + bytes(event.data))[:BODY_MAX]
            elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
                break
        return WebAnswer(status, body) if status else None

    def close(self) -> None:
        """Hang up."""
        self._channel.close()
        data = self._channel.data_to_send()
        if data:
            self._link.send(data)
        self._link.close()

    def _exchange(self) -> None:
        data = self._channel.data_to_send()
        if data:
            self._link.send(data)
        self._channel.receive_data(self._link.receive())
