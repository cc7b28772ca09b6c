"""OpenSSL's reasons in the words Windows' TLS uses in protocol logs (certificate-facts 5.4)."""

from __future__ import annotations

_WORDS = (
    ("closed by peer", "SocketError"),
    ("wrong version number", "IllegalMessage"),
    ("no shared cipher", "AlgorithmMismatch"),
    ("unsupported protocol", "AlgorithmMismatch"),
    ("protocol version", "AlgorithmMismatch"),
    ("unknown ca", "UntrustedRoot"),
    ("certificate expired", "CertExpired"),
    ("certificate revoked", "CertRevoked"),
    ("certificate unknown", "CertUnknown"),
    ("bad certificate", "CertUnknown"),
    ("handshake failure", "AlgorithmMismatch"),
)


def tls_error(reason: str) -> str:
    """The name after ``TLS negotiation failed with error``; OpenSSL's words where none fits."""
    folded = reason.lower()
    return next((word for part, word in _WORDS if part in folded), "IllegalMessage")
