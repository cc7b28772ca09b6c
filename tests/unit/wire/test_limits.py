"""No message, however it is made, takes more than the named limits allow."""

from __future__ import annotations

import pytest

from directory.errors import DecodeError, LdapError, ResultCode
from directory.limits import (
    BER_DEPTH_MAX,
    CONTROLS_MAX,
    FILTER_ELEMENTS_MAX,
    MESSAGE_SIZE_ANONYMOUS_MAX,
    MESSAGE_SIZE_MAX,
)
from directory.model import ber
from directory.model.controls import TreeDelete, UnknownControl
from directory.model.dn import ROOT
from directory.model.filter import And, Filter, Not, Present
from directory.model.messages import LdapMessage, SearchRequest, UnbindRequest
from directory.wire.connection import NeedData, ProtocolFailed, ServerConnection
from directory.wire.messages import decode_message, encode_message
from directory.wire.requests import decode_request


def _search(filter_octets: bytes) -> bytes:
    head = bytes.fromhex("0400 0a0102 0a0100 020100 020100 010100")
    return ber.tlv(0x63, head + filter_octets + b"\x30\x00")


def test_an_announced_gigabyte_is_refused_before_it_is_collected() -> None:
    server = ServerConnection()
    server.receive_data(bytes.fromhex("3084 40000000"))
    event = server.next_event()
    assert isinstance(event, ProtocolFailed)
    assert "exceeds" in event.reason


def test_before_a_bind_messages_are_small_and_after_it_large() -> None:
    header = b"\x30" + ber.length(MESSAGE_SIZE_ANONYMOUS_MAX + 1)
    stranger, known = ServerConnection(), ServerConnection()
    known.allow_message_size(MESSAGE_SIZE_MAX)
    stranger.receive_data(header)
    known.receive_data(header)
    assert isinstance(stranger.next_event(), ProtocolFailed)
    assert isinstance(known.next_event(), NeedData)


def test_nothing_is_read_after_a_protocol_error() -> None:
    server = ServerConnection()
    server.receive_data(b"\x31\x00" + encode_message(LdapMessage(1, UnbindRequest())))
    assert isinstance(server.next_event(), ProtocolFailed)
    assert isinstance(server.next_event(), NeedData)


def test_a_filter_nested_five_thousand_times_is_refused() -> None:
    nested = ber.text("a", 0x87)
    for _ in range(5000):
        nested = ber.tlv(0xA2, nested)
    with pytest.raises(DecodeError, match=f"deeper than {BER_DEPTH_MAX}"):
        decode_request(_search(nested))


def test_the_deepest_filter_allowed_is_read() -> None:
    nested: Filter = Present("a")
    for _ in range(BER_DEPTH_MAX):
        nested = Not(nested)
    message = LdapMessage(1, SearchRequest(ROOT, filter=nested))
    assert decode_message(encode_message(message)) == message


def test_a_filter_of_too_many_parts_is_answered() -> None:
    wide = And(tuple(Present("a") for _ in range(FILTER_ELEMENTS_MAX)))
    with pytest.raises(LdapError) as refusal:
        decode_message(encode_message(LdapMessage(1, SearchRequest(ROOT, filter=wide))))
    assert refusal.value.code == ResultCode.ADMIN_LIMIT_EXCEEDED


def test_too_many_controls_are_answered() -> None:
    many = tuple(TreeDelete() for _ in range(CONTROLS_MAX + 1))
    with pytest.raises(LdapError) as refusal:
        decode_message(encode_message(LdapMessage(1, SearchRequest(ROOT), many)))
    assert refusal.value.code == ResultCode.PROTOCOL_ERROR


def test_an_unknown_control_keeps_what_it_said() -> None:
    control = UnknownControl(type="1.2.3", value=b"x", critical=True)
    message = LdapMessage(1, SearchRequest(ROOT), (control,))
    assert decode_message(encode_message(message)).controls == (control,)


def test_a_large_message_in_many_pieces_is_joined_once() -> None:
    server = ServerConnection(message_size_max=MESSAGE_SIZE_MAX)
    name = b"n" * 4_000_000
    raw = encode_message(LdapMessage(5, SearchRequest(ROOT, attributes=(name.decode(),))))
    for at in range(0, len(raw), 1000):
        assert isinstance(server.next_event(), NeedData)
        server.receive_data(raw[at : at + 1000])
    assert server.waiting == len(raw)
    event = server.next_event()
    assert not isinstance(event, NeedData | ProtocolFailed)
    assert server.waiting == 0
