"""TLS reports what it saw and judges nothing."""

from __future__ import annotations

import pytest

from edgesync.certificates.keys import BundledKeys
from edgesync.errors import KeyUnavailable
from edgesync.trust.tls import (
    HANDSHAKE_MAX,
    ChannelNotReady,
    HandshakeDone,
    NeedData,
    PeerClosed,
    PlaintextReceived,
    TlsEvent,
    TlsFailed,
    TlsIdentity,
    TlsSession,
    TlsVersion,
)
from tests.support.mail_bench import Organization

VERSIONS = [(TlsVersion.TLS_1_2,), (TlsVersion.TLS_1_3,)]


def pump(client: TlsSession, server: TlsSession) -> tuple[TlsEvent, TlsEvent]:
    """Move bytes until both ends are done; the last news of each."""
    news: list[TlsEvent] = [NeedData(), NeedData()]
    for _ in range(10):
        for side, (own, other) in enumerate(((client, server), (server, client))):
            event = own.next_event()
            if not isinstance(event, NeedData):
                news[side] = event
            if data := own.data_to_send():
                other.receive_data(data)
    return news[0], news[1]


@pytest.fixture(scope="module")
def identities() -> tuple[TlsIdentity, TlsIdentity]:
    """Two servers' certificates as setup makes them: self-signed, serverAuth only."""
    organization = Organization()
    hub, edge = organization.hub("HUB01"), organization.edge("EDGE01")
    assert hub.identity is not None
    assert edge.identity is not None
    return hub.identity, edge.identity


@pytest.mark.fact("certificate-facts 10")
@pytest.mark.parametrize("versions", VERSIONS)
def test_a_handshake_completes_with_a_self_signed_server_auth_client_certificate(
    identities: tuple[TlsIdentity, TlsIdentity], versions: tuple[TlsVersion, ...]
) -> None:
    hub, edge = identities
    client = TlsSession.client(hub, versions=versions)
    server = TlsSession.server(edge, versions=versions)
    first, second = pump(client, server)
    assert isinstance(first, HandshakeDone)
    assert isinstance(second, HandshakeDone)
    assert (first.peer, second.peer) == (edge.der, hub.der)
    assert {18, 26} <= set(second.complaints)  # self-signed, wrong purpose: recorded, passed over
    assert first.version == second.version == versions[0]


@pytest.mark.parametrize("versions", VERSIONS)
def test_a_client_without_a_certificate_is_reported_as_such(
    identities: tuple[TlsIdentity, TlsIdentity], versions: tuple[TlsVersion, ...]
) -> None:
    client = TlsSession.client(versions=versions)
    server = TlsSession.server(identities[1], versions=versions)
    _, second = pump(client, server)
    assert isinstance(second, HandshakeDone)
    assert second.peer is None
    assert second.peer_chain == ()


def test_a_server_may_leave_the_client_certificate_unasked(
    identities: tuple[TlsIdentity, TlsIdentity],
) -> None:
    server = TlsSession.server(identities[1], request_client_certificate=False)
    _, second = pump(TlsSession.client(identities[0]), server)
    assert isinstance(second, HandshakeDone)
    assert second.peer is None


def test_both_ends_share_a_channel_binding_and_no_two_channels_do(
    identities: tuple[TlsIdentity, TlsIdentity],
) -> None:
    bindings = []
    for _ in range(2):
        client, server = TlsSession.client(), TlsSession.server(identities[1])
        pump(client, server)
        assert client.channel_binding() == server.channel_binding()
        bindings.append(client.channel_binding())
    assert bindings[0] != bindings[1]


def test_plaintext_of_any_length_arrives_whole_and_in_order(
    identities: tuple[TlsIdentity, TlsIdentity],
) -> None:
    client, server = TlsSession.client(), TlsSession.server(identities[1])
    pump(client, server)
    sent = bytes(i % 251 for i in range(100_003))
    client.send(sent)
    wire = client.data_to_send()
    got = b""
    for start in range(0, len(wire), 997):  # records cut anywhere
        server.receive_data(wire[start : start + 997])
        while isinstance(event := server.next_event(), PlaintextReceived):
            got += event.data
    assert got == sent


def test_a_polite_end_is_told_from_a_broken_one(
    identities: tuple[TlsIdentity, TlsIdentity],
) -> None:
    client, server = TlsSession.client(), TlsSession.server(identities[1])
    pump(client, server)
    client.close()
    server.receive_data(client.data_to_send())
    assert isinstance(server.next_event(), PeerClosed)


@pytest.mark.parametrize(
    ("bytes_", "word"),
    [
        (b"EHLO stranger\r\n", "wrong version number"),
        (b"\x16\x03\x01\xff\xff" + bytes(65535), "too large"),
        (b"\x16\x03\x01\x00\x05hello", ""),
        (b"", "closed by peer"),
    ],
)
def test_what_is_not_tls_fails_with_a_reason(
    identities: tuple[TlsIdentity, TlsIdentity], bytes_: bytes, word: str
) -> None:
    server = TlsSession.server(identities[1])
    server.receive_data(bytes_)
    event = server.next_event()
    assert isinstance(event, TlsFailed)
    assert word in event.reason
    assert server.next_event() is event  # it stays failed


def test_an_endless_handshake_is_cut_off(identities: tuple[TlsIdentity, TlsIdentity]) -> None:
    client = TlsSession.client(versions=(TlsVersion.TLS_1_2,))
    server = TlsSession.server(identities[1], versions=(TlsVersion.TLS_1_2,))
    client.next_event()
    server.receive_data(client.data_to_send())
    server.next_event()
    fragment = b"\x0b\x00\xff\xff" + bytes(16380)  # a Certificate message that never ends
    record = b"\x16\x03\x03" + len(fragment).to_bytes(2, "big") + fragment
    event: TlsEvent = NeedData()
    for _ in range(HANDSHAKE_MAX // len(record) + 2):
        server.receive_data(record)
        event = server.next_event()
        if isinstance(event, TlsFailed):
            break
    assert isinstance(event, TlsFailed)


def test_plaintext_before_the_handshake_is_our_own_mistake(
    identities: tuple[TlsIdentity, TlsIdentity],
) -> None:
    with pytest.raises(ChannelNotReady):
        TlsSession.client().send(b"too early")


def test_a_key_of_another_certificate_is_refused(
    identities: tuple[TlsIdentity, TlsIdentity],
) -> None:
    foreign = BundledKeys(99).next_key("x")
    with pytest.raises(KeyUnavailable, match="does not belong"):
        TlsSession.server(TlsIdentity(identities[0].certificate, foreign))


def test_an_identity_shows_no_key(identities: tuple[TlsIdentity, TlsIdentity]) -> None:
    assert "key" not in repr(identities[0]).lower().replace("publickey", "")
