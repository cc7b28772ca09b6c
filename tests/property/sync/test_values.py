"""Values that are stored in a directory come back as they went, and strangers' raise ValueError."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.model.dn import DN
from edgesync.errors import SubscriptionFileInvalid
from edgesync.organization.address_hash import (
    SAFELIST_HASH_SIZE,
    hash_safelist,
    hash_with_type,
    in_safelist,
)
from edgesync.subscription.credentials import CredentialRecord, decode_record, encode_record
from edgesync.subscription.file import format_span, parse_span, parse_subscription
from edgesync.sync.cursor import Cursor, FeedKind, decode_cursor, encode_cursor
from edgesync.sync.lease import Lease, LeaseKind, format_lease, parse_lease

INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
NAMES = st.text(st.characters(categories=["L", "N"], include_characters=".-"), min_size=1)


@given(NAMES, NAMES, INSTANTS, INSTANTS, NAMES, st.binary(max_size=300))
def test_a_credential_record_comes_back(
    target: str, source: str, start: datetime, end: datetime, user: str, password: bytes
) -> None:
    record = CredentialRecord(target, source, start, end, user, password)
    assert decode_record(encode_record(record)) == record


@given(
    NAMES,
    st.binary(max_size=200),
    INSTANTS,
    st.none() | st.uuids(),
    st.text(),
    st.none() | st.integers(0),
)
def test_a_cursor_comes_back(
    job: str, cookie: bytes, at: datetime, guid: UUID | None, server: str, usn: int | None
) -> None:
    base = DN.parse("DC=a,DC=b")
    cursor = Cursor(job, base, FeedKind.DIRSYNC, cookie, guid, server, at, usn)
    assert decode_cursor(encode_cursor(cursor)) == cursor


@given(NAMES, st.sampled_from(LeaseKind), INSTANTS, INSTANTS, st.integers(0), st.integers(0))
def test_a_lease_comes_back(
    holder: str, kind: LeaseKind, end: datetime, option: datetime, generation: int, sequence: int
) -> None:
    lease = Lease(holder, kind, end, option, generation, sequence)
    assert parse_lease(format_lease(lease)) == lease


@given(st.binary(max_size=400))
def test_strangers_values_are_no_values(data: bytes) -> None:
    for parse in (decode_record, decode_cursor, parse_lease):
        with pytest.raises(ValueError):
            parse(data)
    with pytest.raises(SubscriptionFileInvalid):
        parse_subscription(data)


@given(st.timedeltas(min_value=parse_span("0.00:00:00"), max_value=parse_span("9999.00:00:00")))
def test_a_span_comes_back_in_whole_seconds(span: timedelta) -> None:
    assert parse_span(format_span(span)).total_seconds() == span.total_seconds() // 1


@given(st.lists(st.emails(), max_size=60))
def test_every_entry_of_a_safelist_is_found_in_its_hash(entries: list[str]) -> None:
    value = hash_safelist(entries)
    assert len(value) % SAFELIST_HASH_SIZE == 0
    pieces = [value[i : i + 4] for i in range(0, len(value), 4)]
    assert pieces == sorted(set(pieces))
    assert all(in_safelist(value, entry.upper()) for entry in entries)


@given(st.emails())
def test_case_does_not_matter_to_an_address_hash(address: str) -> None:
    assert hash_with_type(f"SMTP:{address}") == hash_with_type(f"smtp:{address.lower()}")
    assert address.lower().encode() not in hash_with_type(address)
