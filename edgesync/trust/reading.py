"""Reads certificates that strangers made: whatever is wrong with them is an answer, not a crash.

OpenSSL lets certificates through a handshake that ``cryptography`` cannot parse, or parses only
until one looks at a name or an extension.
"""

from __future__ import annotations

from cryptography import x509

from edgesync.certificates.certificate import MALFORMED

UNREADABLE = (*MALFORMED, x509.AttributeNotFound)
"""What ``cryptography`` raises for a certificate, or a part of one, that it cannot read."""


def parsed(der: bytes | None) -> x509.Certificate | None:
    """The certificate; None when there is none or it cannot be read."""
    if der is None:
        return None
    try:
        return x509.load_der_x509_certificate(der)
    except UNREADABLE:
        return None


def subject_of(certificate: x509.Certificate | None) -> str:
    """The subject in RFC 4514 form; ``?`` when it cannot be read."""
    try:
        return certificate.subject.rfc4514_string() if certificate else "?"
    except UNREADABLE:
        return "?"


def issuer_of(certificate: x509.Certificate) -> str:
    """The issuer in RFC 4514 form; ``?`` when it cannot be read."""
    try:
        return certificate.issuer.rfc4514_string()
    except UNREADABLE:
        return "?"


def names_of(certificate: x509.Certificate) -> list[str]:
    """DNS names of the SAN extension, in their order; none when absent or unreadable."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return found.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return []
