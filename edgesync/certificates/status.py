"""What Get-ExchangeCertificate shows as Status and RootCAType, and what selection asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from edgesync.certificates.certificate import (
    MALFORMED,
    RootCAType,
    TransportCertificate,
    allows_server,
)
from edgesync.certificates.chain import Chain, build_chain, verify_signature
from edgesync.certificates.crl import CRL_SIZE_MAX, CrlSource, no_crls
from edgesync.certificates.store_state import StoreState


class CertificateStatus(StrEnum):
    """Exchange's words (certificate-facts 2.2)."""

    UNKNOWN = "Unknown"
    VALID = "Valid"
    REVOKED = "Revoked"
    DATE_INVALID = "DateInvalid"
    UNTRUSTED = "Untrusted"
    INVALID = "Invalid"
    REVOCATION_CHECK_FAILURE = "RevocationCheckFailure"
    PENDING_REQUEST = "PendingRequest"


class Revocation(StrEnum):
    """How the check against revocation lists ended."""

    GOOD = "good"
    REVOKED = "revoked"
    UNREACHABLE = "unreachable"
    """A list is named and none could be had, or what came is not the issuer's or too old."""
    NOT_PUBLISHED = "not_published"
    """No certificate of the chain names a list: nothing to check."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Everything one machine thinks of one certificate at one instant."""

    status: CertificateStatus
    root_ca_type: RootCAType
    chain: Chain
    revocation: Revocation
    is_expired: bool
    is_not_yet_valid: bool
    detail: str = ""
    """One sentence for a person; nothing when the status is Valid."""


def judge(
    certificate: TransportCertificate,
    store: StoreState,
    *,
    now: datetime,
    crls: CrlSource = no_crls,
) -> Judgement:
    """Judge a certificate of a machine's own store.

    In this order (certificate-facts 2.2): a pending request; outside its validity; a broken chain
    or the wrong usage; an untrusted root; revoked; a revocation list that cannot be had; else
    Valid. A self-signed certificate in the machine's own store is Valid, with RootCAType None when
    it is in no root store.
    """
    chain = build_chain(certificate.certificate, store)
    root = chain.root.kind if chain.root else RootCAType.NONE
    expired = any(now > c.not_valid_after_utc for c in chain.certificates)
    early = any(now < c.not_valid_before_utc for c in chain.certificates)
    revocation = check_revocation(chain, now, crls)
    status, detail = _verdict(certificate, chain, revocation, outside=expired or early)
    if status is CertificateStatus.PENDING_REQUEST:
        root = RootCAType.UNKNOWN
    return Judgement(
        status,
        root,
        chain,
        revocation,
        is_expired=now > certificate.not_after,
        is_not_yet_valid=now < certificate.not_before,
        detail=detail,
    )


def _verdict(
    certificate: TransportCertificate, chain: Chain, revocation: Revocation, *, outside: bool
) -> tuple[CertificateStatus, str]:
    if certificate.is_pending:
        return CertificateStatus.PENDING_REQUEST, "waits for the authority's answer"
    if outside:
        return CertificateStatus.DATE_INVALID, "outside its period of validity, or an issuer is"
    if chain.broken:
        return CertificateStatus.INVALID, chain.broken
    if not allows_server(certificate.certificate):
        return CertificateStatus.INVALID, "not for server authentication"
    if chain.root is None and not certificate.is_self_signed:
        return CertificateStatus.UNTRUSTED, "its chain does not end in a trusted root"
    if revocation is Revocation.REVOKED:
        return CertificateStatus.REVOKED, "revoked by its issuer"
    if revocation is Revocation.UNREACHABLE:
        return CertificateStatus.REVOCATION_CHECK_FAILURE, "no revocation list could be had"
    return CertificateStatus.VALID, ""


def check_revocation(chain: Chain, now: datetime, crls: CrlSource) -> Revocation:
    """Check every certificate of a chain but its root against its issuer's revocation list."""
    worst = Revocation.NOT_PUBLISHED
    for certificate, issuer in chain.links:
        urls = distribution_points(certificate)
        if not urls:
            continue
        found = _check_link(certificate, issuer, urls, now, crls)
        if found is Revocation.REVOKED:
            return found
        if worst is not Revocation.UNREACHABLE:
            worst = found
    return worst


def distribution_points(certificate: x509.Certificate) -> tuple[str, ...]:
    """HTTP addresses of a certificate's revocation lists."""
    try:
        points = certificate.extensions.get_extension_for_oid(
            ExtensionOID.CRL_DISTRIBUTION_POINTS
        ).value
    except x509.ExtensionNotFound:
        return ()
    assert isinstance(points, x509.CRLDistributionPoints)
    return tuple(
        name.value
        for point in points
        for name in point.full_name or ()
        if isinstance(name, x509.UniformResourceIdentifier) and name.value.startswith("http")
    )


def _check_link(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    urls: tuple[str, ...],
    now: datetime,
    crls: CrlSource,
) -> Revocation:
    for url in urls:
        data = crls(url)
        revoked = _read_list(data, issuer, now) if data else None
        if revoked is None:
            continue
        entry = revoked.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None and entry.revocation_date_utc <= now:
            return Revocation.REVOKED
        return Revocation.GOOD
    return Revocation.UNREACHABLE


def _read_list(
    data: bytes, issuer: x509.Certificate, now: datetime
) -> x509.CertificateRevocationList | None:
    """The issuer's list when it is genuine and current."""
    if len(data) > CRL_SIZE_MAX:
        return None
    try:
        is_pem = b"-----BEGIN" in data[:64]
        found = x509.load_pem_x509_crl(data) if is_pem else x509.load_der_x509_crl(data)
        genuine = found.issuer == issuer.subject and verify_signature(
            issuer, found.signature, found.tbs_certlist_bytes, found
        )
        current = found.next_update_utc is None or found.next_update_utc >= now
    except MALFORMED:  # as a whole, or in a part that is parsed when asked for
        return None
    return found if genuine and current else None
