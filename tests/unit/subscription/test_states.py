"""The state machine: one table, read off two directories."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edgesync.subscription.states import (
    TRANSITIONS,
    SubscriptionFacts,
    SubscriptionState,
    diagram,
    state_of,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ACTIVE = SubscriptionFacts(True, None, 2, True, True, True, 1)
S = SubscriptionState


@pytest.mark.fact("edgesync-facts 1.7")
@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (SubscriptionFacts(False, None, 2, False, False, False, 0), S.UNSUBSCRIBED),
        (SubscriptionFacts(False, NOW + timedelta(hours=1), 2, False, False, False, 0), S.EXPORTED),
        (SubscriptionFacts(False, NOW, 2, False, False, False, 0), S.BOOTSTRAP_EXPIRED),
        (SubscriptionFacts(False, None, 2, False, False, True, 0), S.REMOVED_ORGANIZATION),
        (SubscriptionFacts(True, NOW + timedelta(hours=1), 2, True, True, False, 1), S.IMPORTED),
        (SubscriptionFacts(True, NOW, 2, True, True, False, 1), S.BOOTSTRAP_EXPIRED),
        (SubscriptionFacts(True, None, 2, True, True, False, 1), S.REMOVED_EDGE),
        (ACTIVE, S.ACTIVE),
        (replace(ACTIVE, credentials=2), S.RENEWING),
        (replace(ACTIVE, certificates_match=False), S.TRUST_MISMATCH),
        (replace(ACTIVE, hub_reads_credential=False), S.CREDENTIAL_UNDECRYPTABLE),
        (replace(ACTIVE, hubs_in_site=0), S.ORPHANED),
    ],
)
def test_the_directories_show_the_state(facts: SubscriptionFacts, state: S) -> None:
    assert state_of(facts, NOW) is state


def test_every_state_is_reached_and_left_or_explained() -> None:
    reached = {item.after for item in TRANSITIONS} | {S.UNSUBSCRIBED}
    left = {item.before for item in TRANSITIONS}
    assert reached == set(S)
    assert left == set(S)


def test_the_diagram_has_every_arrow() -> None:
    lines = list(diagram())
    assert sum("-->" in line for line in lines) == len(TRANSITIONS) + 1
