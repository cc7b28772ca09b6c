"""The stand-in for Kerberos between Hubs: bound to the channel, the target and the time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from edgesync.transport.exchange_auth import (
    CLOCK_SKEW_MAX,
    Accepted,
    Denied,
    accept,
    client_token,
    is_genuine,
    principal,
)
from tests.support.mail_bench import START

SECRET, BINDING = b"machine secret", b"channel one"
TARGET = principal("hub03.contoso.test")


def token() -> str:
    return client_token(
        SECRET, client="HUB01", target=TARGET, binding=BINDING, now=START, nonce=b"n" * 16
    )


@pytest.mark.fact("certificate-facts 4.9")
def test_both_ends_prove_themselves() -> None:
    outcome = accept(SECRET, token(), target=TARGET, binding=BINDING, now=START)
    assert isinstance(outcome, Accepted)
    assert outcome.client == "HUB01"
    assert is_genuine(SECRET, token(), outcome.answer, target=TARGET, binding=BINDING)
    assert not is_genuine(b"other", token(), outcome.answer, target=TARGET, binding=BINDING)
    assert not is_genuine(SECRET, token(), token(), target=TARGET, binding=BINDING)
    assert not is_genuine(SECRET, token(), "not base64!", target=TARGET, binding=BINDING)


@pytest.mark.parametrize(
    "change",
    [
        {"secret": b"another machine's"},
        {"secret": None},
        {"binding": b"channel two"},
        {"target": principal("hub02.contoso.test")},
        {"now": START + CLOCK_SKEW_MAX + timedelta(seconds=1)},
        {"now": START - CLOCK_SKEW_MAX - timedelta(seconds=1)},
        {"token": "AAAA"},
        {"token": "not base64!"},
        {"token": ""},
    ],
)
def test_anything_else_is_denied(change: dict[str, object]) -> None:
    given: dict[str, object] = {
        "secret": SECRET, "token": token(), "target": TARGET, "binding": BINDING, "now": START,
        **change,
    }  # fmt: skip
    secret, text = given.pop("secret"), given.pop("token")
    outcome = accept(secret, text, **given)  # type: ignore[arg-type] # one of them is wrong
    assert outcome == Denied("LogonDenied")


def test_within_the_skew_clocks_may_differ() -> None:
    late = START + CLOCK_SKEW_MAX
    assert isinstance(accept(SECRET, token(), target=TARGET, binding=BINDING, now=late), Accepted)
