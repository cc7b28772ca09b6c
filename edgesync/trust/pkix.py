"""What X.509 path validation says of a peer: decisive for Domain Security, a remark elsewhere.

The status names are Exchange's where one was published (certificate-facts 6.3). Chain, signature
and revocation rules are the machine store's own (``edgesync.certificates``), judged at the lab's
time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from edgesync.certificates.certificate import domains_of
from edgesync.certificates.chain import Chain, build_chain
from edgesync.certificates.crl import CrlSource, no_crls
from edgesync.certificates.names import names_match
from edgesync.certificates.status import Revocation, check_revocation
from edgesync.certificates.store_state import StoreState
from edgesync.trust.reading import UNREADABLE, subject_of

CHAIN_SENT_MAX = 10
"""Certificates of a peer's chain that are looked at."""


class PkixStatus(StrEnum):
    """How validation ended. ``UntrustedRoot`` and ``SubjectMismatch`` are Exchange's words."""

    VALID = "Valid"
    NO_CERTIFICATE = "NoCertificate"
    UNREADABLE = "Unreadable"
    INVALID_SIGNATURE = "InvalidSignature"
    UNTRUSTED_ROOT = "UntrustedRoot"
    EXPIRED = "Expired"
    NOT_YET_VALID = "NotYetValid"
    WRONG_USAGE = "WrongUsage"
    REVOKED = "Revoked"
    REVOCATION_OFFLINE = "RevocationOffline"
    SUBJECT_MISMATCH = "SubjectMismatch"


@dataclass(frozen=True, slots=True)
class PkixVerdict:
    """The status and a sentence for a person. Truthy when valid."""

    status: PkixStatus
    detail: str
    path: tuple[str, ...] = ()
    """Subjects from the peer's certificate to the last issuer found."""

    def __bool__(self) -> bool:
        return self.status is PkixStatus.VALID


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the peer should be. Without names, any name will do."""

    names: tuple[str, ...] = ()
    wildcards: bool = True
    check_revocation: bool = True


ANY_NAME = Expectation()


def validate(
    sent: Sequence[bytes],
    store: StoreState,
    *,
    now: datetime,
    expect: Expectation = ANY_NAME,
    crls: CrlSource = no_crls,
) -> PkixVerdict:
    """Validate the certificates a peer sent (DER, its own first) against a machine's roots."""
    if not sent:
        return PkixVerdict(PkixStatus.NO_CERTIFICATE, "no certificate was presented")
    try:
        chain_sent = [x509.load_der_x509_certificate(der) for der in sent[:CHAIN_SENT_MAX]]
        leaf = chain_sent[0]
        chain = build_chain(leaf, store, chain_sent[1:])
        status, detail = _status(leaf, chain, now, expect, crls)
        path = tuple(subject_of(c) for c in chain.certificates)
    except UNREADABLE as error:  # an extension that cannot be decoded surfaces here
        return PkixVerdict(PkixStatus.UNREADABLE, f"the certificate cannot be read: {error}")
    return PkixVerdict(status, detail, path)


def _status(
    leaf: x509.Certificate, chain: Chain, now: datetime, expect: Expectation, crls: CrlSource
) -> tuple[PkixStatus, str]:
    if chain.broken:
        return PkixStatus.INVALID_SIGNATURE, chain.broken
    if chain.root is None:
        if leaf.subject == leaf.issuer:
            return PkixStatus.UNTRUSTED_ROOT, "self-signed, and not among the roots trusted here"
        return PkixStatus.UNTRUSTED_ROOT, "its chain does not end in a root trusted here"
    for certificate in chain.certificates:
        name = certificate.subject.rfc4514_string()
        if now > certificate.not_valid_after_utc:
            return PkixStatus.EXPIRED, f"{name} expired at {certificate.not_valid_after_utc:%FT%TZ}"
        if now < certificate.not_valid_before_utc:
            begins = f"{certificate.not_valid_before_utc:%FT%TZ}"
            return PkixStatus.NOT_YET_VALID, f"{name} is not valid before {begins}"
    if not _may_authenticate(leaf):
        return PkixStatus.WRONG_USAGE, "neither for server nor for client authentication"
    if expect.check_revocation:
        revocation = check_revocation(chain, now, crls)
        if revocation is Revocation.REVOKED:
            return PkixStatus.REVOKED, "revoked by its issuer"
        if revocation is Revocation.UNREACHABLE:
            return PkixStatus.REVOCATION_OFFLINE, "no revocation list could be had"
    if expect.names and not any(_has_names(leaf, expect)):
        names = ", ".join(domains_of(leaf)) or "nothing"
        return PkixStatus.SUBJECT_MISMATCH, f"names {names}, not {' or '.join(expect.names)}"
    return PkixStatus.VALID, "valid"


def _has_names(leaf: x509.Certificate, expect: Expectation) -> list[bool]:
    """For each expected name, whether the certificate has it in subject or SAN."""
    return [
        any(
            names_match(pattern, name)
            for pattern in domains_of(leaf)
            if expect.wildcards or not pattern.startswith("*")
        )
        for name in expect.names
    ]


def _may_authenticate(certificate: x509.Certificate) -> bool:
    """Server authentication is enough for a client too: Exchange's certificates have no other."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    allowed = {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    }
    return any(usage in allowed for usage in usages)
