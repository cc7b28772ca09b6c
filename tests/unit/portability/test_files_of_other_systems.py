"""Files written on Windows: a byte order mark first, and carriage returns before line feeds."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from directory.model.ldif import ContentRecord, read_ldif
from edgesync.subscription.file import SubscriptionFile, format_subscription, parse_subscription
from edgesync.toml import parse_toml
from tests.support.certificates import server_certificate

MARK = b"\xef\xbb\xbf"


def from_windows(data: bytes) -> bytes:
    return MARK + data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def test_a_configuration_is_read() -> None:
    text = from_windows(b'[source]\nurl = "ldap://127.0.0.1"\n').decode()
    assert parse_toml(text) == {"source": {"url": "ldap://127.0.0.1"}}


def test_a_subscription_file_is_read() -> None:
    der, _ = server_certificate("EDGE01")
    item = SubscriptionFile(
        "EDGE01", "edge01.contoso.test", der, "ESRA.EDGE01", "password",
        datetime(2026, 11, 23, tzinfo=UTC), timedelta(days=1), 50636,
    )  # fmt: skip
    assert parse_subscription(from_windows(format_subscription(item))) == item


def test_ldif_is_read() -> None:
    data = from_windows(b"version: 1\n\ndn: dc=a\nobjectClass: domain\ndc: a\n")
    [record] = read_ldif(io.BytesIO(data))
    assert isinstance(record, ContentRecord)
    assert record.entry.values("dc") == (b"a",)
