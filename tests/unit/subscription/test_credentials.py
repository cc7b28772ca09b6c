"""Credential records and their encryption."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from directory.entropy import SeededEntropy
from edgesync.errors import CredentialUndecryptable
from edgesync.subscription.credentials import (
    PASSWORD_LENGTH,
    RECORD_SIZE_MAX,
    CredentialRecord,
    Secret,
    bootstrap_name,
    decode_record,
    decrypt,
    encode_record,
    encrypt,
    new_password,
    readable_records,
    replication_name,
)
from tests.support.certificates import server_certificate

HUB, HUB_KEY = server_certificate("HUB01")
EDGE, EDGE_KEY = server_certificate("EDGE01")
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
RECORD = CredentialRecord(
    "edge01.contoso.test", "hub01.contoso.test", NOW, NOW + timedelta(days=35),
    "ESRA.EDGE01.HUB01.0", b"",
)  # fmt: skip


@pytest.mark.fact("edgesync-facts 1.3")
def test_accounts_are_named_as_documented() -> None:
    assert bootstrap_name("EDGE01") == "ESRA.EDGE01"
    assert replication_name("EDGE01", "HUB01", 0) == "ESRA.EDGE01.HUB01.0"
    assert RECORD.number == 0
    assert not RECORD.is_bootstrap


@pytest.mark.fact("edgesync-facts 3.1")
def test_an_empty_source_server_marks_the_bootstrap_account() -> None:
    assert replace(RECORD, source_server_fqdn="").is_bootstrap


@pytest.mark.fact("edgesync-facts 3.1")
def test_a_record_is_read_back_from_its_attribute_value() -> None:
    record = replace(RECORD, password=encrypt(Secret(b"secret"), HUB))
    assert decode_record(encode_record(record)) == record


@pytest.mark.fact("edgesync-facts 3.1")
def test_a_record_may_be_used_from_its_effective_time_until_its_expiration() -> None:
    assert RECORD.is_usable(NOW)
    assert not RECORD.is_usable(NOW - timedelta(seconds=1))
    assert not RECORD.is_usable(RECORD.expires_at)


@pytest.mark.fact("edgesync-facts 3.2")
def test_only_the_server_it_is_meant_for_reads_a_password() -> None:
    secret = new_password(SeededEntropy(1), HUB, EDGE)
    record = replace(RECORD, password=encrypt(secret, EDGE))
    assert decrypt(record, EDGE_KEY, "EDGE01").reveal() == secret.reveal()
    with pytest.raises(CredentialUndecryptable, match="HUB01"):
        decrypt(record, HUB_KEY, "HUB01")


@pytest.mark.fact("edgesync-facts 3.3")
def test_a_password_is_as_long_as_windows_allows() -> None:
    secret = new_password(SeededEntropy(1), HUB, EDGE)
    assert len(secret.reveal()) == PASSWORD_LENGTH
    classes = (str.isupper, str.islower, str.isdigit)
    assert all(any(kind(c) for c in secret.reveal().decode()) for kind in classes)


def test_two_passwords_differ() -> None:
    entropy = SeededEntropy(1)
    assert new_password(entropy, HUB).reveal() != new_password(entropy, HUB).reveal()


def test_a_server_without_an_rsa_key_cannot_read_credentials() -> None:
    record = replace(RECORD, password=encrypt(Secret(b"x"), HUB))
    for key in (None, ec.generate_private_key(ec.SECP256R1())):
        with pytest.raises(CredentialUndecryptable, match="no RSA key"):
            decrypt(record, key, "HUB01")


AFTER_THE_YEAR_9999 = re.sub(
    rb'"EffectiveTime":"[^"]*', b'"EffectiveTime":"9999-12-31T23:59:59-14:00', encode_record(RECORD)
)


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"[]", b"not json", b'{"TargetServerFQDN": 1}', b"\xff",
              AFTER_THE_YEAR_9999, b"[" * 100_000, b"x" * (RECORD_SIZE_MAX + 1)]
)  # fmt: skip
def test_a_foreign_value_is_no_record(value: bytes) -> None:
    with pytest.raises(ValueError):
        decode_record(value)


def test_values_written_by_hand_are_passed_over() -> None:
    value = encode_record(RECORD)
    assert readable_records([b"junk", value]) == [(value, RECORD)]


def test_no_secret_shows_itself() -> None:
    record = replace(RECORD, password=b"ciphertext")
    assert "ciphertext" not in repr(record)
    assert "hidden" not in repr(Secret(b"hidden"))
    assert "hidden" not in f"{Secret(b'hidden')}"
