"""The Edge Subscription file."""

from __future__ import annotations

import base64
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgesync.errors import RefusedByRule, SubscriptionFileInvalid
from edgesync.subscription.file import (
    DEPTH_MAX,
    FILE_SIZE_MAX,
    SubscriptionFile,
    format_span,
    format_subscription,
    parse_instant,
    parse_span,
    parse_subscription,
    read_subscription,
    write_subscription,
)
from tests.support.certificates import server_certificate

DER = server_certificate("EDGE01")[0]
VERSION_27 = DER.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x1a", 1)
FILE = SubscriptionFile(
    "EDGE01",
    "edge01.contoso.test",
    DER,
    "ESRA.EDGE01",
    "p<&>w",
    datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
    timedelta(days=1),
    50636,
    "",
    1,
    "Version 8.3 (Build 30083.6)",
)


def changed(name: str, value: str) -> bytes:
    text = format_subscription(FILE).decode()
    start, end = text.index(f"<{name}>") + len(name) + 2, text.index(f"</{name}>")
    return (text[:start] + value + text[end:]).encode()


@pytest.mark.fact("edgesync-facts 2")
def test_what_was_written_is_read_back() -> None:
    assert parse_subscription(format_subscription(FILE)) == FILE


@pytest.mark.fact("edgesync-facts 2")
def test_the_file_has_the_documented_elements_in_their_order() -> None:
    text = format_subscription(FILE).decode()
    names = ["EdgeServerName", "EdgeServerFQDN", "EdgeCertificateBlob", "ESRAUsername",
             "ESRAPassword", "EffectiveDate", "Duration", "AdamSslPort", "ProductID",
             "VersionNumber", "SerialNumber"]  # fmt: skip
    places = [text.index(f"<{name}") for name in names]
    assert places == sorted(places)


@pytest.mark.fact("edgesync-facts 2")
def test_any_root_any_order_and_unknown_elements_are_read() -> None:
    lines = format_subscription(FILE).decode().splitlines()[1:-1]
    body = "\n".join(["<Extra><Deep>1</Deep></Extra>", *reversed(lines)])
    assert parse_subscription(f"<?xml version='1.0'?><o:Other>{body}</o:Other>".encode()) == FILE


@pytest.mark.parametrize(
    "text", ["2026-11-23T09:00:00Z", "2026-11-23T10:00:00+01:00", "2026-11-23T09:00:00.0000000Z",
             "2026-11-23 09:00:00", "639310212000000000"]
)  # fmt: skip
def test_an_instant_is_read_in_each_notation(text: str) -> None:
    assert parse_instant(text) == FILE.effective_at


@pytest.mark.parametrize("text", ["1.00:00:00", "24:00:00", "P1D", "PT24H", "864000000000"])
def test_a_span_is_read_in_each_notation(text: str) -> None:
    assert parse_span(text) == timedelta(days=1)


@pytest.mark.parametrize("text", ["", "soon", "P", "1:00", "-1.00:00:00", "1.00:00:00x"])
def test_a_span_in_another_notation_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_span(text)


def test_a_span_is_written_as_days_and_clock() -> None:
    assert format_span(timedelta(days=2, hours=3, seconds=4)) == "2.03:00:04"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EdgeCertificateBlob", "no base64!"),
        ("EdgeCertificateBlob", base64.b64encode(b"no certificate").decode()),
        ("EdgeCertificateBlob", base64.b64encode(VERSION_27).decode()),
        ("AdamSslPort", "70000"),
        ("AdamSslPort", "x"),
        ("EffectiveDate", "yesterday"),
        ("Duration", "long"),
        ("Duration", "2913990.00:00:00"),
        ("EdgeServerFQDN", ""),
        ("VersionNumber", "one"),
    ],
)
def test_an_element_that_cannot_be_read_is_named(name: str, value: str) -> None:
    with pytest.raises(SubscriptionFileInvalid, match=name):
        parse_subscription(changed(name, value))


@pytest.mark.parametrize(
    "data",
    [b"", b"not xml", b"<a><b></a>", b"<a>" * (DEPTH_MAX + 1) + b"</a>" * (DEPTH_MAX + 1),
     b"<?xml version='1.0' encoding='no-such'?><a/>", b"<?xml version='1.0' encoding='idna'?><a/>",
     b" " * (FILE_SIZE_MAX + 1)],
)  # fmt: skip
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(SubscriptionFileInvalid):
        parse_subscription(data)


def test_a_document_type_is_refused_before_any_entity_is_expanded() -> None:
    bomb = b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><x>&b;</x>"
    with pytest.raises(SubscriptionFileInvalid, match="document type"):
        parse_subscription(bomb)


def test_the_file_on_disk_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "edge.xml"
    write_subscription(path, FILE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_subscription(path) == FILE


def test_an_existing_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "edge.xml"
    write_subscription(path, FILE)
    other = replace(FILE, user_name="ESRA.OTHER")
    with pytest.raises(RefusedByRule):
        write_subscription(path, other)
    assert read_subscription(path) == FILE
    write_subscription(path, other, force=True)
    assert read_subscription(path) == other
    assert [p.name for p in tmp_path.iterdir()] == ["edge.xml"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SubscriptionFileInvalid, match=r"nowhere\.xml"):
        read_subscription(tmp_path / "nowhere.xml")


def test_the_password_is_not_shown() -> None:
    assert "p<&>w" not in repr(FILE)
