"""Certificates, requests, revocation lists, and the files they come in: PEM, PKCS#7, PFX.

The library below parses in Rust and OpenSSL, which nothing watches here: coverage guides the search
through our own code only, and the counts say so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from edgesync.certificates.bundle import read_bundle
from edgesync.certificates.certificate import (
    TransportCertificate,
    allows_server,
    domains_of,
    parse_certificate,
)
from edgesync.certificates.chain import Chain
from edgesync.certificates.names import names_match
from edgesync.certificates.request import parse_request
from edgesync.certificates.status import Revocation, check_revocation, distribution_points
from edgesync.certificates.store_state import StoreState, TrustedRoot
from edgesync.errors import CertificateError
from edgesync.trust.pkix import Expectation, PkixStatus, validate
from edgesync.trust.reading import issuer_of, names_of, parsed, subject_of
from scripts.fuzzing.target import Target, promise

_FOLDER = Path(__file__).resolve().parents[3] / "fixtures" / "certificates"
_NOW = datetime(2026, 11, 23, tzinfo=UTC)
_PASSWORD = "fixture"
_URL = "http://crl.test/a.crl"
_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.contoso.test")])


def run_certificate(data: bytes) -> None:
    """Read a certificate, and ask everything of it that the product asks."""
    certificate = TransportCertificate(parse_certificate(data))
    promise(parse_certificate(certificate.der) == certificate.certificate, "another certificate")
    _shown = certificate.tls_certificate_name, certificate.thumbprint
    distribution_points(certificate.certificate)
    allows_server(certificate.certificate)
    for name in domains_of(certificate.certificate):
        names_match(name, "mail.contoso.test")


def run_peer_certificate(data: bytes) -> None:
    """Judge what a peer of a handshake shows: there is always a verdict, and it is never valid."""
    verdict = validate(
        (data, data), _trusting(), now=_NOW, expect=Expectation(("mail.contoso.test",)),
        crls=lambda _: data,
    )  # fmt: skip
    if verdict.status is PkixStatus.VALID:
        own = {_loaded(der).tbs_certificate_bytes for der in _issued()[:2]}
        promise(_loaded(data).tbs_certificate_bytes in own, "a stranger is trusted")
    certificate = parsed(data)
    subject_of(certificate)
    if certificate is not None:
        issuer_of(certificate)
        names_of(certificate)


def run_request(data: bytes) -> None:
    """Read a certificate request."""
    parse_request(data)


def run_revocation_list(data: bytes) -> None:
    """Ask a list from anywhere about a certificate: only the issuer's own can revoke it."""
    authority, leaf, genuine = _issued()
    chain = Chain((_loaded(leaf), _loaded(authority)), TrustedRoot(_loaded(authority)))
    found = check_revocation(chain, _NOW, lambda _: data)
    if found is Revocation.REVOKED:
        promise(_signed_part(data) == _signed_part(genuine), "a stranger revoked it")


def _signed_part(data: bytes) -> bytes:
    """What the issuer vouches for, which is not every bit around it."""
    is_pem = b"-----BEGIN" in data[:64]
    found = x509.load_pem_x509_crl(data) if is_pem else x509.load_der_x509_crl(data)
    return found.tbs_certlist_bytes


def run_bundle(data: bytes) -> None:
    """Read a file that may be anything Import-ExchangeCertificate takes."""
    bundle = read_bundle(data, _PASSWORD)
    promise("PRIVATE" not in repr(bundle), "the key is shown")


def _key() -> ec.EllipticCurvePrivateKey:
    """Always the same, so that the seeds are."""
    return ec.derive_private_key(7, ec.SECP256R1())


@cache
def _issued() -> tuple[bytes, bytes, bytes]:
    """An authority, a certificate of its that names a list, and the list: DER, small keys."""
    key = _key()
    until = _NOW + timedelta(days=9)
    builder = x509.CertificateBuilder().issuer_name(_NAME).public_key(key.public_key())
    builder = builder.not_valid_before(_NOW).not_valid_after(until).subject_name(_NAME)
    authority = builder.serial_number(1).sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(_URL)], None, None, None)
    leaf = (
        builder.serial_number(2)
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.contoso.test")]), False)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    revoked = x509.RevokedCertificateBuilder().serial_number(2).revocation_date(_NOW).build()
    listed = x509.CertificateRevocationListBuilder().issuer_name(_NAME).last_update(_NOW)
    found = (
        listed.next_update(until)
        .add_revoked_certificate(revoked)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    der = Encoding.DER
    return authority.public_bytes(der), leaf.public_bytes(der), found.public_bytes(der)


@cache
def _loaded(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


@cache
def _trusting() -> StoreState:
    """A machine that trusts an authority no input was issued by."""
    return StoreState(roots=(TrustedRoot(_loaded(_issued()[0])),))


def _fixtures(*names: str) -> list[bytes]:
    return [(_FOLDER / name).read_bytes() for name in names]


def _pem_fixtures() -> list[bytes]:
    return _fixtures("sha256.pem", "ec.pem", "mail.pem", "rsa768.pem")


def _certificates() -> Iterable[bytes]:
    found = [x509.load_pem_x509_certificate(pem) for pem in _pem_fixtures()]
    return [*_issued()[:2], *(c.public_bytes(Encoding.DER) for c in found), _pem_fixtures()[1]]


def _requests() -> Iterable[bytes]:
    key = _key()
    made = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_NAME)
        .sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    )
    return [
        made.public_bytes(Encoding.DER),
        made.public_bytes(Encoding.PEM),
        *_fixtures("mail.csr"),
    ]


def _bundles() -> Iterable[bytes]:
    """PFX of elliptic keys with one round of derivation or none; one without its code."""
    certificate = _loaded(_issued()[1])
    yield from _fixtures("one-round.pfx", "one-round-legacy.pfx", "no-code.pfx")
    yield pkcs7.serialize_certificates([certificate], Encoding.DER)
    yield from (certificate.public_bytes(Encoding.DER), certificate.public_bytes(Encoding.PEM))


CERTIFICATE = Target(
    "certificate",
    "a certificate (DER or PEM)",
    "its own bytes give it again",
    run_certificate,
    (CertificateError,),
    _certificates,
    size_max=2048,
)
PEER_CERTIFICATE = Target(
    "peer-certificate",
    "what a peer shows in a handshake, and its revocation list",
    "there is a verdict for every input, and it is not Valid",
    run_peer_certificate,
    (),
    _certificates,
    size_max=2048,
)
REQUEST = Target(
    "certificate-request",
    "a PKCS#10 request (DER or PEM)",
    "",
    run_request,
    (CertificateError,),
    _requests,
    size_max=2048,
)
REVOCATION_LIST = Target(
    "revocation-list",
    "a certificate revocation list (DER or PEM)",
    "only the issuer's own list revokes",
    run_revocation_list,
    (),
    lambda: (_issued()[2],),
    size_max=2048,
)
BUNDLE = Target(
    "certificate-bundle",
    "a file for Import-ExchangeCertificate: PFX, PKCS#7, certificate",
    "no key in the repr of what was read",
    run_bundle,
    (CertificateError,),
    lambda: list(_bundles()),
    size_max=2048,
    growers={
        "nested sequences": lambda n: (
            b"\x30\x82" + (n & 0xFFFF).to_bytes(2, "big") + b"\x30\x80" * (n // 2)
        ),
        "open PEM": lambda n: b"-----BEGIN a-----" * (n // 17),
        "PEM that never ends": lambda n: b"-----BEGIN a-----" + b"-----EN" * (n // 7),
        "Base64": lambda n: b"QUFB" * (n // 4),
    },
)

TARGETS = (CERTIFICATE, PEER_CERTIFICATE, REQUEST, REVOCATION_LIST, BUNDLE)
