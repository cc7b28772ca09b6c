"""The port onto our own servers, and any that keep to RFC 4511, built on the directory's codec.

Many requests are on their way at once, answers are read as frames, and entries stay in wire form:
that makes bulk replication more than ten times as fast as through ldap3. It speaks LDAPS to a
pinned certificate, or plain LDAP; everything else is ldap3's.
"""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from directory.errors import DecodeError, LdapError, LocalProtocolError, ResultCode
from directory.model.controls import Control
from directory.model.encoded import EntryTable
from directory.model.messages import (
    AddRequest,
    BindRequest,
    DeleteRequest,
    LdapMessage,
    LdapResult,
    ModifyDnRequest,
    ModifyRequest,
    Request,
    SearchRequest,
    SimpleCredentials,
    UnbindRequest,
)
from directory.wire.connection import (
    ClientConnection,
    DisconnectionReceived,
    ProtocolFailed,
)
from directory.wire.frame import Frame
from edgesync.errors import ConfigurationError, PortUnavailable
from edgesync.port.awaited import AwaitedAdds, AwaitedSearch, AwaitedWrites
from edgesync.port.pinning import check_pin
from edgesync.port.port import (
    DirectoryIdentity,
    SearchOutcome,
    Write,
    WriteOutcomes,
    identify,
)

WINDOW = 960
"""Writes on their way at once: some 20 ms of a server's work, in which a page of the source is read
and projected. OpenLDAP hangs up on a client with more than 1,000. A server of ours stops reading
at a quarter of it, so that what it reads next is there already."""

SENT_TOGETHER = 128
"""Writes sent at once, when there is room for all of them: half of what a server of ours takes."""

_RECEIVE_BYTES = 256 * 1024
_GONE = frozenset({ResultCode.BUSY, ResultCode.UNAVAILABLE})


class PipelinedPort:
    """One bound connection. For one thread at a time."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self._socket = sock
        self._peer = peer
        self._connection = ClientConnection()
        self._waiting: dict[int, AwaitedSearch | AwaitedWrites | AwaitedAdds] = {}
        self._in_order: deque[AwaitedAdds] = deque()
        """Adds whose answers come in their order, those sent first in front."""

    @classmethod
    def connect(
        cls,
        url: str,
        bind_name: str = "",
        password: bytes = b"",
        *,
        pin: bytes | None = None,
        connect_s: float = 10.0,
        answer_s: float = 120.0,
    ) -> PipelinedPort:
        """Connect, compare the certificate, then bind; an empty name stays anonymous.

        Raises:
            ConfigurationError: no LDAP URL, or LDAPS without a certificate to expect.
            PinMismatch: the server presented another certificate; no credential was sent.
            PortUnavailable: nobody answers.
            LdapError: the credentials are refused.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"ldap", "ldaps"} or not parts.hostname:
            raise ConfigurationError(f"{url!r} is not an LDAP URL", "write ldap://HOST:PORT")
        secure = parts.scheme == "ldaps"
        if secure and pin is None:
            raise ConfigurationError(
                f"{url}: LDAPS without a certificate to expect", "give the pin, or use LdapPort"
            )
        port = parts.port or (636 if secure else 389)
        sock: socket.socket | None = None
        try:
            sock = socket.create_connection((parts.hostname, port), connect_s)
            sock.settimeout(answer_s)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if pin is not None:
                sock = _secured(sock, pin, url)
        except OSError as error:
            if sock is not None:
                sock.close()
            raise _unreachable(url, error) from error
        except BaseException:
            if sock is not None:
                sock.close()
            raise
        made = cls(sock, url)
        try:
            if bind_name:
                made._one(BindRequest(3, bind_name, SimpleCredentials(password)))
        except BaseException:
            made.close()
            raise
        return made

    # the port -----------------------------------------------------------------------------

    @property
    def identity(self) -> DirectoryIdentity:
        """The directory's rootDSE."""
        return identify(self)

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        """One page."""
        return self.start_search(request, controls)()

    def start_search(
        self, request: SearchRequest, controls: Sequence[Control] = ()
    ) -> Callable[[], SearchOutcome]:
        """One page, for which the caller need not wait."""
        found = AwaitedSearch(self._interpret)
        number, data = self._numbered(request, controls)
        self._waiting[number] = found
        self._send(data)

        def finish() -> SearchOutcome:
            self._read_until(found)
            self._check(found.result)
            return found.outcome()

        return finish

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        """Add one entry."""
        self._one(request, controls)

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        """Change one entry."""
        self._one(request, controls)

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        """Rename or move."""
        self._one(request, controls)

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        """Delete one entry."""
        self._one(request, controls)

    def start_writes(self, requests: Sequence[Write]) -> Callable[[], WriteOutcomes]:
        """Writes in their order, many on the way at once."""
        started: list[AwaitedWrites] = []
        for start in range(0, len(requests), SENT_TOGETHER):
            sent = [self._numbered(request) for request in requests[start : start + SENT_TOGETHER]]
            awaited = AwaitedWrites(self._interpret, [number for number, _ in sent])
            self._make_room(len(sent))
            self._waiting.update(dict.fromkeys(awaited.places, awaited))
            self._send(b"".join([data for _, data in sent]))
            started.append(awaited)

        def finish() -> WriteOutcomes:
            outcomes: WriteOutcomes = []
            for awaited in started:
                self._read_until(awaited)
                outcomes += map(self._refusal, awaited.results)
            return outcomes

        return finish

    def start_adds(self, tables: Sequence[EntryTable]) -> Callable[[], WriteOutcomes]:
        """``start_writes`` for adds of entries that are alike."""
        started = [
            self._start_adds(table.part(start, start + SENT_TOGETHER))
            for table in tables
            for start in range(0, len(table.values), SENT_TOGETHER)
        ]

        def finish() -> WriteOutcomes:
            outcomes: WriteOutcomes = []
            for awaited in started:
                self._read_until(awaited)
                outcomes += map(self._refusal, awaited.results)
            return outcomes

        return finish

    def _start_adds(self, table: EntryTable) -> AwaitedAdds:
        try:
            first, messages = self._connection.send_adds(table)
        except LocalProtocolError as error:
            raise PortUnavailable(f"{self._peer}: {error}", "connect again") from error
        awaited = AwaitedAdds(self._interpret, first, len(messages))
        self._make_room(len(messages))
        self._waiting.update(dict.fromkeys(awaited.numbers, awaited))
        self._in_order.append(awaited)
        self._send(b"".join(messages))
        return awaited

    def _make_room(self, more: int) -> None:
        while self._waiting and len(self._waiting) + more > WINDOW:
            self._read_one()

    def close(self) -> None:
        """Say good-bye and let go; a peer that is gone already does not matter."""
        try:
            self._socket.sendall(self._connection.send(UnbindRequest())[1])
        except (OSError, LocalProtocolError):
            pass
        finally:
            self._socket.close()

    # one connection -----------------------------------------------------------------------

    def _one(self, request: Request, controls: Sequence[Control] = ()) -> None:
        number, data = self._numbered(request, controls)
        awaited = AwaitedWrites(self._interpret, [number])
        self._waiting[number] = awaited
        self._send(data)
        self._read_until(awaited)
        self._check(awaited.results[0])

    def _numbered(self, request: Request, controls: Sequence[Control] = ()) -> tuple[int, bytes]:
        try:
            return self._connection.send(request, controls)
        except LocalProtocolError as error:
            raise PortUnavailable(f"{self._peer}: {error}", "connect again") from error

    def _check(self, result: LdapResult | None) -> None:
        if result is None:
            return
        if result.code in _GONE:
            raise PortUnavailable(
                f"{self._peer} is {result.code.rfc_name}: {result.diagnostic}", "try again later"
            )
        result.raise_for_code()

    def _refusal(self, result: LdapResult | None) -> LdapError | None:
        try:
            self._check(result)
        except LdapError as error:
            return error
        return None

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _unreachable(self._peer, error) from error

    def _read_until(self, awaited: AwaitedSearch | AwaitedWrites | AwaitedAdds) -> None:
        while not awaited.is_done:
            self._read_one()

    def _read_one(self) -> None:
        """Hand the next answer to who waits for it; many, where they are as expected."""
        in_order = self._in_order
        while in_order and in_order[0].is_done:
            in_order.popleft()
        if in_order and (answered := in_order[0].take_expected(self._connection)):
            for number in answered:
                del self._waiting[number]
            return
        frame = self._next_frame()
        awaited = self._waiting.get(frame.message_id)
        if awaited is None:
            if frame.message_id != 0:
                raise self._not_ldap(f"an answer to message {frame.message_id}, which asks nothing")
            self._interpret(frame)
        elif awaited.take(frame):
            del self._waiting[frame.message_id]

    def _next_frame(self) -> Frame:
        while True:
            try:
                frame = self._connection.next_frame()
            except DecodeError as error:
                raise self._not_ldap(str(error)) from error
            if frame is not None:
                return frame
            self._receive()

    def _interpret(self, frame: Frame) -> LdapMessage:
        """An answer read the plain way."""
        event = self._connection.interpret(frame)
        if isinstance(event, ProtocolFailed):
            raise self._not_ldap(event.reason)
        if isinstance(event, DisconnectionReceived):
            raise PortUnavailable(
                f"{self._peer} ended the connection: {event.result.diagnostic}",
                "see the server's log",
            )
        return event.message

    def _not_ldap(self, reason: str) -> LdapError:
        return LdapError(ResultCode.PROTOCOL_ERROR, reason)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except OSError as error:
            raise _unreachable(self._peer, error) from error
        if not data:
            raise PortUnavailable(f"{self._peer} closed the connection", "see the server's log")
        self._connection.receive_data(data)


def _secured(sock: socket.socket, pin: bytes, peer: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the whole certificate is compared instead
    secured = context.wrap_socket(sock)
    try:
        check_pin(secured.getpeercert(binary_form=True), pin, peer)
    except BaseException:
        secured.close()
        raise
    return secured


def _unreachable(peer: str, error: OSError) -> PortUnavailable:
    return PortUnavailable(
        f"{peer} cannot be reached: {error}",
        "see that the server runs, and that nothing between drops the connection",
    )
