"""A PFX that asks for hours of key derivation is refused before it gets them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from edgesync.certificates.bundle import read_bundle
from edgesync.certificates.pfx_cost import DEPTH_MAX, ELEMENTS_MAX, ITERATIONS_MAX, iterations_of
from edgesync.errors import CertificateUnreadable

_SALT_AND_COUNT = b"\x04\x01a\x02\x01\x7f"
FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "certificates"
SCHEMES = [pkcs12.PBES.PBESv2SHA256AndAES256CBC, pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC]


def pfx(rounds: int, scheme: pkcs12.PBES) -> bytes:
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds)
    encryption = builder.key_cert_algorithm(scheme).hmac_hash(hashes.SHA256()).build(b"pw")
    key = ec.generate_private_key(ec.SECP256R1())
    return pkcs12.serialize_key_and_certificates(b"a", key, None, None, encryption)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_rounds_of_every_part_that_can_be_seen_are_counted(scheme: pkcs12.PBES) -> None:
    # the library does the authentication code with 2,048 whatever it is told
    assert iterations_of(pfx(70_001, scheme)) == 70_001 + 2048


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.pfx")), ids=lambda path: path.name)
def test_what_windows_and_openssl_write_is_far_below_the_limit(path: Path) -> None:
    assert iterations_of(path.read_bytes()) < ITERATIONS_MAX / 100


@pytest.mark.parametrize("scheme", SCHEMES)
def test_too_many_rounds_are_refused_before_they_begin(scheme: pkcs12.PBES) -> None:
    few = pfx(0x010001, scheme)
    many = few.replace(b"\x02\x03\x01\x00\x01", b"\x02\x03\x7f\xff\xff")
    assert many != few
    with pytest.raises(CertificateUnreadable, match="rounds of key derivation"):
        read_bundle(many, "pw")


def test_pieces_and_open_lengths_hide_nothing() -> None:
    parameters = bytes.fromhex("30 0b 0405 0102030405 0202 7530".replace(" ", ""))
    pieces = b"\x24\x80\x04\x06" + parameters[:6] + b"\x04\x07" + parameters[6:] + b"\0\0"
    assert iterations_of(parameters) == 30_000
    assert iterations_of(b"\x30\x80" + pieces + b"\0\0") == 30_000
    nested = b"\x24\x80" + b"\x24\x80\x04\x06" + parameters[:6] + b"\0\0"
    nested += b"\x24\x09\x04\x07" + parameters[6:] + b"\0\0"
    assert iterations_of(nested) == 30_000


@pytest.mark.parametrize(
    "data",
    [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x24\x80\x00\x00" * 999],
)
def test_what_is_no_ber_asks_for_nothing(data: bytes) -> None:
    assert iterations_of(data) == 0


@pytest.mark.parametrize(
    "padding",
    [b"\x05\x00" * ELEMENTS_MAX, b"\x24\x02\x04\x00" * ELEMENTS_MAX],
    ids=["many elements", "many pieces"],
)
def test_what_is_not_looked_at_whole_counts_as_too_much(padding: bytes) -> None:
    assert iterations_of(padding + _SALT_AND_COUNT) > ITERATIONS_MAX


@pytest.mark.parametrize("depth", [DEPTH_MAX, DEPTH_MAX + 1])
def test_nothing_is_looked_for_deeper_than_a_pfx_has_it(depth: int) -> None:
    nested = b"\x30\x80" * depth + _SALT_AND_COUNT
    assert iterations_of(nested) == (0x7F if depth <= DEPTH_MAX else 0)


def test_an_octet_string_in_many_pieces_is_looked_at_once() -> None:
    # twice at every level would be 2^7 times
    nested = b"\x04\x01a\x02\x01\x07"
    for _ in range(7):
        nested = b"\x24" + bytes([len(nested) + 2]) + b"\x04" + bytes([len(nested)]) + nested
    assert iterations_of(nested) == 7


def test_bytes_behind_the_end_of_a_pfx_do_no_harm() -> None:
    bundle = read_bundle((FIXTURES / "modern.pfx").read_bytes() + b"\0", "fixture")
    assert bundle.key is not None
