"""Cursors: when they can be used again, and what is stored."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from directory.model.dn import DN
from edgesync.port.port import DirectoryIdentity
from edgesync.sync.content_sync import set_back
from edgesync.sync.cursor import (
    Cursor,
    FeedKind,
    RefreshReason,
    decode_cursor,
    encode_cursor,
    readable_cursors,
    refresh_reason,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
BASE = DN.parse("DC=contoso,DC=test")
SOURCE = DirectoryIdentity(UUID(int=1), (BASE,), 500, frozenset(), "dc01.contoso.test")
CURSOR = Cursor("recipients", BASE, FeedKind.USN, b"400", UUID(int=1), "dc01.contoso.test", NOW)
ROLLED_BACK = replace(CURSOR, kind=FeedKind.DIRSYNC, cookie=b"opaque", highest_usn=500)
VALID = timedelta(days=21)


@pytest.mark.fact("edgesync-facts 4.2")
@pytest.mark.parametrize(
    ("cursor", "kind", "identity", "after", "reason"),
    [
        (CURSOR, FeedKind.USN, SOURCE, timedelta(days=20), None),
        (CURSOR, FeedKind.USN, SOURCE, VALID, RefreshReason.COOKIE_EXPIRED),
        (None, FeedKind.USN, SOURCE, timedelta(0), RefreshReason.NO_COOKIE),
        (CURSOR, FeedKind.DIRSYNC, SOURCE, timedelta(0), RefreshReason.FEED_CHANGED),
        (CURSOR, FeedKind.FULL, SOURCE, timedelta(0), RefreshReason.NO_CHANGE_TRACKING),
        (CURSOR, FeedKind.USN, replace(SOURCE, invocation_id=UUID(int=2)), timedelta(0),
         RefreshReason.SOURCE_RESTORED),
        (CURSOR, FeedKind.USN,
         replace(SOURCE, invocation_id=UUID(int=2), dns_host_name="dc02.contoso.test"),
         timedelta(0), RefreshReason.OTHER_SERVER),
        (CURSOR, FeedKind.USN, replace(SOURCE, highest_usn=399), timedelta(0),
         RefreshReason.SOURCE_BEHIND),
        (ROLLED_BACK, FeedKind.DIRSYNC, replace(SOURCE, highest_usn=499), timedelta(0),
         RefreshReason.SOURCE_BEHIND),
        (ROLLED_BACK, FeedKind.DIRSYNC, SOURCE, timedelta(0), None),
    ],
)  # fmt: skip
def test_why_a_cursor_is_of_no_use(
    cursor: Cursor | None,
    kind: FeedKind,
    identity: DirectoryIdentity,
    after: timedelta,
    reason: RefreshReason | None,
) -> None:
    assert refresh_reason(cursor, kind, identity, NOW + after, VALID) is reason


def test_every_reason_has_a_sentence() -> None:
    assert all(reason.sentence for reason in RefreshReason)


def test_a_cursor_is_read_back_from_its_attribute_value() -> None:
    assert decode_cursor(encode_cursor(CURSOR)) == CURSOR


WITHOUT_END = re.sub(rb'"usn":[^}]*', b'"usn":1e400', encode_cursor(CURSOR))


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"job": 1}', b"[" * 50_000, WITHOUT_END]
)
def test_a_foreign_value_is_no_cursor(value: bytes) -> None:
    with pytest.raises(ValueError):
        decode_cursor(value)
    assert readable_cursors([value, encode_cursor(CURSOR)]) == {("recipients", BASE): CURSOR}


def test_openldaps_cookie_is_set_back_in_every_part() -> None:
    cookie = (
        b"rid=001,csn=20261123090030.123456Z#000000#000#000000;"
        b"20261123090000.000001Z#000000#001#000000"
    )
    assert set_back(cookie) == (
        b"rid=001,csn=20261123085930.123456Z#000000#000#000000;"
        b"20261123085900.000001Z#000000#001#000000"
    )


def test_another_servers_cookie_is_left_alone() -> None:
    assert set_back(b"\x00\xffanything") == b"\x00\xffanything"
