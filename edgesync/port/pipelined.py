"""The port onto our own servers, and any that keep to RFC 4511, built on the directory's codec.

Many writes are on their way at once, which makes bulk replication ten times as fast as through
ldap3. It speaks LDAPS to a pinned certificate, or plain LDAP; everything else is ldap3's.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from directory.errors import LdapError, LocalProtocolError, ResultCode
from directory.limits import REQUESTS_IN_FLIGHT_MAX
from directory.model.controls import Control
from directory.model.entry import Entry
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
    SearchResultEntry,
    SimpleCredentials,
    SyncInfo,
    UnbindRequest,
)
from directory.wire.connection import (
    ClientConnection,
    DisconnectionReceived,
    ProtocolFailed,
    ResponseReceived,
)
from edgesync.errors import ConfigurationError, PortUnavailable
from edgesync.port.pinning import check_pin
from edgesync.port.port import DirectoryIdentity, SearchOutcome, Write, identify

WINDOW = REQUESTS_IN_FLIGHT_MAX * 3 // 4
"""Writes on their way at once: below what a server of ours takes before it stops reading."""

_RECEIVE_BYTES = 256 * 1024
_GONE = frozenset({ResultCode.BUSY, ResultCode.UNAVAILABLE})


class PipelinedPort:
    """One bound connection. For one thread at a time."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self._socket = sock
        self._peer = peer
        self._connection = ClientConnection()

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
        number, data = self._numbered(request, controls)
        self._send(data)
        entries: list[Entry] = []
        beside: list[tuple[Control, ...]] = []
        infos: list[SyncInfo] = []
        for message in self._messages():
            operation = message.operation
            if message.message_id != number:
                continue
            if isinstance(operation, SearchResultEntry):
                entries.append(operation.entry)
                beside.append(message.controls)
            elif isinstance(operation, SyncInfo):
                infos.append(operation)
            elif isinstance(result := getattr(operation, "result", None), LdapResult):
                self._check(result)
                break
        kept = tuple(beside) if any(beside) else ()
        return SearchOutcome(tuple(entries), message.controls, kept, tuple(infos))

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

    def write_all(self, requests: Sequence[Write]) -> list[LdapError | None]:
        """Writes in their order, many on the way at once; for each the refusal, or None."""
        outcomes: list[LdapError | None] = []
        for start in range(0, len(requests), WINDOW):
            sent = [self._numbered(r) for r in requests[start : start + WINDOW]]
            self._send(b"".join(data for _, data in sent))
            waiting = {number: place for place, (number, _) in enumerate(sent)}
            answers: list[LdapError | None] = [None] * len(sent)
            for message in self._messages():
                place = waiting.pop(message.message_id, None)
                result = getattr(message.operation, "result", None)
                if place is not None and isinstance(result, LdapResult):
                    try:
                        self._check(result)
                    except LdapError as error:
                        answers[place] = error
                if not waiting:
                    break
            outcomes += answers
        return outcomes

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
        self._send(data)
        for message in self._messages():
            result = getattr(message.operation, "result", None)
            if message.message_id == number and isinstance(result, LdapResult):
                self._check(result)
                return

    def _numbered(self, request: Request, controls: Sequence[Control] = ()) -> tuple[int, bytes]:
        try:
            return self._connection.send(request, controls)
        except LocalProtocolError as error:
            raise PortUnavailable(f"{self._peer}: {error}", "connect again") from error

    def _check(self, result: LdapResult) -> None:
        if result.code in _GONE:
            raise PortUnavailable(
                f"{self._peer} is {result.code.rfc_name}: {result.diagnostic}", "try again later"
            )
        result.raise_for_code()

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _unreachable(self._peer, error) from error

    def _messages(self) -> Iterator[LdapMessage]:
        """Answers as they come; ends only by an exception."""
        while True:
            event = self._connection.next_event()
            if isinstance(event, ResponseReceived):
                yield event.message
            elif isinstance(event, ProtocolFailed):
                raise LdapError(ResultCode.PROTOCOL_ERROR, event.reason)
            elif isinstance(event, DisconnectionReceived):
                raise PortUnavailable(
                    f"{self._peer} ended the connection: {event.result.diagnostic}",
                    "see the server's log",
                )
            else:
                self._receive()

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
