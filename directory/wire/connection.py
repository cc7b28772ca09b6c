"""One LDAP connection without its socket: bytes in, events out; values in, bytes out.

    connection.receive_data(data)
    while True:
        match connection.next_event():
            case RequestReceived(message_id, request, controls): ...
            case NeedData(): break

``ServerConnection`` is our listener's; ``ClientConnection`` is that of our replication client
and of tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from directory.errors import DecodeError, LdapError, LocalProtocolError, ResultCode
from directory.limits import MESSAGE_SIZE_ANONYMOUS_MAX, MESSAGE_SIZE_MAX
from directory.model import ber, oids
from directory.model.controls import Control
from directory.model.encoded import EntryTable
from directory.model.messages import (
    AbandonRequest,
    ExtendedResponse,
    LdapMessage,
    LdapResult,
    Request,
    Response,
    UnbindRequest,
)
from directory.wire.controls import decode_controls, encode_controls
from directory.wire.encode import encode_operation
from directory.wire.frame import MESSAGE_ID_MAX, Frame, FrameBuffer, envelope
from directory.wire.messages import encode_message
from directory.wire.requests import answer, decode_request
from directory.wire.responses import decode_response
from directory.wire.tables import ExpectedAnswers, encode_adds


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A request to execute."""

    message_id: int
    request: Request
    controls: tuple[Control, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A request that can be answered but not executed; ``answer`` is what to send."""

    answer: LdapMessage


@dataclass(frozen=True, slots=True)
class AbandonReceived:
    """The client no longer wants the answer to this request."""

    message_id: int


@dataclass(frozen=True, slots=True)
class UnbindReceived:
    """The client is done; close the connection."""


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """An answer to one of our requests."""

    message: LdapMessage


@dataclass(frozen=True, slots=True)
class DisconnectionReceived:
    """The server says that it closes the connection, and why."""

    result: LdapResult


@dataclass(frozen=True, slots=True)
class ProtocolFailed:
    """The peer does not speak LDAP. Send ``farewell``, if any, and close."""

    reason: str
    farewell: bytes = b""


@dataclass(frozen=True, slots=True)
class NeedData:
    """Nothing more until data arrives."""


NEED_DATA = NeedData()

ServerEvent = (
    RequestReceived | RequestRefused | AbandonReceived | UnbindReceived | ProtocolFailed | NeedData
)
ClientEvent = ResponseReceived | DisconnectionReceived | ProtocolFailed | NeedData


def notice_of_disconnection(code: ResultCode, diagnostic: str) -> bytes:
    """The unsolicited notification a server sends before it closes (section 4.4.1)."""
    result = LdapResult(code, diagnostic=diagnostic)
    return encode_message(LdapMessage(0, ExtendedResponse(result, oids.NOTICE_OF_DISCONNECTION)))


class ServerConnection:
    """The server's side. After ``ProtocolFailed`` or ``UnbindReceived`` it reads nothing more."""

    def __init__(self, *, message_size_max: int = MESSAGE_SIZE_ANONYMOUS_MAX) -> None:
        self.frames = FrameBuffer(message_size_max)
        """For callers with a faster way for some messages (``wire.quick``)."""
        self._is_over = False

    def allow_message_size(self, octets: int) -> None:
        """Accept messages up to this size from now on; raised once a client has bound."""
        self.frames.size_max = octets

    @property
    def waiting(self) -> int:
        """Octets received and not understood yet: plaintext that came after a StartTLS."""
        return self.frames.waiting

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the client, in any portions."""
        self.frames.receive_data(data)

    def next_event(self) -> ServerEvent:
        """What the client wants next."""
        frame = self.next_frame()
        return self.interpret(frame) if isinstance(frame, Frame) else frame

    def next_frame(self) -> Frame | NeedData | ProtocolFailed:
        """The next message, not yet read."""
        if self._is_over:
            return NEED_DATA
        try:
            frame = self.frames.next_frame()
        except DecodeError as error:
            return self._fail(str(error))
        return NEED_DATA if frame is None else frame

    def next_of(self, tag: int) -> Frame | ProtocolFailed | None:
        """The next message if it is there and of a kind; any other stays where it is."""
        frames = self.frames
        at = frames.at
        found = self.next_frame()
        if isinstance(found, Frame) and found.operation[0] != tag:
            frames.at = at
            return None
        return None if isinstance(found, NeedData) else found

    def interpret(self, frame: Frame) -> ServerEvent:
        """Read a message: the plain path, which ``next_event`` takes for all of them."""
        if frame.message_id == 0:
            return self._fail("message id 0 belongs to the server")
        try:
            request = decode_request(frame.operation)
            if isinstance(request, UnbindRequest):
                self._is_over = True
                return UnbindReceived()
            if isinstance(request, AbandonRequest):
                return AbandonReceived(request.message_id)
            controls = decode_controls(frame.controls) if frame.controls else ()
        except DecodeError as error:
            return self._fail(str(error))
        except LdapError as error:
            response = answer(frame.operation[0], LdapResult.of(error))
            if response is None:  # an abandon or unbind with a bad control: there is no answer
                return AbandonReceived(0)
            return RequestRefused(LdapMessage(frame.message_id, response))
        return RequestReceived(frame.message_id, request, controls)

    def _fail(self, reason: str) -> ProtocolFailed:
        self._is_over = True
        return ProtocolFailed(reason, notice_of_disconnection(ResultCode.PROTOCOL_ERROR, reason))

    def send(self, message: LdapMessage) -> bytes:
        """The bytes of a response."""
        return encode_message(message)


class ClientConnection:
    """The client's side: it numbers requests and reads answers; any number may be on the way."""

    def __init__(self, *, message_size_max: int = MESSAGE_SIZE_MAX) -> None:
        self._frames = FrameBuffer(message_size_max)
        self._last_id = 0
        self._is_over = False

    def send(self, request: Request, controls: Sequence[Control] = ()) -> tuple[int, bytes]:
        """Number a request: (message id, bytes to send).

        Raises:
            LocalProtocolError: after the connection ended.
        """
        if self._is_over:
            raise LocalProtocolError("the connection is over")
        self._last_id = self._last_id % MESSAGE_ID_MAX + 1
        return self._last_id, envelope(
            ber.integer(self._last_id),
            encode_operation(request),
            encode_controls(controls) if controls else b"",
        )

    def send_adds(self, table: EntryTable) -> tuple[int, list[bytes]]:
        """``send`` for adds of entries that are alike: (first message id, what to send).

        The ids of the others follow the first one's.

        Raises:
            LocalProtocolError: after the connection ended.
        """
        if self._is_over:
            raise LocalProtocolError("the connection is over")
        count = len(table.values)
        if self._last_id + count > MESSAGE_ID_MAX:
            self._last_id = 0
        first, self._last_id = self._last_id + 1, self._last_id + count
        return first, encode_adds(table, first)

    def take(self, expected: ExpectedAnswers) -> bool:
        """Read answers that are as expected, if some stand at the front of what was received."""
        frames = self._frames
        octets = expected.take(frames.data, frames.at)
        frames.at += octets
        return octets > 0

    def receive_data(self, data: bytes) -> None:
        """Take bytes from the server, in any portions."""
        self._frames.receive_data(data)

    def next_frame(self) -> Frame | None:
        """The next answer, not yet read: for callers with a faster way for some of them.

        Raises:
            DecodeError: when the server does not speak LDAP.
        """
        return self._frames.next_frame()

    def next_event(self) -> ClientEvent:
        """What the server said next."""
        if self._is_over:
            return NEED_DATA
        try:
            frame = self._frames.next_frame()
        except DecodeError as error:
            self._is_over = True
            return ProtocolFailed(str(error))
        return NEED_DATA if frame is None else self.interpret(frame)

    def interpret(self, frame: Frame) -> ResponseReceived | DisconnectionReceived | ProtocolFailed:
        """Read an answer: the plain path, which ``next_event`` takes for all of them."""
        try:
            operation: Response = decode_response(frame.operation)
            controls = decode_controls(frame.controls, response=True) if frame.controls else ()
        except (DecodeError, LdapError) as error:
            self._is_over = True
            return ProtocolFailed(str(error))
        if frame.message_id == 0 and isinstance(operation, ExtendedResponse):
            self._is_over = operation.oid == oids.NOTICE_OF_DISCONNECTION
            if self._is_over:
                return DisconnectionReceived(operation.result)
        return ResponseReceived(LdapMessage(frame.message_id, operation, controls))
