"""From what was seen to a verdict and one reason word: pure, so every word has its table row.

The reasons that look alike from outside and need different fixes are told apart by three copies:
what AD publishes, what the verifier's own directory holds, what the peer's directory names
(certificate-facts 4.2, 4.5, 4.8).
"""

from __future__ import annotations

from dataclasses import dataclass

from edgesync.planning.observation import Approach, Observation, Obstacle, PeerFacts
from edgesync.trust.direct import Direction
from edgesync.trust.verdict import Reason, Verdict

NOT_APPLICABLE = "not_applicable"
"""Stands where a reason word would, in cells where direct trust is not used."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with its reason, and the connection that decided it."""

    verdict: Verdict
    reason: Reason
    direction: Direction | None = None
    """Which connection failed; None when none did."""

    def __bool__(self) -> bool:
        return self.verdict is Verdict.TRUSTED


_OBSTACLES: dict[Obstacle, Reason] = {
    Obstacle.UNREACHABLE: Reason.UNREACHABLE,
    Obstacle.TLS_FAILED: Reason.TLS_FAILED,
    Obstacle.NO_RIGHTS: Reason.CONNECTOR_REFUSES,
    Obstacle.CREDENTIAL_MISSING: Reason.CREDENTIAL_UNREADABLE,
    Obstacle.CREDENTIAL_EXPIRED: Reason.CREDENTIAL_EXPIRED,
    Obstacle.CREDENTIAL_UNREADABLE: Reason.CREDENTIAL_UNREADABLE,
    Obstacle.CREDENTIAL_REFUSED: Reason.CREDENTIAL_UNREADABLE,
}

_FROM_TRUST = frozenset({Reason.SHARED_CERTIFICATE, Reason.WEAK_CERTIFICATE, Reason.NOT_YET_VALID})
"""Reasons that direct trust itself is sure of: the certificate is published, and refused."""


def classify(seen: Observation) -> Finding:
    """The verdict of one cell. All connections must agree; outbound speaks first."""
    failing = next(
        (a for a in seen.approaches if reason_of(a, seen) not in _GOOD),
        None,
    )
    if failing is None:
        expired = any(reason_of(a, seen) is Reason.TRUSTED_EXPIRED for a in seen.approaches)
        return Finding(Verdict.TRUSTED, Reason.TRUSTED_EXPIRED if expired else Reason.TRUSTED)
    reason = reason_of(failing, seen)
    return Finding(_verdict(failing, reason), reason, failing.direction)


_GOOD = frozenset({Reason.TRUSTED, Reason.TRUSTED_EXPIRED})


def reason_of(approach: Approach, seen: Observation) -> Reason:
    """Why one connection ended as it did."""
    facts = seen.facts
    if approach.obstacle is Obstacle.NOT_OFFERED:
        if approach.direction is Direction.INBOUND:
            offers = seen.verifier_offers
            return Reason.TLS_NOT_OFFERED if offers else Reason.CONNECTOR_REFUSES
        return _why_not_offered(facts)
    if approach.obstacle in _OBSTACLES:
        return _OBSTACLES[approach.obstacle]
    trust = approach.trust
    if trust is not None and trust:
        return trust.reason
    if trust is not None and trust.reason in _FROM_TRUST:
        return trust.reason
    if approach.presented is None:
        return _unusable(facts) or Reason.NO_CERTIFICATE
    return _why_another(approach.presented, seen)


def _why_not_offered(facts: PeerFacts) -> Reason:
    """A peer hides X-ANONYMOUSTLS for a reason of its own (3.4), or something strips it."""
    if not facts.offers:
        return Reason.CONNECTOR_REFUSES
    return _unusable(facts) or Reason.TLS_NOT_OFFERED


def _unusable(facts: PeerFacts) -> Reason | None:
    """Why the peer cannot present its own internal certificate; None when it can."""
    if facts.named is None:
        return Reason.NOT_PUBLISHED
    own = facts.find(facts.named)
    if own is None:
        return Reason.NO_CERTIFICATE
    return None if own.usable else Reason.KEY_UNAVAILABLE


def _why_another(presented: bytes, seen: Observation) -> Reason:
    """Which copy is the wrong one, when presented and trusted differ."""
    facts = seen.facts
    if facts.find(presented) is None and (unusable := _unusable(facts)):
        return unusable  # a temporary certificate stands in (event 12024)
    if seen.verifier_is_edge and facts.published == presented:
        return Reason.STALE_REPLICA
    if facts.trusted is None:
        return Reason.NOT_PUBLISHED
    if _is_stale_presenter(presented, facts):
        return Reason.STALE_PRESENTER
    return Reason.MISMATCH


def _is_stale_presenter(presented: bytes, facts: PeerFacts) -> bool:
    """Whether the published copy is right and the peer has not gone over to it yet."""
    wanted = facts.find(facts.trusted)
    if wanted is None or not wanted.usable:
        return False
    if facts.named == facts.trusted:
        return True
    shown = facts.find(presented)
    return shown is not None and wanted.not_before > shown.not_before


def _verdict(approach: Approach, reason: Reason) -> Verdict:
    if reason is Reason.UNREACHABLE:
        return Verdict.UNREACHABLE
    inbound = approach.direction is Direction.INBOUND
    if inbound and approach.trust is not None and approach.trust.verdict is Verdict.ANONYMOUS:
        return Verdict.ANONYMOUS
    return Verdict.UNTRUSTED
