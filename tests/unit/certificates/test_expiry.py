"""What ends when, as rows, as a calendar and as a picture."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest

from edgesync.certificates.cmdlets.setup import setup_certificate
from edgesync.certificates.expiry import (
    Expiry,
    ExpiryKind,
    Light,
    certificate_expiry,
    within,
)
from edgesync.certificates.expiry_calendar import icalendar, svg_strip

from .bench import START, bench


def row(days: float, name: str = "ESRA.EDGE01.HUB01.0", detail: str = "for hub01") -> Expiry:
    return Expiry(
        ExpiryKind.CREDENTIAL, "EDGE01", name, detail, START, START + timedelta(days=days)
    )


@pytest.mark.fact("certificate-facts 2.5")
@pytest.mark.parametrize(
    ("days", "light"),
    [
        (-1, Light.EXPIRED), (0, Light.RED), (29.9, Light.RED), (30, Light.YELLOW),
        (59.9, Light.YELLOW), (60, Light.GREEN), (4000, Light.GREEN),
    ],
)  # fmt: skip
def test_red_below_30_days_and_yellow_below_60(days: float, light: Light) -> None:
    assert row(days).light(START) is light


def test_the_next_end_comes_first_and_a_span_keeps_what_has_ended() -> None:
    rows = [row(400), row(-3), row(80), row(10)]
    chosen = within(rows, START, timedelta(days=90))
    assert [item.left(START).days for item in chosen] == [-3, 10, 80]
    assert len(within(rows, START, None)) == 4


def test_a_certificates_row_names_subject_and_services() -> None:
    item = setup_certificate(bench().host)
    assert item is not None
    document = certificate_expiry("HUB01", item).document(START)
    assert document["detail"] == "CN=HUB01 (SMTP)"
    assert document["days_left"] == 365
    assert document["light"] == "green"
    assert document["not_after"] == "2027-11-23T09:00:00Z"


def test_the_calendar_has_one_reminded_event_for_each_row() -> None:
    text = icalendar([row(10), row(80, "B")], START)
    lines = text.split("\r\n")
    assert lines[0] == "BEGIN:VCALENDAR"
    assert lines[-2:] == ["END:VCALENDAR", ""]
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VALARM") == 2
    assert "DTSTART;VALUE=DATE:20261203" in lines
    assert "UID:credential-EDGE01-B@edgesync-lab" in lines
    assert text == icalendar([row(10), row(80, "B")], START)


def test_long_lines_fold_between_characters_and_text_is_escaped() -> None:
    text = icalendar([row(10, detail="é;,\\\n" * 60)], START)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    unfolded = text.replace("\r\n ", "")
    assert "DESCRIPTION:" + "é\\;\\,\\\\\\n" * 60 in unfolded


def test_the_strip_is_well_formed_and_colours_by_urgency() -> None:
    rows = [row(-1), row(10, "<&>"), row(40), row(400)]
    root = ET.fromstring(svg_strip(rows, START))
    space = "{http://www.w3.org/2000/svg}"
    bars = root.findall(f"{space}rect")
    assert [bar.get("fill") for bar in bars] == ["#7f1d1d", "#dc2626", "#d97706", "#15803d"]
    widths = [float(bar.get("width", 0)) for bar in bars]
    assert widths == sorted(widths)
    assert widths[0] > 0
    assert ET.fromstring(svg_strip([], START)) is not None
