"""The life of an Edge Subscription as a table (edgesync-facts 1.7).

``docs/sync.md`` draws its diagram from ``TRANSITIONS``; ``state_of`` reads the state of a real
subscription off the two directories, so that no state is stored that could disagree with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class SubscriptionState(StrEnum):
    """Where an Edge Subscription stands."""

    UNSUBSCRIBED = "unsubscribed"
    EXPORTED = "exported"
    IMPORTED = "imported"
    BOOTSTRAPPING = "bootstrapping"
    ACTIVE = "active"
    RENEWING = "renewing"
    BOOTSTRAP_EXPIRED = "bootstrap-expired"
    TRUST_MISMATCH = "trust-mismatch"
    CREDENTIAL_UNDECRYPTABLE = "credential-undecryptable"
    ORPHANED = "orphaned"
    REMOVED_ORGANIZATION = "removed-organization"
    REMOVED_EDGE = "removed-edge"


@dataclass(frozen=True, slots=True)
class Transition:
    """One arrow of the diagram: from a state, by an event, to a state."""

    before: SubscriptionState
    event: str
    after: SubscriptionState


_S = SubscriptionState

TRANSITIONS: tuple[Transition, ...] = (
    Transition(_S.UNSUBSCRIBED, "export on the Edge", _S.EXPORTED),
    Transition(_S.EXPORTED, "import in the organisation", _S.IMPORTED),
    Transition(_S.EXPORTED, "24 hours pass", _S.BOOTSTRAP_EXPIRED),
    Transition(_S.IMPORTED, "a Hub takes option and lock", _S.BOOTSTRAPPING),
    Transition(_S.IMPORTED, "24 hours pass", _S.BOOTSTRAP_EXPIRED),
    Transition(_S.BOOTSTRAPPING, "first run done, accounts installed", _S.ACTIVE),
    Transition(_S.BOOTSTRAPPING, "24 hours pass", _S.BOOTSTRAP_EXPIRED),
    Transition(_S.ACTIVE, "7 days before expiry: successor made", _S.RENEWING),
    Transition(_S.RENEWING, "expiry of the old credential", _S.ACTIVE),
    Transition(_S.BOOTSTRAP_EXPIRED, "export again", _S.EXPORTED),
    Transition(_S.ACTIVE, "certificate of the Edge replaced", _S.TRUST_MISMATCH),
    Transition(_S.RENEWING, "certificate of the Edge replaced", _S.TRUST_MISMATCH),
    Transition(_S.ACTIVE, "certificate of the Hub replaced", _S.CREDENTIAL_UNDECRYPTABLE),
    Transition(_S.ACTIVE, "last Hub of the site removed", _S.ORPHANED),
    Transition(_S.TRUST_MISMATCH, "resubscribe", _S.IMPORTED),
    Transition(_S.CREDENTIAL_UNDECRYPTABLE, "resubscribe", _S.IMPORTED),
    Transition(_S.ORPHANED, "resubscribe", _S.IMPORTED),
    Transition(_S.ACTIVE, "resubscribe", _S.IMPORTED),
    Transition(_S.ACTIVE, "remove in the organisation", _S.REMOVED_ORGANIZATION),
    Transition(_S.ACTIVE, "remove on the Edge", _S.REMOVED_EDGE),
    Transition(_S.REMOVED_ORGANIZATION, "export again", _S.EXPORTED),
    Transition(_S.REMOVED_EDGE, "export again", _S.EXPORTED),
)


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """What the directories show of one subscription; ``state_of`` judges it."""

    in_organization: bool
    """AD has the Edge's server object."""
    exported_until: datetime | None
    """Expiry of the bootstrap account on the Edge, while there is one."""
    hubs_in_site: int
    certificates_match: bool
    """The Edge's own internal certificate is the one AD has."""
    hub_reads_credential: bool
    """Some Hub of the site can decrypt a credential of its own."""
    synchronized: bool
    """The Edge's ADAM has a cookie: a run was completed."""
    credentials: int
    """Usable or coming ESRA credentials of the Hub that has most of them."""


def state_of(facts: SubscriptionFacts, now: datetime) -> SubscriptionState:
    """The state an administrator should think of the subscription as being in."""
    exported = facts.exported_until is not None
    if not facts.in_organization:
        if exported:
            alive = facts.exported_until is not None and now < facts.exported_until
            return _S.EXPORTED if alive else _S.BOOTSTRAP_EXPIRED
        return _S.REMOVED_ORGANIZATION if facts.synchronized else _S.UNSUBSCRIBED
    if not facts.hubs_in_site:
        return _S.ORPHANED
    if not facts.certificates_match:
        return _S.TRUST_MISMATCH
    if not facts.synchronized:
        if facts.exported_until is not None and now >= facts.exported_until:
            return _S.BOOTSTRAP_EXPIRED
        return _S.IMPORTED if exported else _S.REMOVED_EDGE
    if not facts.hub_reads_credential:
        return _S.CREDENTIAL_UNDECRYPTABLE
    return _S.RENEWING if facts.credentials > 1 else _S.ACTIVE


def diagram() -> Iterator[str]:
    """The table as a Mermaid state diagram."""
    yield "stateDiagram-v2"
    for state in SubscriptionState:
        yield f'  state "{state.value}" as {state.name.lower()}'
    yield f"  [*] --> {_S.UNSUBSCRIBED.name.lower()}"
    for item in TRANSITIONS:
        yield f"  {item.before.name.lower()} --> {item.after.name.lower()}: {item.event}"
