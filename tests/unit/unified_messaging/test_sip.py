"""SIP messages and session descriptions, read and written."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.entropy import SeededEntropy
from edgesync.organization.voice import VoipSecurity
from edgesync.trust.channel import Channel
from edgesync.unified_messaging.sdp import (
    MediaAgreed,
    MediaRefused,
    agree,
    crypto_line,
    describe,
    parse_offer,
)
from edgesync.unified_messaging.sip import SipMalformed, SipMessage, SipReader, answer_to

ENTROPY = SeededEntropy(1, "sdp")
REQUEST = (
    b"INVITE sip:um@x SIP/2.0\r\nv: SIP/2.0/TCP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"t: <sip:um@x>\r\ni: abc\r\nCSeq: 1 INVITE\r\nSubject: one\r\n two\r\nl: 4\r\n\r\nbody"
)


def read(*chunks: bytes) -> list[SipMessage]:
    channel, reader, found = Channel(), SipReader(), []
    for chunk in chunks:
        channel.receive_data(chunk)
        while (message := reader.next_message(channel)) is not None:
            found.append(message)
    return found


def test_compact_and_folded_headers_are_read() -> None:
    (message,) = read(REQUEST)
    assert (message.method, message.uri, message.body) == ("INVITE", "sip:um@x", b"body")
    assert message.first("call-id") == "abc"
    assert message.first("subject") == "one two"


@given(st.lists(st.integers(1, len(REQUEST) * 2), max_size=8))
def test_messages_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    data = REQUEST + b"\r\n\r\n" + REQUEST
    places = sorted({0, *(c for c in cuts if c < len(data)), len(data)})
    chunks = [data[a:b] for a, b in pairwise(places)]
    assert read(*chunks) == read(REQUEST) * 2


def test_an_answer_copies_what_it_must_and_is_read_back() -> None:
    (request,) = read(REQUEST)
    answer = answer_to(request, 200, "OK", ("contact", "<sip:x>"), tag="9", body=b"hi")
    (again,) = read(answer.encode())
    assert (again.status, again.body) == (200, b"hi")
    assert again.first("to") == "<sip:um@x>;tag=9"
    assert again.all("via") == request.all("via")


@pytest.mark.parametrize(
    "data",
    [b"HELO x\r\n", b"INVITE sip:x SIP/3.0\r\n", b"OPTIONS sip:x SIP/2.0\r\nno colon\r\n",
     b"OPTIONS sip:x SIP/2.0\r\nContent-Length: x\r\n\r\n",
     b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 999999\r\n\r\n", b"a" * 9000,
     # the first nine digits alone are zero
     b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 0000000009999999\r\n\r\n",
     # a carriage return would end a line of the answer the header is copied into
     b"OPTIONS sip:x SIP/2.0\r\nFrom: a\rX-Injected: b\r\n\r\n"],
)  # fmt: skip
def test_what_is_not_sip_ends_the_stream(data: bytes) -> None:
    with pytest.raises(SipMalformed):
        read(data)


def offer(profile: str, *more: str, formats: tuple[str, ...] = ("0", "101")) -> bytes:
    return describe("gw", profile, list(formats), *more)


@pytest.mark.fact("certificate-facts 7.2")
@pytest.mark.parametrize(
    ("security", "profile", "crypto", "agreed"),
    [
        (VoipSecurity.UNSECURED, "RTP/AVP", False, True),
        (VoipSecurity.UNSECURED, "RTP/SAVP", True, False),
        (VoipSecurity.SIP_SECURED, "RTP/AVP", False, True),
        (VoipSecurity.SECURED, "RTP/AVP", False, False),
        (VoipSecurity.SECURED, "RTP/SAVP", False, False),
        (VoipSecurity.SECURED, "RTP/SAVP", True, True),
    ],
)
def test_media_are_as_the_dial_plan_says_or_refused(
    security: VoipSecurity, profile: str, crypto: bool, agreed: bool
) -> None:
    more = [crypto_line("7", ENTROPY)] if crypto else []
    media = agree(parse_offer(offer(profile, *more)), security, host="um", entropy=ENTROPY)
    assert isinstance(media, MediaAgreed if agreed else MediaRefused)
    if isinstance(media, MediaAgreed) and crypto:
        answer = parse_offer(media.text)
        assert answer is not None
        assert answer.cryptos[0].tag == "7"
        assert answer.cryptos[0].key not in more[0]  # each end has a key of its own
        assert answer.cryptos[0].key not in repr(media)


@pytest.mark.parametrize("body", [b"", b"v=0\r\n", b"m=video 1 RTP/AVP 0\r\n"])
def test_an_offer_without_audio_is_refused(body: bytes) -> None:
    media = agree(parse_offer(body), VoipSecurity.UNSECURED, host="um", entropy=ENTROPY)
    assert isinstance(media, MediaRefused)


def test_unknown_payload_types_are_refused() -> None:
    asked = parse_offer(offer("RTP/AVP", formats=("96",)))
    media = agree(asked, VoipSecurity.UNSECURED, host="um", entropy=ENTROPY)
    assert isinstance(media, MediaRefused)
