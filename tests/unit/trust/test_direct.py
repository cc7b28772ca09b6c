"""Direct trust: presence in the directory is the validation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from edgesync import events
from edgesync.certificates.issue import CertificateSubject, IssueProfile, issue_self_signed
from edgesync.certificates.keys import BundledKeys
from edgesync.config import Policy
from edgesync.organization.servers import ServerObject, ServerRole
from edgesync.trust.anchors import Side, TrustAnchors, certificate_of
from edgesync.trust.direct import (
    ANONYMOUS_LOGON,
    EDGE_TRANSPORT_SERVERS,
    HUB_TRANSPORT_SERVERS,
    Direction,
    TrustWarning,
    check,
)
from edgesync.trust.verdict import Reason, Verdict
from tests.support.mail_bench import FOREST, START

POLICY = Policy()


def issue(name: str, *, key_size: int = 2048, seed: int = 7) -> bytes:
    """A certificate as setup issues it."""
    certificate = issue_self_signed(
        CertificateSubject.of_server(name, f"{name.lower()}.contoso.test"),
        BundledKeys(seed).next_key(name, key_size),
        now=START,
        serial=len(name) + seed,
        profile=IssueProfile(1),
    )
    return certificate.public_bytes(Encoding.DER)


def server(name: str, role: ServerRole, der: bytes | None) -> ServerObject:
    """A server object with a published certificate."""
    return ServerObject(FOREST.server(name), name, role, internal_certificate=der).with_fqdn(
        f"{name.lower()}.contoso.test"
    )


HUB, EDGE = issue("HUB01"), issue("EDGE01", seed=8)
IN_AD = TrustAnchors.of(
    Side.HUB, [server("HUB01", ServerRole.HUB, HUB), server("EDGE01", ServerRole.EDGE, EDGE)]
)
IN_ADAM = TrustAnchors.of(
    Side.EDGE, [server("HUB01", ServerRole.HUB, HUB), server("EDGE01", ServerRole.EDGE, EDGE)]
)


@pytest.mark.fact("certificate-facts 4.2")
@pytest.mark.fact("certificate-facts 4.4")
def test_a_match_gives_the_counterparts_well_known_identity() -> None:
    on_hub = check(EDGE, IN_AD, now=START, policy=POLICY)
    on_edge = check(HUB, IN_ADAM, now=START, policy=POLICY)
    assert on_hub
    assert on_edge
    assert on_hub.identity == EDGE_TRANSPORT_SERVERS
    assert on_edge.identity == HUB_TRANSPORT_SERVERS
    assert on_hub.identity.sid.endswith("-22")
    assert on_edge.identity.sid.endswith("-21")
    assert (on_hub.reason, on_hub.warnings, on_hub.events) == (Reason.TRUSTED, (), ())


@pytest.mark.fact("certificate-facts 4.2")
def test_a_hub_does_not_take_another_hubs_certificate_for_an_edges() -> None:
    assert not check(HUB, IN_AD, now=START, policy=POLICY)


@pytest.mark.fact("certificate-facts 4.3")
def test_a_renewed_certificate_with_the_same_names_is_unknown() -> None:
    renewed = issue("EDGE01", seed=9)
    subject = x509.load_der_x509_certificate(renewed).subject
    assert subject == x509.load_der_x509_certificate(EDGE).subject
    result = check(renewed, IN_AD, now=START, policy=POLICY, expected="EDGE01")
    assert (result.verdict, result.reason) == (Verdict.ANONYMOUS, Reason.MISMATCH)


@pytest.mark.fact("certificate-facts 4.5")
def test_a_mismatch_is_anonymous_inbound_and_refused_outbound() -> None:
    stranger = issue("OTHER", seed=10)
    inbound = check(stranger, IN_AD, now=START, policy=POLICY)
    outbound = check(stranger, IN_AD, now=START, policy=POLICY, direction=Direction.OUTBOUND)
    assert inbound.verdict is Verdict.ANONYMOUS
    assert inbound.identity == ANONYMOUS_LOGON
    assert not inbound.drop
    assert inbound.events == (events.RECEIVE_DIRECT_TRUST_FAILED,)
    assert outbound.verdict is Verdict.UNTRUSTED
    assert outbound.events == (events.SEND_DIRECT_TRUST_FAILED,)


@pytest.mark.fact("certificate-facts 4.5")
def test_policy_strict_drops_an_inbound_mismatch() -> None:
    result = check(issue("OTHER", seed=10), IN_AD, now=START, policy=Policy(trust="strict"))
    assert result.verdict is Verdict.UNTRUSTED
    assert result.drop


def test_no_certificate_is_a_reason_of_its_own() -> None:
    assert check(None, IN_AD, now=START, policy=POLICY).reason is Reason.NO_CERTIFICATE


@pytest.mark.fact("certificate-facts 4.6")
def test_an_expired_certificate_is_trusted_with_a_warning_and_12019() -> None:
    result = check(EDGE, IN_AD, now=START + timedelta(days=800), policy=POLICY)
    assert result
    assert result.reason is Reason.TRUSTED_EXPIRED
    assert result.warnings == (TrustWarning.EXPIRED,)
    assert result.events == (events.REMOTE_INTERNAL_CERT_EXPIRED,)


@pytest.mark.fact("certificate-facts 4.6")
def test_before_its_time_a_certificate_is_taken_or_not_as_the_policy_says() -> None:
    early = START - timedelta(days=1)
    accepted = check(EDGE, IN_AD, now=early, policy=POLICY)
    refused = check(EDGE, IN_AD, now=early, policy=Policy(not_yet_valid="refuse"))
    assert accepted
    assert accepted.warnings == (TrustWarning.NOT_YET_VALID,)
    assert refused.reason is Reason.NOT_YET_VALID


@pytest.mark.fact("certificate-facts 4.3")
def test_one_certificate_on_a_hub_and_an_edge_is_refused_unless_the_policy_accepts_it() -> None:
    shared = TrustAnchors.of(
        Side.HUB, [server("HUB01", ServerRole.HUB, EDGE), server("EDGE01", ServerRole.EDGE, EDGE)]
    )
    refused = check(EDGE, shared, now=START, policy=POLICY)
    accepted = check(EDGE, shared, now=START, policy=Policy(shared_certificate="accept"))
    assert refused.reason is Reason.SHARED_CERTIFICATE
    assert accepted.identity == EDGE_TRANSPORT_SERVERS


def test_a_certificate_of_another_edge_is_trusted_and_said_to_be_anothers() -> None:
    result = check(EDGE, IN_AD, now=START, policy=POLICY, expected="EDGE02")
    assert result
    assert result.warnings == (TrustWarning.OTHER_SERVER,)


def test_an_addressed_server_with_nothing_published_is_named_as_the_reason() -> None:
    cleared = TrustAnchors.of(Side.HUB, [server("EDGE01", ServerRole.EDGE, None)])
    result = check(EDGE, cleared, now=START, policy=POLICY, expected="edge01.contoso.test")
    assert result.reason is Reason.NOT_PUBLISHED


def test_bytes_that_are_no_certificate_match_nothing() -> None:
    assert check(b"garbage", IN_AD, now=START, policy=POLICY).reason is Reason.MISMATCH


@pytest.mark.fact("certificate-facts 1.1")
def test_a_published_value_is_read_as_der_or_as_a_collection() -> None:
    certificate = x509.load_der_x509_certificate(EDGE)
    collection = pkcs7.serialize_certificates([certificate], Encoding.DER)
    assert certificate_of(EDGE) == EDGE
    assert certificate_of(collection) == EDGE
    assert certificate_of(b"not a certificate") is None
    assert certificate_of(b"") is None
    assert certificate_of(EDGE + bytes(70_000)) is None


@pytest.mark.fact("certificate-facts 4.3")
def test_the_thumbprint_is_sha1_over_the_whole_certificate() -> None:
    anchor = IN_AD.named("EDGE01")
    assert anchor is not None
    expected = x509.load_der_x509_certificate(EDGE).fingerprint(
        __import__("cryptography.hazmat.primitives.hashes", fromlist=["SHA1"]).SHA1()
    )
    assert anchor.thumbprint == expected.hex().upper()


def test_from_2013_on_a_mailbox_server_counts_as_the_hub() -> None:
    anchors = TrustAnchors.of(Side.EDGE, [server("MBX01", ServerRole.MAILBOX, HUB)])
    assert check(HUB, anchors, now=START, policy=POLICY).identity == HUB_TRANSPORT_SERVERS


def test_a_client_access_server_is_no_transport_peer() -> None:
    anchors = TrustAnchors.of(Side.EDGE, [server("CAS01", ServerRole.CLIENT_ACCESS, HUB)])
    assert not check(HUB, anchors, now=START, policy=POLICY)


def test_two_edges_with_one_certificate_are_told_apart_by_who_was_addressed() -> None:
    first = server("EDGE01", ServerRole.EDGE, EDGE)
    second = replace(first, dn=FOREST.server("EDGE02"), name="EDGE02").with_fqdn("e2.contoso.test")
    anchors = TrustAnchors.of(Side.HUB, [first, second])
    found = check(EDGE, anchors, now=START, policy=POLICY, expected="EDGE02").server
    assert found is not None
    assert found.name == "EDGE02"
