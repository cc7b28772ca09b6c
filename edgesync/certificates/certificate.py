"""A certificate in a machine's store: the X.509 object and what Windows keeps beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID

from edgesync.certificates.keys import PrivateKey
from edgesync.certificates.names import is_domain_name, name_of, names_match, show_name
from edgesync.certificates.services import Services
from edgesync.errors import CertificateUnreadable, KeyUnavailable

MALFORMED = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,
)
"""What the library raises for bytes that are not what they should be; the warning is about
what its next version refuses, and an exception where warnings are errors."""

FRIENDLY_NAME = "Microsoft Exchange"
"""Friendly name setup and New-ExchangeCertificate give (certificate-facts 1, 2.1)."""


class KeyProvider(StrEnum):
    """Which Windows interface holds a private key; EdgeSync needs CAPI (certificate-facts 2.5)."""

    CAPI = "capi"
    CNG = "cng"


class RootCAType(StrEnum):
    """In which root store the chain's root was found (certificate-facts 2.2)."""

    NONE = "None"
    THIRD_PARTY = "ThirdParty"
    ENTERPRISE = "Enterprise"
    REGISTRY = "Registry"
    GROUP_POLICY = "GroupPolicy"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class TransportCertificate:
    """One entry of a machine's personal store. Immutable; a change makes another value.

    ``request`` is the PKCS#10 (DER) of a pending request: the certificate is then the placeholder
    Windows keeps for it. ``network_service`` says whether the transport service may read the key
    (certificate-facts 1.2).
    """

    certificate: x509.Certificate
    key: PrivateKey | None = field(default=None, repr=False)
    services: Services = Services.NONE
    friendly_name: str = FRIENDLY_NAME
    exportable: bool = False
    network_service: bool = False
    key_provider: KeyProvider = KeyProvider.CAPI
    request: bytes | None = field(default=None, repr=False)

    @cached_property
    def der(self) -> bytes:
        """The certificate's bytes: what is published and compared."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @cached_property
    def thumbprint(self) -> str:
        """SHA-1 of the DER, 40 upper-case hex digits."""
        return thumbprint(self.der)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the DER, 64 upper-case hex digits."""
        return hashlib.sha256(self.der).hexdigest().upper()

    @property
    def subject(self) -> str:
        """The subject as Windows shows it."""
        return show_name(self.certificate.subject)

    @property
    def issuer(self) -> str:
        """The issuer as Windows shows it."""
        return show_name(self.certificate.issuer)

    @property
    def tls_certificate_name(self) -> str:
        """The certificate as connectors name it: ``<I>issuer<S>subject`` (certificate-facts 3.2).

        A renewed certificate has the same name.
        """
        return f"<I>{self.issuer}<S>{self.subject}"

    @cached_property
    def domains(self) -> tuple[str, ...]:
        """CertificateDomains: the common name, where it is a host name, then the SAN's names."""
        return domains_of(self.certificate)

    @property
    def not_before(self) -> datetime:
        """Start of validity, UTC."""
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """End of validity, UTC."""
        return self.certificate.not_valid_after_utc

    @property
    def serial_number(self) -> str:
        """The serial number in upper-case hex, whole bytes."""
        text = f"{self.certificate.serial_number:X}"
        return text.rjust(len(text) + len(text) % 2, "0")

    @property
    def is_pending(self) -> bool:
        """Whether this is a request that waits for its answer."""
        return self.request is not None

    @property
    def is_self_signed(self) -> bool:
        """Whether subject and issuer are the same."""
        return self.certificate.subject == self.certificate.issuer

    @property
    def has_private_key(self) -> bool:
        """Whether the machine has the private key."""
        return self.key is not None

    @property
    def key_size(self) -> int:
        """PublicKeySize in bits; 0 for a kind of key that has no such number."""
        public = self.certificate.public_key()
        if isinstance(public, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
            return public.key_size
        return 0

    def is_expired(self, now: datetime) -> bool:
        """Whether NotAfter has passed."""
        return now > self.not_after

    def names(self, fqdn: str) -> bool:
        """Whether subject or SAN covers a host name, wildcards included."""
        return any(names_match(name, fqdn) for name in self.domains)

    def with_services(self, services: Services) -> TransportCertificate:
        """The same certificate enabled for exactly these services."""
        return replace(self, services=services)

    def key_pem(self) -> bytes:
        """The private key as PKCS#8 PEM, for a TLS context or the store's own file.

        Raises:
            KeyUnavailable: when the machine does not have it.
        """
        if self.key is None:
            raise KeyUnavailable(
                f"certificate {self.thumbprint} has no private key on this machine",
                "import it with its key, or on the server that made the request",
            )
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def thumbprint(der: bytes) -> str:
    """SHA-1 over a DER certificate, 40 upper-case hex digits (certificate-facts 10)."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def domains_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Host names of a certificate: CN where it is one, then the SAN, each once."""
    name = name_of(certificate.subject)
    names = [name] if is_domain_name(name) else []
    names.extend(_alternative_names(certificate))
    return unique_names(names)


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names in their order, each once without regard to case; the first spelling stays."""
    seen: dict[str, str] = {}
    for name in names:
        seen.setdefault(name.casefold(), name)
    return tuple(seen.values())


def allows_server(certificate: x509.Certificate) -> bool:
    """Whether the extended key usage lets it serve: serverAuth, or no such extension."""
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    allowed = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    return any(usage in allowed for usage in usages)


def parse_certificate(data: bytes, what: str = "the data") -> x509.Certificate:
    """Read one certificate, DER or PEM.

    Raises:
        CertificateUnreadable: when it is neither, or a part of it is malformed.
    """
    try:
        if b"-----BEGIN" in data:
            certificate = x509.load_pem_x509_certificate(data)
        else:
            certificate = x509.load_der_x509_certificate(data)
    except MALFORMED as error:
        raise CertificateUnreadable(
            f"{what} is not an X.509 certificate", "give a certificate as DER or PEM"
        ) from error
    return readable(certificate, what)


def readable(certificate: x509.Certificate, what: str = "the data") -> x509.Certificate:
    """The same certificate, every part of it read once.

    The library parses parts when they are asked for. A malformed one must be found before it is
    stored, or every later look at the store would fail.

    Raises:
        CertificateUnreadable: when a part is malformed.
    """
    try:
        show_name(certificate.subject)
        show_name(certificate.issuer)
        _parts = (
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc,
            certificate.extensions,
            certificate.public_key(),
            certificate.signature_hash_algorithm,
            domains_of(certificate),
        )
        if certificate.serial_number <= 0:
            raise ValueError("its serial number is not positive (RFC 5280 4.1.2.2)")
    except MALFORMED as error:
        raise CertificateUnreadable(
            f"{what} holds a malformed certificate: {error}", "get the certificate again"
        ) from error
    return certificate


def _alternative_names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return found.value.get_values_for_type(x509.DNSName)
