"""Option and lock: the rules, and the swap that makes them hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from edgesync.config import CONCEPT_LEASE, PROFILES, SyncTiming, Version
from edgesync.sync.lease import (
    Lease,
    LeaseDecision,
    LeaseKind,
    format_lease,
    may_take,
    needs_renewal,
    parse_lease,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TIMING = PROFILES[Version.EXCHANGE_2016].sync
LOCK = Lease("HUB01", LeaseKind.LOCK, NOW + timedelta(minutes=6), NOW + timedelta(minutes=30))
OPTION = replace(LOCK, kind=LeaseKind.OPTION, expires_at=LOCK.option_expires_at)

D = LeaseDecision


@pytest.mark.fact("edgesync-facts 4.4")
@pytest.mark.parametrize(
    ("lease", "me", "after", "forced", "decision"),
    [
        (None, "HUB02", 0, False, D.TAKE),
        (LOCK, "HUB01", 1, False, D.RENEW),
        (LOCK, "hub01", 1, False, D.RENEW),
        (LOCK, "HUB02", 1, False, D.REFUSE_LOCKED),
        (LOCK, "HUB02", 1, True, D.REFUSE_LOCKED),
        (LOCK, "HUB02", 6, False, D.TAKE_OVER),
        (LOCK, "HUB02", 6, True, D.TAKE_OVER),
        (OPTION, "HUB02", 1, False, D.REFUSE_OPTION),
        (OPTION, "HUB02", 1, True, D.TAKE_OVER),
        (OPTION, "HUB01", 29, False, D.RENEW),
        (OPTION, "HUB02", 30, False, D.TAKE_OVER),
        (OPTION, "HUB01", 30, False, D.TAKE),
    ],
)
def test_who_may_synchronize(
    lease: Lease | None, me: str, after: int, forced: bool, decision: LeaseDecision
) -> None:
    assert may_take(lease, me, now=NOW + timedelta(minutes=after), forced=forced) is decision


@pytest.mark.fact("edgesync-facts 4.4")
def test_a_lock_is_refreshed_inside_its_renewal_window() -> None:
    assert not needs_renewal(LOCK, TIMING, NOW + timedelta(minutes=1, seconds=59))
    assert needs_renewal(LOCK, TIMING, NOW + timedelta(minutes=2))
    assert not needs_renewal(OPTION, TIMING, NOW + timedelta(minutes=29))


@pytest.mark.fact("edgesync-facts 4.4")
def test_both_published_sets_of_durations_are_presets() -> None:
    concept = SyncTiming(timedelta(minutes=3), timedelta(minutes=5), **CONCEPT_LEASE)
    minutes = [
        tuple(int(span / timedelta(minutes=1)) for span in spans)
        for spans in (
            (concept.lock_duration, concept.option_duration, concept.lock_renewal_duration),
            (TIMING.lock_duration, TIMING.option_duration, TIMING.lock_renewal_duration),
        )
    ]
    assert minutes == [(5, 60, 1), (6, 30, 4)]


def test_a_lease_is_one_line_of_text_and_read_back() -> None:
    assert parse_lease(format_lease(LOCK)) == LOCK
    assert format_lease(LOCK).startswith(b"kind=lock;holder=HUB01;expires=2026-11-23T09:06:00Z")


BEFORE_THE_YEAR_1 = format_lease(LOCK).replace(
    b"2026-11-23T09:06:00Z", b"0001-01-01T00:00:00+14:00"
)


@pytest.mark.parametrize(
    "value", [b"", b"kind=lock", b"\xff", b"kind=owner;holder=x", BEFORE_THE_YEAR_1]
)
def test_a_foreign_value_is_no_lease(value: bytes) -> None:
    with pytest.raises(ValueError):
        parse_lease(value)
