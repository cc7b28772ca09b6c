"""LDAP as a line carries it: messages, their ids, StartTLS (RFC 4511)."""

from __future__ import annotations

from collections.abc import Iterator

from directory.errors import DecodeError, ResultCode
from directory.limits import MESSAGE_SIZE_MAX
from directory.model import ber, oids
from directory.model.messages import (
    BindResponse,
    ExtendedResponse,
    LdapMessage,
    LdapResult,
    Response,
)
from directory.wire import tags
from directory.wire.messages import encode_message
from edgesync.lab.faults.dialect import NOT_COUNTED, Passage

STARTTLS = "StartTLS"

_OPERATIONS = {
    tags.BIND_REQUEST: "bind",
    tags.SEARCH_REQUEST: "search",
    tags.MODIFY_REQUEST: "modify",
    tags.ADD_REQUEST: "add",
    tags.DELETE_REQUEST: "delete",
    tags.MODIFY_DN_REQUEST: "modify-dn",
    tags.COMPARE_REQUEST: "compare",
    tags.EXTENDED_REQUEST: "extended",
}
"""Requests that are answered, by tag; unbind and abandon are not."""

_SEQUENCE_HEADER_MAX = 6
_SUCCESS = b"\x0a\x01\x00"


class LdapDialect:
    """Reads LDAP."""

    def __init__(self) -> None:
        self._asked = bytearray()
        self._answered = bytearray()
        self._tls_id = NOT_COUNTED

    def requests(self, data: bytes) -> Iterator[Passage]:
        """Whole messages of the client."""
        for message in _messages(self._asked, data):
            number, tag, body = _parts(message)
            operation = _OPERATIONS.get(tag, "")
            if tag == tags.EXTENDED_REQUEST and oids.START_TLS.encode() in body[:64]:
                self._tls_id = number
                yield Passage(number, message, operation, STARTTLS)
            else:
                yield Passage(number if operation else NOT_COUNTED, message, operation)

    def answers(self, data: bytes) -> Iterator[Passage]:
        """Whole messages of the server."""
        for message in _messages(self._answered, data):
            number, tag, body = _parts(message)
            grants = number == self._tls_id and tag == tags.EXTENDED_RESPONSE
            granted = STARTTLS if grants and body.startswith(_SUCCESS) else ""
            yield Passage(number or NOT_COUNTED, message, starts_tls=granted)

    def refusal(self, request: Passage) -> bytes:
        """InvalidCredentials for a bind; protocolError for StartTLS (RFC 4511 4.14.2)."""
        response: Response
        if request.starts_tls:
            result = LdapResult(ResultCode.PROTOCOL_ERROR, diagnostic="StartTLS is not supported")
            response = ExtendedResponse(result, oids.START_TLS)
        else:
            response = BindResponse(LdapResult(ResultCode.INVALID_CREDENTIALS))
        return encode_message(LdapMessage(request.key, response))

    def stripped(self, answer: bytes) -> bytes:
        """As it is: a rootDSE may say what the line does not keep."""
        return answer


def _messages(buffer: bytearray, data: bytes) -> Iterator[bytes]:
    """Take whole messages off a buffer; what is no LDAP comes as it is."""
    buffer += data
    at = 0
    while at < len(buffer):
        size = _size(buffer, at)
        if size is None:
            break
        yield bytes(buffer[at : at + size])
        at += size
    del buffer[:at]


def _size(buffer: bytearray, at: int) -> int | None:
    """Octets of the message that begins here; None while it is not whole."""
    left = len(buffer) - at
    if buffer[at] != ber.SEQUENCE:
        return left
    if left < 2:
        return None
    size = buffer[at + 1] + 2
    if buffer[at + 1] >= 0x80:
        octets = buffer[at + 1] & 0x7F
        if not 0 < octets <= _SEQUENCE_HEADER_MAX - 2:
            return left
        if left < 2 + octets:
            return None
        size = int.from_bytes(buffer[at + 2 : at + 2 + octets], "big") + 2 + octets
    if size > MESSAGE_SIZE_MAX:
        return left
    return size if left >= size else None


def _parts(message: bytes) -> tuple[int, int, bytes]:
    """Message id, tag of the operation, its content; zeros when it is no LDAP message."""
    try:
        _, start, end = ber.header(message, 0, len(message))
        _, number_at, number_end = ber.header(message, start, end)
        tag, body, stop = ber.header(message, number_end, end)
    except DecodeError:
        return NOT_COUNTED, 0, b""
    return int.from_bytes(message[number_at:number_end], "big"), tag, message[body:stop]
