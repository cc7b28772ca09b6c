"""Certificates and lists that the library opens and cannot read to their end (found by fuzzing)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edgesync.certificates.bundle import read_bundle
from edgesync.certificates.certificate import parse_certificate
from edgesync.certificates.chain import is_signed_by
from edgesync.certificates.request import parse_request
from edgesync.certificates.store_state import StoreState, TrustedRoot
from edgesync.console.values import shown_value
from edgesync.errors import CertificateUnreadable
from edgesync.operations.decoding import decoded
from edgesync.planning.truths import Kind, Truth
from edgesync.trust.anchors import certificate_of
from edgesync.trust.pkix import PkixStatus, validate
from edgesync.trust.reading import issuer_of, subject_of

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "certificates"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
COMMON_NAME = bytes.fromhex("0603550403")
CURVE = bytes.fromhex("2a8648ce3d030107")


def der_of(name: str) -> bytes:
    found = x509.load_pem_x509_certificate((FIXTURES / name).read_bytes())
    return found.public_bytes(Encoding.DER)


def with_bit_strings(der: bytes) -> bytes:
    """The same with every common name a BIT STRING instead of text."""
    parts = der.split(COMMON_NAME)
    return COMMON_NAME.join([parts[0], *(b"\x03" + part[1:] for part in parts[1:])])


def test_a_name_of_bits_is_no_name() -> None:
    der = with_bit_strings(der_of("sha256.pem"))
    with pytest.raises(CertificateUnreadable, match="malformed"):
        parse_certificate(der)
    with pytest.raises(CertificateUnreadable, match="malformed"):
        read_bundle(der)
    certificate = x509.load_der_x509_certificate(der)
    assert (subject_of(certificate), issuer_of(certificate)) == ("?", "?")
    assert validate((der,), StoreState(), now=NOW).status is PkixStatus.UNREADABLE


def test_a_request_for_a_name_of_bits_is_refused() -> None:
    request = x509.load_pem_x509_csr((FIXTURES / "mail.csr").read_bytes().replace(b"NEW ", b""))
    with pytest.raises(CertificateUnreadable, match="malformed"):
        parse_request(with_bit_strings(request.public_bytes(Encoding.DER)))


def test_a_key_on_a_curve_nobody_knows_signs_nothing() -> None:
    good = x509.load_der_x509_certificate(der_of("ec.pem"))
    strange = der_of("ec.pem").replace(CURVE, bytes.fromhex("2a2548ce3d030107"))
    found = x509.load_der_x509_certificate(strange)
    assert not is_signed_by(good, found)
    verdict = validate((strange, strange), StoreState(roots=(TrustedRoot(good),)), now=NOW)
    assert verdict.status is not PkixStatus.VALID


def test_a_file_of_nothing_but_beginnings_is_refused_at_once() -> None:
    with pytest.raises(CertificateUnreadable, match="neither DER nor PEM"):
        read_bundle(b"-----BEGIN a-----" * 240_000)


STRANGE = {
    "a name of bits": (COMMON_NAME + b"\x13", COMMON_NAME + b"\x03"),
    "version 27": (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x1a"),
    "a month of 99": (b"\x17\x0d2611", b"\x17\x0d2699"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_wherever_a_strange_certificate_lies_there_is_an_answer(kind: str) -> None:
    der = der_of("sha256.pem").replace(*STRANGE[kind])
    assert der != der_of("sha256.pem")
    assert certificate_of(der) in {None, der}
    assert validate((der,), StoreState(), now=NOW).status is PkixStatus.UNREADABLE
    assert decoded("userCertificate", der) is None
    assert shown_value("userCertificate", der).rows == ()
    _answered = Truth(Kind.PUBLISHED, "AD", der).validity
    with pytest.raises(CertificateUnreadable):
        parse_certificate(der)
