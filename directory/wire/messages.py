"""Whole messages, both ways: what callers use who have all bytes of one."""

from __future__ import annotations

from directory.errors import DecodeError
from directory.model import ber
from directory.model.ber import header
from directory.model.messages import LdapMessage
from directory.wire.controls import decode_controls, encode_controls
from directory.wire.encode import encode_operation
from directory.wire.frame import decode_frame, envelope
from directory.wire.requests import decode_request, is_request
from directory.wire.responses import decode_response


def encode_message(message: LdapMessage) -> bytes:
    """A whole LDAPMessage."""
    return envelope(
        ber.integer(message.message_id),
        encode_operation(message.operation),
        encode_controls(message.controls) if message.controls else b"",
    )


def decode_message(data: bytes) -> LdapMessage:
    """A whole message, request or response, from exactly its bytes."""
    tag, start, stop = header(data, 0, len(data))
    if tag != ber.SEQUENCE:
        raise DecodeError(0, "", f"expected tag 0x30, found 0x{tag:02x}")
    if stop != len(data):
        raise DecodeError(stop, "", "bytes follow the message")
    frame = decode_frame(data, start, stop)
    if is_request(frame.operation[0]):
        return LdapMessage(
            frame.message_id, decode_request(frame.operation), decode_controls(frame.controls)
        )
    return LdapMessage(
        frame.message_id,
        decode_response(frame.operation),
        decode_controls(frame.controls, response=True),
    )
