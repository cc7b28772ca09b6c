"""Each reason word has the situation it stands for, and no other word fits that situation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgesync.planning.classify import classify
from edgesync.planning.observation import (
    Approach,
    Installed,
    Observation,
    Obstacle,
    Path,
    PeerFacts,
)
from edgesync.trust.direct import Direction, TrustResult
from edgesync.trust.verdict import Reason, Verdict

OLD, NEW, TEMPORARY = b"old certificate", b"new certificate", b"temporary certificate"
STORE = (Installed(OLD, usable=True, not_before=1.0), Installed(NEW, usable=True, not_before=2.0))
AGREED = PeerFacts(OLD, OLD, OLD, STORE)

ACCEPTED = TrustResult(Verdict.TRUSTED, Reason.TRUSTED)
EXPIRED = TrustResult(Verdict.TRUSTED, Reason.TRUSTED_EXPIRED)


def refused(reason: Reason = Reason.MISMATCH, verdict: Verdict = Verdict.UNTRUSTED) -> TrustResult:
    return TrustResult(verdict, reason)


def approach(
    presented: bytes | None = OLD,
    trust: TrustResult | None = ACCEPTED,
    obstacle: Obstacle = Obstacle.NONE,
    direction: Direction = Direction.OUTBOUND,
) -> Approach:
    return Approach(direction, obstacle, presented=presented, trust=trust)


def seen(facts: PeerFacts, *approaches: Approach, edge: bool = False) -> Observation:
    return Observation("VERIFIER", "PEER", Path.SMTP, edge, approaches, facts)


ROWS: list[tuple[str, Reason, Observation]] = [
    ("all copies agree", Reason.TRUSTED, seen(AGREED, approach())),
    ("published and past its end", Reason.TRUSTED_EXPIRED, seen(AGREED, approach(OLD, EXPIRED))),
    (
        "renewed as default, AD not told",
        Reason.MISMATCH,
        seen(PeerFacts(OLD, OLD, NEW, STORE), approach(NEW, refused())),
    ),
    (
        "AD has the new one, the Edge's ADAM not yet",
        Reason.STALE_REPLICA,
        seen(PeerFacts(NEW, OLD, NEW, STORE), approach(NEW, refused()), edge=True),
    ),
    (
        "AD has it, the Edge's ADAM never got the server",
        Reason.STALE_REPLICA,
        seen(PeerFacts(NEW, None, NEW, STORE), approach(NEW, refused()), edge=True),
    ),
    (
        "published ahead of time, the old one still presented",
        Reason.STALE_PRESENTER,
        seen(PeerFacts(NEW, NEW, OLD, STORE), approach(OLD, refused())),
    ),
    (
        "told to present the published one, and presents another",
        Reason.STALE_PRESENTER,
        seen(PeerFacts(OLD, OLD, OLD, STORE), approach(NEW, refused())),
    ),
    (
        "nothing is published for the peer",
        Reason.NOT_PUBLISHED,
        seen(PeerFacts(None, None, OLD, STORE), approach(OLD, refused(Reason.NOT_PUBLISHED))),
    ),
    (
        "the peer's own directory names nothing, so it offers nothing",
        Reason.NOT_PUBLISHED,
        seen(
            PeerFacts(None, None, None, STORE),
            approach(None, None, Obstacle.NOT_OFFERED),
        ),
    ),
    (
        "the named certificate was deleted from the store",
        Reason.NO_CERTIFICATE,
        seen(
            PeerFacts(OLD, OLD, OLD, STORE[1:]),
            approach(None, None, Obstacle.NOT_OFFERED),
        ),
    ),
    (
        "deleted, and a temporary certificate stands in",
        Reason.NO_CERTIFICATE,
        seen(PeerFacts(OLD, OLD, OLD, ()), approach(TEMPORARY, refused())),
    ),
    (
        "the peer shows none though it could",
        Reason.NO_CERTIFICATE,
        seen(AGREED, approach(None, refused(Reason.NO_CERTIFICATE))),
    ),
    (
        "the key cannot be read",
        Reason.KEY_UNAVAILABLE,
        seen(
            PeerFacts(OLD, OLD, OLD, (Installed(OLD, usable=False),)),
            approach(None, None, Obstacle.NOT_OFFERED),
        ),
    ),
    (
        "the key cannot be read and a temporary certificate stands in",
        Reason.KEY_UNAVAILABLE,
        seen(
            PeerFacts(OLD, OLD, OLD, (Installed(OLD, usable=False),)),
            approach(TEMPORARY, refused()),
        ),
    ),
    (
        "one certificate for a Hub and an Edge",
        Reason.SHARED_CERTIFICATE,
        seen(AGREED, approach(OLD, refused(Reason.SHARED_CERTIFICATE))),
    ),
    (
        "not valid yet, and policy refuses",
        Reason.NOT_YET_VALID,
        seen(AGREED, approach(OLD, refused(Reason.NOT_YET_VALID))),
    ),
    (
        "a short key",
        Reason.WEAK_CERTIFICATE,
        seen(AGREED, approach(OLD, refused(Reason.WEAK_CERTIFICATE))),
    ),
    (
        "something between strips the verb",
        Reason.TLS_NOT_OFFERED,
        seen(AGREED, approach(None, None, Obstacle.NOT_OFFERED)),
    ),
    (
        "the connector lacks Exchange Server authentication",
        Reason.CONNECTOR_REFUSES,
        seen(replace(AGREED, offers=False), approach(None, None, Obstacle.NOT_OFFERED)),
    ),
    (
        "known by certificate, and without the right to send",
        Reason.CONNECTOR_REFUSES,
        seen(AGREED, approach(OLD, ACCEPTED, Obstacle.NO_RIGHTS)),
    ),
    (
        "the handshake breaks off",
        Reason.TLS_FAILED,
        seen(AGREED, approach(None, None, Obstacle.TLS_FAILED)),
    ),
    (
        "nobody answers",
        Reason.UNREACHABLE,
        seen(AGREED, approach(None, None, Obstacle.UNREACHABLE)),
    ),
    (
        "every credential is past its end",
        Reason.CREDENTIAL_EXPIRED,
        seen(AGREED, approach(OLD, ACCEPTED, Obstacle.CREDENTIAL_EXPIRED)),
    ),
    (
        "the credential was made for a key that is gone",
        Reason.CREDENTIAL_UNREADABLE,
        seen(AGREED, approach(OLD, ACCEPTED, Obstacle.CREDENTIAL_UNREADABLE)),
    ),
    (
        "ADAM does not know the account",
        Reason.CREDENTIAL_UNREADABLE,
        seen(AGREED, approach(OLD, ACCEPTED, Obstacle.CREDENTIAL_REFUSED)),
    ),
]


@pytest.mark.parametrize(
    ("situation", "reason", "observation"), ROWS, ids=[row[0].replace(" ", "-") for row in ROWS]
)
def test_a_situation_has_its_reason_word(
    situation: str, reason: Reason, observation: Observation
) -> None:
    assert classify(observation).reason is reason, situation


def test_every_reason_word_of_the_contract_is_in_the_table() -> None:
    assert {reason for _, reason, _ in ROWS} == set(Reason)


def test_both_connections_must_agree_before_a_peer_is_trusted() -> None:
    inbound = approach(NEW, refused(verdict=Verdict.ANONYMOUS), direction=Direction.INBOUND)
    finding = classify(seen(PeerFacts(OLD, OLD, NEW, STORE), approach(), inbound))
    assert not finding
    assert finding.direction is Direction.INBOUND


@pytest.mark.fact("certificate-facts 4.5")
def test_a_client_that_is_not_recognised_is_anonymous_rather_than_refused() -> None:
    inbound = approach(NEW, refused(verdict=Verdict.ANONYMOUS), direction=Direction.INBOUND)
    finding = classify(seen(PeerFacts(OLD, OLD, NEW, STORE), approach(), inbound))
    assert finding.verdict is Verdict.ANONYMOUS


def test_when_both_connections_fail_the_one_the_verifier_opened_speaks() -> None:
    facts = PeerFacts(OLD, OLD, NEW, STORE)
    inbound = approach(NEW, refused(verdict=Verdict.ANONYMOUS), direction=Direction.INBOUND)
    finding = classify(seen(facts, approach(NEW, refused()), inbound))
    assert (finding.verdict, finding.direction) == (Verdict.UNTRUSTED, Direction.OUTBOUND)


def test_an_unreachable_peer_is_neither_trusted_nor_untrusted() -> None:
    finding = classify(seen(AGREED, approach(None, None, Obstacle.UNREACHABLE)))
    assert finding.verdict is Verdict.UNREACHABLE
