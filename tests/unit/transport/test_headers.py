"""Header sections that were made to cost the most."""

from __future__ import annotations

from edgesync.transport.headers import split, value_of


def test_a_field_folded_again_and_again_is_one_field_at_the_price_of_its_length() -> None:
    folds = 600_000  # the square of this many is minutes of copying
    fields, body = split(b"Subject: a\r\n" + b" b\r\n" * folds + b"\r\nbody")
    assert len(fields) == 1
    assert value_of(fields, "subject").count("b") == folds
    assert body == b"\r\nbody"
