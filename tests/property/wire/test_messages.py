"""What is written is read back, and what is not LDAP is refused with a reason."""

from __future__ import annotations

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st

from directory.errors import DecodeError, LdapError
from directory.model.messages import AbandonRequest, LdapMessage, UnbindRequest
from directory.wire.connection import (
    ClientConnection,
    NeedData,
    ProtocolFailed,
    RequestReceived,
    ResponseReceived,
    ServerConnection,
)
from directory.wire.frame import Frame
from directory.wire.messages import decode_message, encode_message
from directory.wire.requests import decode_request
from tests.support.ldap_values import request_messages, response_messages


@given(request_messages)
def test_every_request_comes_back_as_it_was(message: LdapMessage) -> None:
    assert decode_message(encode_message(message)) == message


@given(response_messages)
def test_every_response_comes_back_as_it_was(message: LdapMessage) -> None:
    assert decode_message(encode_message(message)) == message


@given(st.lists(request_messages, min_size=1, max_size=4), st.data())
def test_requests_arrive_whole_however_the_stream_is_cut(
    wanted: list[LdapMessage], data: st.DataObject
) -> None:
    wanted = [m for m in wanted if not isinstance(m.operation, UnbindRequest | AbandonRequest)]
    stream = b"".join(map(encode_message, wanted))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6).map(sorted))
    server = ServerConnection()
    got: list[LdapMessage] = []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        server.receive_data(stream[start:stop])
        while isinstance(event := server.next_event(), RequestReceived):
            got.append(LdapMessage(event.message_id, event.request, event.controls))
        assert event == NeedData()
    assert got == wanted
    assert server.waiting == 0


@given(st.lists(response_messages.filter(lambda m: m.message_id), max_size=3))
def test_a_client_reads_a_stream_that_comes_byte_by_byte(wanted: list[LdapMessage]) -> None:
    client = ClientConnection()
    got: list[LdapMessage] = []
    for octet in b"".join(map(encode_message, wanted)):
        client.receive_data(bytes((octet,)))
        if isinstance(event := client.next_event(), ResponseReceived):
            got.append(event.message)
    assert got == wanted


@given(st.binary(max_size=80))
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"\x30\x80")
@example(b"\x30\x03\x02\x00\x42")
@example(b"\x30\x05\x02\x01\x01\x42")
def test_arbitrary_bytes_are_data_to_wait_for_or_a_protocol_error(data: bytes) -> None:
    server = ServerConnection()
    server.receive_data(data)
    for _ in range(len(data) + 1):
        event = server.next_event()
        if isinstance(event, NeedData):
            break
        if isinstance(event, ProtocolFailed):
            assert event.reason
            assert decode_message(event.farewell).message_id == 0
            break
    else:
        raise AssertionError("more events than bytes")


@given(request_messages, st.data())
def test_a_damaged_request_is_read_or_refused(message: LdapMessage, data: st.DataObject) -> None:
    raw = bytearray(encode_message(message))
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=4)):
        raw[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DecodeError, LdapError):
        decode_message(bytes(raw))


@given(st.integers(0, 255), st.binary(max_size=60))
def test_any_operation_is_read_or_refused(tag: int, body: bytes) -> None:
    with contextlib.suppress(DecodeError, LdapError):
        decode_request(bytes((tag, len(body))) + body)


@given(st.binary(max_size=60))
def test_any_search_is_read_or_refused(body: bytes) -> None:
    head = bytes.fromhex("0400 0a0102 0a0100 020100 020100 010100")
    with contextlib.suppress(DecodeError, LdapError):
        decode_request(bytes((0x63, len(head) + len(body))) + head + body)


def test_a_frame_keeps_the_id_as_it_came() -> None:
    server = ServerConnection()
    server.receive_data(bytes.fromhex("3084 00000008 0204 00000007 4200"))
    frame = server.next_frame()
    assert isinstance(frame, Frame)
    assert (frame.message_id, frame.id_element.hex()) == (7, "020400000007")
