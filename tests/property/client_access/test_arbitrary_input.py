"""Whatever a client sends, a session answers or ends; it never breaks."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from edgesync.lab.stream_endpoint import StreamSession
from edgesync.lab.unified_messaging import UnifiedMessaging
from tests.support.access_lab import do, fresh_lab

WORDS = st.sampled_from(
    [
        b"GET /owa HTTP/1.1\r\n", b"Host: x\r\n", b"\r\n", b"Content-Length: 5\r\n",
        b"USER a\r\n", b"PASS ", b"STLS\r\n", b"CAPA\r\n", b"a LOGIN ", b'"x\\',
        b"a STARTTLS\r\n", b"a FETCH 1:* (\r\n", b"a AUTHENTICATE PLAIN AGEAYg==\r\n",
        b"OPTIONS sip:a SIP/2.0\r\n", b"INVITE sip:a SIP/2.0\r\n",
        b"Via: SIP/2.0/TCP 127.0.0.1\r\n", b"m=audio 1 RTP/AVP 0\r\n", b"v=0\r\n",
        b"From: a\r\nTo: b\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n",
    ]
)  # fmt: skip
INPUT = st.lists(st.one_of(WORDS, st.binary(max_size=40)), max_size=20)


@cache
def _lab() -> Lab:
    lab = fresh_lab()
    do(lab, "um gateway LOOP --address 127.0.0.1")
    do(lab, "um dialplan Main --voip-security Unsecured --server UM01")
    return lab


def _session(service: str) -> StreamSession:
    if service == "sip":
        found = _lab().service(UnifiedMessaging).accept("UM01", "sip", "127.0.0.1")
    else:
        found = _lab().service(ClientAccess).accept("CAS01", service)
    assert found is not None
    found.start()
    return found


@pytest.mark.parametrize("service", ["http", "https", "pop", "imap", "pops", "imaps", "sip"])
@given(parts=INPUT)
def test_no_input_breaks_a_session(service: str, parts: list[bytes]) -> None:
    session = _session(service)
    for part in parts:
        if session.is_over:
            break
        session.receive_data(part or b"\r\n")
        session.data_to_send()
    session.receive_data(b"")
    assert session.is_over


@given(parts=INPUT, cuts=st.lists(st.integers(1, 30), min_size=1))
def test_how_bytes_are_cut_does_not_matter_to_pop(parts: list[bytes], cuts: list[int]) -> None:
    whole, cut = _session("pop"), _session("pop")
    data = b"".join(parts)
    whole.receive_data(data + b"\r\n")
    rest, turn = data + b"\r\n", 0
    while rest:
        size = cuts[turn % len(cuts)]
        cut.receive_data(rest[:size])
        rest, turn = rest[size:], turn + 1
    if b"STLS" not in data:
        assert whole.data_to_send() == cut.data_to_send()
