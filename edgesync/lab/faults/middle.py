"""Somebody in the middle of one connection, without sockets: bytes in from both sides, bytes out.

With no fault on the line everything passes as it came, TLS untouched. When faults strike requests
that TLS would hide, TLS is ended here with the certificate the server itself showed, whose key
the lab has, and made anew to the server: nobody sees a difference. X-ANONYMOUSTLS stays closed,
since there the client proves itself with its own key: in it requests are counted by turns. A
re-signing middle opens every TLS, with a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from edgesync.lab.faults.book import FaultBook, Wire
from edgesync.lab.faults.dialect import NOT_COUNTED, Dialect, Passage, Turns
from edgesync.lab.faults.fault import FaultKind
from edgesync.lab.faults.ldap_dialect import LdapDialect
from edgesync.lab.faults.smtp_dialect import SmtpDialect
from edgesync.trust.channel import Channel
from edgesync.trust.tls import TlsIdentity, TlsSession

IMPLICIT_TLS = frozenset({"ldaps", "https", "pops", "imaps", "sips"})
"""Services whose connections begin with a handshake."""

OPAQUE = "X-ANONYMOUSTLS"
"""TLS in which both ends prove themselves with their own keys."""

EARLY_MAX = 256 * 1024
"""Octets of a client that waits for the server's handshake, or talks before its own is done."""

_TAKE = 1 << 20
_OPENS_MAX = 64
"""Requests whose answers are watched at once; more pass without."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Bytes for the client, so many seconds after everything before them."""

    data: bytes
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Keys:
    """Where the middle has its certificates from."""

    of: Callable[[bytes], TlsIdentity | None]
    """The lab's own certificate of these bytes, with its key."""
    look_alike: Callable[[bytes], TlsIdentity]
    """A certificate that looks like these bytes, with another key."""


@dataclass
class _Side:
    """One of the two connections."""

    channel: Channel = field(default_factory=Channel)
    waiting: bytearray = field(default_factory=bytearray)
    """Plaintext until the handshake is done."""
    is_full: bool = False
    """More waits than anybody needs to say so early."""

    def send(self, data: bytes) -> None:
        """Bytes for this side, in clear or through TLS once it is there."""
        if self.channel.is_negotiating or self.waiting:
            self.waiting += data
            self.is_full = len(self.waiting) > EARLY_MAX
            self.flush()
        else:
            self.channel.send(data)

    def flush(self) -> None:
        """Send what waited for the handshake."""
        if self.waiting and self.channel.is_protected:
            self.channel.send(bytes(self.waiting))
            self.waiting.clear()


class Middle:
    """The faults of one connection at work."""

    def __init__(self, wire: Wire, book: FaultBook, keys: Keys) -> None:
        self._wire, self._book, self._keys = wire, book, keys
        self._client, self._server = _Side(), _Side()
        self._early = bytearray()
        """What the client said of a handshake that waits for the server's certificate."""
        self._to_client: list[Outgoing] = []
        self._lost: set[int] = set()
        self._late: dict[int, float] = {}
        struck = {fault.kind for fault in book.connection(wire)}
        self._strips = FaultKind.STRIP_TLS in struck
        self._resigns = FaultKind.RESIGN_TLS in struck
        self._dialect = self._dialect_of(wire.service)
        self._is_sealed = self._is_meeting = False
        self.is_reset = FaultKind.CUT in struck
        """The line is gone: both connections end at once, whatever waits."""
        self.is_over = False
        """One side hung up: the other ends once it has everything."""
        if wire.service in IMPLICIT_TLS:
            self._begin_tls("TLS")

    @staticmethod
    def _dialect_of(service: str, *, greets: bool = True) -> Dialect:
        if service in {"ldap", "ldaps", "gc"}:
            return LdapDialect()
        return SmtpDialect(greets=greets) if service == "smtp" else Turns()

    # bytes in -------------------------------------------------------------------------------

    def from_client(self, data: bytes) -> None:
        """Bytes of the client; none: it hung up."""
        if self._is_meeting and data:
            self._early += data
            self.is_reset = self.is_reset or len(self._early) > EARLY_MAX
            return
        plain = self._received(self._client, data)
        for passage in self._dialect.requests(plain) if plain else ():
            if self.is_reset:
                return
            self._request(passage)

    def from_server(self, data: bytes) -> None:
        """Bytes of the server; none: it hung up."""
        plain = self._received(self._server, data)
        for passage in self._dialect.answers(plain) if plain else ():
            if self.is_reset:
                return
            self._answer(passage)

    def _received(self, side: _Side, data: bytes) -> bytes:
        if self._is_sealed and data:
            return data
        side.channel.receive_data(data)
        if self._is_meeting and side is self._server:
            self._meet()
        side.flush()
        self.is_over = self.is_over or side.channel.is_closed
        return side.channel.take(_TAKE) if not side.channel.is_negotiating else b""

    # bytes out ------------------------------------------------------------------------------

    def to_client(self) -> list[Outgoing]:
        """What the client gets, once."""
        if own := self._client.channel.data_to_send():
            self._to_client.append(Outgoing(own))
        outgoing, self._to_client = self._to_client, []
        return outgoing

    def to_server(self) -> bytes:
        """What the server gets, once."""
        return self._server.channel.data_to_send()

    def end(self) -> list[Outgoing]:
        """Say goodbye inside TLS on both sides; what the client gets of it."""
        for side in (self._client, self._server):
            if not self._is_sealed:
                side.channel.close()
        return self.to_client()

    # requests and answers -------------------------------------------------------------------

    def _request(self, passage: Passage) -> None:
        if passage.key != NOT_COUNTED and not self._passes(passage):
            return
        if passage.starts_tls and self._strips:
            self._say(self._dialect.refusal(passage))
            return
        self._server.send(passage.data)
        self.is_reset = self.is_reset or self._server.is_full

    def _passes(self, passage: Passage) -> bool:
        """Whether the server gets to see a request."""
        for fault in self._book.request(self._wire, passage.operation):
            if fault.kind is FaultKind.RESET:
                self.is_reset = True
            elif fault.kind is FaultKind.REFUSE_BIND:
                self._say(self._dialect.refusal(passage))
                return False
            elif fault.kind is FaultKind.LOSE_ACK and len(self._lost) < _OPENS_MAX:
                self._lost.add(passage.key)
            elif fault.kind is FaultKind.DELAY and len(self._late) < _OPENS_MAX:
                self._late[passage.key] = max(fault.seconds, self._late.get(passage.key, 0.0))
        return not self.is_reset

    def _answer(self, passage: Passage) -> None:
        if passage.key in self._lost:
            self.is_reset = True
            return
        data = self._dialect.stripped(passage.data) if self._strips else passage.data
        self._say(data, self._late.pop(passage.key, 0.0))
        if passage.starts_tls:
            self._begin_tls(passage.starts_tls)

    def _say(self, data: bytes, after_s: float = 0.0) -> None:
        """Something for the client; what was said before goes before."""
        if before := self._client.channel.data_to_send():
            self._to_client.append(Outgoing(before))
        self._client.send(data)
        self._to_client.append(Outgoing(self._client.channel.data_to_send(), after_s))

    # TLS ------------------------------------------------------------------------------------

    def _begin_tls(self, verb: str) -> None:
        """From here on TLS: left closed, or opened with the server's certificate or a false one."""
        opens = self._book.looks_inside(self._wire) and verb != OPAQUE
        if not (opens or self._resigns):
            self._is_sealed = True
            self._dialect = Turns()
            return
        self._dialect = self._dialect_of(self._wire.service, greets=False)
        self._is_meeting = True
        # a re-signing middle shows its own certificate to the server too; it has no other
        identity = self._keys.look_alike(b"") if self._resigns and verb == OPAQUE else None
        self._server.channel.start_tls(TlsSession.client(identity))

    def _meet(self) -> None:
        """Once the server has shown its certificate, the client's handshake begins."""
        channel = self._server.channel
        if channel.failure is not None or channel.is_closed:
            self.is_reset = True
            return
        if channel.handshake is None:
            return
        shown = channel.handshake.peer or b""
        own = None if self._resigns else self._keys.of(shown)
        self._is_meeting = False
        self._client.channel.start_tls(
            TlsSession.server(
                own or self._keys.look_alike(shown), request_client_certificate=self._resigns
            )
        )
        early = bytes(self._early)
        self._early.clear()
        if early:
            self.from_client(early)
