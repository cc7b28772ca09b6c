"""Names in certificates, keys of the pool, spans of time: small values with sharp edges."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from edgesync.certificates.certificate import parse_certificate
from edgesync.certificates.keys import KEY_SIZES, BundledKeys, FreshKeys, is_bundled
from edgesync.certificates.names import (
    is_domain_name,
    names_match,
    parse_subject,
    show_name,
)
from edgesync.errors import CertificateUnreadable, ConfigurationError, UsageError
from edgesync.operations.timespan import parse_timespan

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "certificates"


@pytest.mark.fact("certificate-facts 3.2")
@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("hub01.contoso.test", "HUB01.contoso.TEST", True),
        ("hub01.contoso.test", "hub01.contoso.test.", True),
        ("*.contoso.test", "mail.contoso.test", True),
        ("*.contoso.test", "a.mail.contoso.test", False),
        ("*.contoso.test", "contoso.test", False),
        ("*.contoso.test", ".contoso.test", False),
        ("*.contoso.test", "*.contoso.test", True),
        ("*", "contoso", False),
        ("m*.contoso.test", "mail.contoso.test", False),
        ("hub01", "hub01.contoso.test", False),
        ("", "", True),
    ],
)
def test_names_match_exactly_or_by_one_label(pattern: str, name: str, matches: bool) -> None:
    assert names_match(pattern, name) is matches


@pytest.mark.parametrize(
    "text",
    [
        "CN=HUB01",
        "C=US, O=Contoso, CN=mail.contoso.test",
        'CN=mail.contoso.test, O="Contoso, Ltd.", C=NL',
        'CN="a ""quoted"" name"',
        "CN=Zoë, O=Jürgen",
        "E=admin@contoso.test, CN=x",
        "CN=Contoso CA, DC=contoso, DC=test",
    ],
)
def test_a_subject_is_shown_as_it_was_written(text: str) -> None:
    assert show_name(parse_subject(text)) == text


def test_spellings_of_other_tools_are_read() -> None:
    assert show_name(parse_subject("cn = a ; ou=b\\, c,ST=d")) == 'CN=a, OU="b, c", S=d'
    assert show_name(parse_subject("2.5.4.3=x")) == "CN=x"


@pytest.mark.parametrize("text", ["", "mail", "CN", "XX=a", 'CN=a" b', "C=USA", "CN=", "CN=a,,O=b"])
def test_a_subject_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_subject(text)
    assert caught.value.hint


def test_domain_names_have_labels_of_letters_digits_and_hyphens() -> None:
    assert all(map(is_domain_name, ("a", "HUB01", "x-1.test", "*.contoso.test")))
    assert not any(map(is_domain_name, ("", ".", "a.", "*", "a.*.b", "a b", "-a", "a-", "é")))


def test_the_pool_gives_every_key_once_in_an_order_of_the_seed() -> None:
    keys = BundledKeys(7)
    moduli = [keys.next_key("x").public_key().public_numbers().n for _ in range(64)]
    assert len(set(moduli)) == 64
    assert keys.position == 64
    again, resumed, other = BundledKeys(7), BundledKeys(7, 10), BundledKeys(8)
    assert again.next_key("y").public_key().public_numbers().n == moduli[0]
    assert resumed.next_key("x").public_key().public_numbers().n == moduli[10]
    assert [other.next_key("x").public_key().public_numbers().n for _ in range(5)] != moduli[:5]


def test_pool_keys_are_real_keys() -> None:
    for size in KEY_SIZES:
        key = BundledKeys(3).next_key("x", size)
        assert key.key_size == size
        numbers = key.private_numbers()
        # with all of the library's checks this time
        assert numbers.private_key().public_key() == key.public_key()


def test_bundled_keys_are_told_from_private_ones() -> None:
    assert is_bundled(BundledKeys(1).next_key("x").public_key())
    assert not is_bundled(FreshKeys().next_key("x", 1024).public_key())
    assert not is_bundled(parse_certificate((FIXTURES / "ec.pem").read_bytes()).public_key())


def test_fresh_keys_have_the_size_asked_for() -> None:
    key = FreshKeys().next_key("x", 1024)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 1024
    with pytest.raises(ConfigurationError, match="512"):
        FreshKeys().next_key("x", 512)


def test_what_is_no_certificate_is_said_to_be_none() -> None:
    with pytest.raises(CertificateUnreadable, match=r"mail\.csr is not an X\.509 certificate"):
        parse_certificate((FIXTURES / "mail.csr").read_bytes(), "mail.csr")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90d", timedelta(days=90)),
        ("1d12h", timedelta(hours=36)),
        ("5m", timedelta(minutes=5)),
        ("1.5h", timedelta(minutes=90)),
        ("2W", timedelta(weeks=2)),
        ("1.12:30:00", timedelta(days=1, hours=12, minutes=30)),
        ("00:05", timedelta(minutes=5)),
    ],
)
def test_spans_are_read_in_both_forms(text: str, span: timedelta) -> None:
    assert parse_timespan(text) == span


@pytest.mark.parametrize("text", ["", "90", "d", "9999999999999w", "1y", "1d x", "-5m"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_timespan(text)
