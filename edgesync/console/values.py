"""Attribute values for the eye: words where there are words, the raw bytes beside them.

Secrets are masked here too: the change log and the credential records hold what no search returns.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from directory.model.dn import DN
from directory.schema.profiles import SECRET
from edgesync.certificates.certificate import MALFORMED, domains_of
from edgesync.console.masking import MASKED
from edgesync.operations.decoding import decoded, shown

VALUES_SHOWN = 200
"""Values of one attribute on a page: a group of 100,000 members must not be one page."""

RAW_SHOWN_MAX = 16 * 1024
"""Bytes of one value shown raw."""

_RECORDS = frozenset(
    {"msexchedgesynccredential", "msexchedgesynclease", "msexchedgesynccookies",
     "msexchedgesyncstatus"}
)  # fmt: skip
"""Attributes whose values are JSON records of EdgeSync."""

_SECRET_KEYS = ("password", "secret", "key")
_NAME_ENDINGS = ("dn", "by", "object", "category", "member", "memberof", "manager", "site")


@dataclass(frozen=True, slots=True)
class ShownValue:
    """One value of one attribute."""

    text: str
    rows: tuple[tuple[str, str], ...] = ()
    """Parts in words: of a certificate, a lease, a credential."""
    raw: str = ""
    """Base64 of what is not text."""
    size: int = 0
    link: str = ""
    """The DN that the value names, when it is one."""


@dataclass(frozen=True, slots=True)
class ShownAttribute:
    """One attribute with its first values and how many more there are."""

    name: str
    values: tuple[ShownValue, ...]
    more: int


def is_secret(name: str) -> bool:
    """Whether an attribute's values are shown to nobody."""
    return name.lower().partition(";")[0] in SECRET


def shown_attribute(name: str, values: Sequence[bytes]) -> ShownAttribute:
    """An attribute for a page."""
    first = tuple(shown_value(name, value) for value in values[:VALUES_SHOWN])
    return ShownAttribute(name, first, max(0, len(values) - VALUES_SHOWN))


def shown_value(name: str, value: bytes) -> ShownValue:
    """A value for a page: decoded when its attribute or its bytes say how."""
    if is_secret(name):
        return ShownValue(MASKED, size=len(value))
    if name.lower() in _RECORDS:
        record = _record(value)
        if record is not None:
            return record
    certificate = _certificate(value)
    raw = base64.b64encode(value[:RAW_SHOWN_MAX]).decode()
    if certificate is not None:
        words = decoded("userCertificate", value) or ""
        return ShownValue(words, certificate_rows(certificate), raw, len(value))
    text = shown(name, value)
    is_plain = text.encode("utf-8", "replace") == value
    return ShownValue(text, (), "" if is_plain else raw, len(value), _dn_of(name, text))


def _record(value: bytes) -> ShownValue | None:
    try:
        given = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    rows = tuple((str(key), _part(str(key), part)) for key, part in given.items())
    head = next((text for key, text in rows if text != MASKED), "record")
    return ShownValue(head, rows, "", len(value))


def _part(key: str, part: Any) -> str:
    if any(word in key.lower() for word in _SECRET_KEYS):
        return MASKED
    return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)


def _certificate(value: bytes) -> x509.Certificate | None:
    if len(value) < 100 or value[:1] != b"\x30":
        return None
    try:
        certificate = x509.load_der_x509_certificate(value)
        certificate_rows(certificate)  # parts are parsed when asked for, and may be malformed
    except MALFORMED:
        return None
    return certificate


def certificate_rows(certificate: x509.Certificate) -> tuple[tuple[str, str], ...]:
    """What a person compares: thumbprints, names, dates, key."""
    der = certificate.public_bytes(Encoding.DER)
    first, last = _day(certificate.not_valid_before_utc), _day(certificate.not_valid_after_utc)
    return (
        ("Subject", certificate.subject.rfc4514_string()),
        ("Issuer", certificate.issuer.rfc4514_string()),
        ("Thumbprint", hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()),
        ("SHA-256", hashlib.sha256(der).hexdigest().upper()),
        ("Serial number", f"{certificate.serial_number:X}"),
        ("Names", ", ".join(domains_of(certificate)) or "none"),
        ("Valid", f"{first} to {last}"),
        ("Key", _key(certificate)),
        ("Signature", certificate.signature_algorithm_oid._name),  # noqa: SLF001 - its only name
    )  # fmt: skip


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except (ValueError, TypeError):
        return "unreadable"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__


def _day(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"


def _dn_of(name: str, text: str) -> str:
    """The text when it is the name of an entry, so that a page can link to it."""
    if "=" not in text or not name.lower().endswith(_NAME_ENDINGS):
        return ""
    try:
        return str(DN.parse(text))
    except ValueError:
        return ""
