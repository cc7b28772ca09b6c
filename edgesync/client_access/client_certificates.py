"""Certificate-based authentication: from a client's certificate to an account in AD.

IIS's client certificate mapping (certificate-facts 7.1). The sub-status numbers are IIS's own
403.7, 403.12, 403.13, 403.16 and 403.17; which one a failed NTAuth check gives is our reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from edgesync.certificates.chain import build_chain
from edgesync.certificates.names import show_name
from edgesync.client_access.accounts import (
    Account,
    by_principal_name,
    by_security_identity,
)
from edgesync.client_access.host import ClientAccessHost
from edgesync.client_access.http_values import (
    CERTIFICATE_DATES,
    CERTIFICATE_REQUIRED,
    CERTIFICATE_REVOKED,
    CERTIFICATE_UNTRUSTED,
    LOG_ON_FAILED,
    MAPPER_DENIED,
    Status,
)
from edgesync.organization.trusted_issuers import read_ntauth
from edgesync.trust.pkix import ANY_NAME, CHAIN_SENT_MAX, PkixStatus, validate

PRINCIPAL_NAME = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
"""otherName of a SAN that holds the user principal name (UTF8String)."""

_UTF8_STRING = 0x0C

_STATUS = {
    PkixStatus.NO_CERTIFICATE: CERTIFICATE_REQUIRED,
    PkixStatus.EXPIRED: CERTIFICATE_DATES,
    PkixStatus.NOT_YET_VALID: CERTIFICATE_DATES,
    PkixStatus.REVOKED: CERTIFICATE_REVOKED,
    PkixStatus.REVOCATION_OFFLINE: CERTIFICATE_REVOKED,
}


@dataclass(frozen=True, slots=True)
class CertificateRefused:
    """Why a client's certificate opens nothing: IIS's status and the reason in words."""

    status: Status
    detail: str


def map_certificate(host: ClientAccessHost, sent: Sequence[bytes]) -> Account | CertificateRefused:
    """The account behind the certificates a client sent (DER, its own first)."""
    state = host.server.store.state
    verdict = validate(sent, state, now=host.now(), expect=ANY_NAME, crls=host.server.crls)
    if not verdict:
        status = _STATUS.get(verdict.status, CERTIFICATE_UNTRUSTED)
        return CertificateRefused(status, verdict.detail)
    certificates = [x509.load_der_x509_certificate(der) for der in sent[:CHAIN_SENT_MAX]]
    leaf = certificates[0]
    if not _is_for_clients(leaf):
        return CertificateRefused(CERTIFICATE_UNTRUSTED, "not for client authentication")
    issuers = build_chain(leaf, state, certificates[1:]).certificates[1:]
    trusted = set(read_ntauth(host.directory, host.names))
    if not any(issuer.public_bytes(Encoding.DER) in trusted for issuer in issuers):
        return CertificateRefused(
            CERTIFICATE_UNTRUSTED, "no issuer of it is in the NTAuth store of AD"
        )
    return _account(host, leaf)


def _account(host: ClientAccessHost, leaf: x509.Certificate) -> Account | CertificateRefused:
    upn = principal_name(leaf)
    account = by_principal_name(host.directory, host.names, upn) if upn else None
    if account is None:
        identity = security_identity(leaf)
        account = by_security_identity(host.directory, host.names, identity)
    if account is None:
        shown = upn or show_name(leaf.subject)
        return CertificateRefused(MAPPER_DENIED, f"no account of AD is mapped to {shown}")
    if not account.is_enabled:
        return CertificateRefused(LOG_ON_FAILED, f"the account {account.name} is disabled")
    return account


def principal_name(certificate: x509.Certificate) -> str:
    """The user principal name in a certificate's SAN, or nothing."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    for name in names.get_values_for_type(x509.OtherName):
        if name.type_id == PRINCIPAL_NAME:
            return _utf8_string(name.value)
    return ""


def principal_name_value(upn: str) -> x509.OtherName:
    """A user principal name as a SAN holds it.

    Raises:
        ValueError: longer than 127 bytes, which no account's name is.
    """
    text = upn.encode()
    if len(text) > 127:
        raise ValueError("a user principal name of more than 127 bytes")
    return x509.OtherName(PRINCIPAL_NAME, bytes((_UTF8_STRING, len(text))) + text)


def security_identity(certificate: x509.Certificate) -> str:
    """A certificate as altSecurityIdentities names it: issuer and subject (MS-ADA1)."""
    return f"X509:<I>{_reversed(certificate.issuer)}<S>{_reversed(certificate.subject)}"


def _reversed(name: x509.Name) -> str:
    """A name as altSecurityIdentities writes it: in the order of its encoding, no spaces."""
    return ",".join(show_name(x509.Name([rdn])) for rdn in name.rdns)


def _utf8_string(der: bytes) -> str:
    if len(der) < 2 or der[0] != _UTF8_STRING or der[1] != len(der) - 2:
        return ""
    return der[2:].decode("utf-8", "replace")


def _is_for_clients(leaf: x509.Certificate) -> bool:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    allowed = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return any(usage in allowed for usage in usages)
