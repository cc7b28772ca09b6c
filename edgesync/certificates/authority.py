"""A small certification authority for the lab: signs requests, revokes, publishes its list.

A value: revoking gives another authority. Whoever owns it keeps it, hands its root to the
machines that shall trust it, and serves ``crl`` at ``crl_url``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID

from directory.entropy import Entropy
from edgesync.certificates.certificate import RootCAType
from edgesync.certificates.issue import serial_number
from edgesync.certificates.names import parse_subject

AUTHORITY_DAYS = 3650
"""Validity of an authority's own certificate."""

LEAF_DAYS = 365
"""Validity of what it issues, where the caller does not say."""

CRL_DAYS = 7
"""How long a list is current: Windows' default for an enterprise authority."""

_COPIED = (x509.SubjectAlternativeName, x509.KeyUsage)


@dataclass(frozen=True, slots=True)
class Revoked:
    """One line of the revocation list."""

    serial: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority with its key. ``kind`` says in which root store machines find its root."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    kind: RootCAType
    crl_url: str = ""
    parent: Authority | None = None
    revoked: tuple[Revoked, ...] = ()

    @property
    def root(self) -> x509.Certificate:
        """The root above this authority, or its own certificate."""
        return self.parent.root if self.parent else self.certificate

    def sign(
        self,
        request: x509.CertificateSigningRequest,
        *,
        now: datetime,
        entropy: Entropy,
        days: int = LEAF_DAYS,
        server_auth: bool = True,
    ) -> x509.Certificate:
        """Answer a request: subject, names and key usage as asked, server authentication."""
        start = now.astimezone(UTC).replace(microsecond=0)
        builder = (
            _builder(request.subject, self.certificate.subject, request.public_key())
            .serial_number(serial_number(entropy))
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        for extension in request.extensions:
            if isinstance(extension.value, _COPIED):
                builder = builder.add_extension(extension.value, critical=extension.critical)
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server_auth else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return self._finish(builder)

    def revoke(self, certificate: x509.Certificate, *, at: datetime) -> Authority:
        """The same authority with one more certificate on its list; twice changes nothing."""
        if any(item.serial == certificate.serial_number for item in self.revoked):
            return self
        entry = Revoked(certificate.serial_number, at)
        return replace(self, revoked=(*self.revoked, entry))

    def crl(self, *, now: datetime, days: int = CRL_DAYS) -> bytes:
        """The revocation list (RFC 5280 section 5), DER; the same input gives the same bytes."""
        start = now.astimezone(UTC).replace(microsecond=0)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(start)
            .next_update(start + timedelta(days=days))
        )
        for item in self.revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(item.serial)
                .revocation_date(item.at.astimezone(UTC))
                .build()
            )
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def answer(self, certificate: x509.Certificate) -> bytes:
        """A signed certificate with its issuers as PKCS#7, DER: what a .p7b file holds."""
        chain, above = [certificate, self.certificate], self.parent
        while above is not None:
            chain.append(above.certificate)
            above = above.parent
        return pkcs7.serialize_certificates(chain, Encoding.DER)

    def _finish(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return _identified(builder, self.certificate, self.crl_url).sign(self.key, hashes.SHA256())


def make_authority(
    subject: str,
    key: rsa.RSAPrivateKey,
    *,
    now: datetime,
    entropy: Entropy,
    kind: RootCAType,
    crl_url: str = "",
    parent: Authority | None = None,
) -> Authority:
    """A new authority: a root, or one that ``parent`` signs."""
    start = now.astimezone(UTC).replace(microsecond=0)
    name = parse_subject(subject)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        _builder(name, parent.certificate.subject if parent else name, key.public_key())
        .serial_number(serial_number(entropy))
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )
    if parent is None:
        certificate = builder.sign(key, hashes.SHA256())
    else:
        builder = _identified(builder, parent.certificate, parent.crl_url)
        certificate = builder.sign(parent.key, hashes.SHA256())
    return Authority(certificate, key, kind, crl_url, parent)


def _builder(
    subject: x509.Name, issuer: x509.Name, public: CertificatePublicKeyTypes
) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .add_extension(identifier, critical=False)
    )


def _identified(
    builder: x509.CertificateBuilder, issuer: x509.Certificate, crl_url: str
) -> x509.CertificateBuilder:
    key_identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_identifier),
        critical=False,
    )
    if not crl_url:
        return builder
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier(crl_url)], relative_name=None, reasons=None, crl_issuer=None
    )
    return builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
