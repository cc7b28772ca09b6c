"""Certificates for tests: quick keys, servers by name."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from directory.entropy import SeededEntropy
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.certificates.keys import BundledKeys

ISSUED_AT = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


@cache
def server_certificate(name: str, turn: int = 0) -> tuple[bytes, rsa.RSAPrivateKey]:
    """DER and key of a server's self-signed certificate; another ``turn`` gives another one."""
    label = f"{name}/{turn}"
    number = sum(label.encode())
    key = BundledKeys(number).next_key(name)
    certificate = issue_self_signed(
        CertificateSubject.of_server(name, f"{name.lower()}.contoso.test"),
        key,
        now=ISSUED_AT,
        serial=serial_number(SeededEntropy(number, label)),
        profile=IssueProfile(5),
    )
    return certificate.public_bytes(Encoding.DER), key
