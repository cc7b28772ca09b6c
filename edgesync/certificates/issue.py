"""Self-signed certificates exactly as Exchange setup and New-ExchangeCertificate make them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from directory.entropy import Entropy
from edgesync.certificates.certificate import unique_names
from edgesync.certificates.names import common_name
from edgesync.config import VersionProfile

SERIAL_BYTES = 16
"""Length of a serial number (certificate-facts 1)."""


@dataclass(frozen=True, slots=True)
class IssueProfile:
    """What differs between the self-signed certificates Exchange makes."""

    years: int
    """Validity; the same month, day and time (certificate-facts 1)."""
    wanted_hash: str = "sha256"
    """Hash the version signed with; see :attr:`hash_note`."""

    @classmethod
    def of(cls, version: VersionProfile) -> IssueProfile:
        """How a version issues: years and hash (certificate-facts 1)."""
        return cls(version.self_signed_years, version.setup_hash)

    @property
    def hash_note(self) -> str:
        """What to tell a person when the version's own hash cannot be used; else nothing."""
        if self.wanted_hash == "sha256":
            return ""
        return (
            f"this version signed with {self.wanted_hash}; signed with sha256 instead, because "
            f"the cryptography library no longer makes {self.wanted_hash} signatures"
        )


@dataclass(frozen=True, slots=True)
class CertificateSubject:
    """Whom a certificate names: a distinguished name, and host names in their order."""

    name: x509.Name
    domains: tuple[str, ...]

    @classmethod
    def of_server(cls, name: str, fqdn: str) -> CertificateSubject:
        """Setup's: ``CN=<NetBIOS>``; SAN is the NetBIOS name, then the FQDN, case kept."""
        return cls(common_name(name), unique_names((name, fqdn)))


def serial_number(entropy: Entropy) -> int:
    """Sixteen random bytes that read as a positive number (certificate-facts 1)."""
    number = bytearray(entropy.token_bytes(SERIAL_BYTES))
    number[0] = number[0] & 0x7F or 0x01  # neither a sign bit nor a fifteen-byte number
    return int.from_bytes(number, "big")


def years_later(at: datetime, years: int) -> datetime:
    """The same month, day and time some years on; 29 February becomes 28."""
    try:
        return at.replace(year=at.year + years)
    except ValueError:
        return at.replace(year=at.year + years, day=28)


def issue_self_signed(
    subject: CertificateSubject,
    key: rsa.RSAPrivateKey,
    *,
    now: datetime,
    serial: int,
    profile: IssueProfile,
    subject_key_identifier: bytes | None = None,
) -> x509.Certificate:
    """A certificate a server makes for itself (certificate-facts 1).

    Extensions in Exchange's order: KeyUsage critical, SAN not critical (absent without names), EKU
    serverAuth only, BasicConstraints critical. The same input gives the same bytes.
    """
    start = now.astimezone(UTC).replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject.name)
        .issuer_name(subject.name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(years_later(start, profile.years))
    )
    for extension, critical in server_extensions(subject.domains):
        builder = builder.add_extension(extension, critical=critical)
    if subject_key_identifier is not None:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier(subject_key_identifier), critical=False
        )
    return builder.sign(key, hashes.SHA256())


def server_extensions(domains: tuple[str, ...]) -> list[tuple[x509.ExtensionType, bool]]:
    """Extensions of a server certificate with their criticality, in DER order."""
    usage = x509.KeyUsage(
        digital_signature=True, key_encipherment=True, content_commitment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
    extensions: list[tuple[x509.ExtensionType, bool]] = [(usage, True)]
    if domains:
        names = [x509.DNSName(name) for name in domains]
        extensions.append((x509.SubjectAlternativeName(names), False))
    extensions.append((x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False))
    extensions.append((x509.BasicConstraints(ca=False, path_length=None), True))
    return extensions
