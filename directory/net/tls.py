"""TLS contexts for LDAPS and StartTLS (standard library; TLS 1.2 and later)."""

from __future__ import annotations

import ssl
from pathlib import Path


def server_context(
    certificate: Path, key: Path, *, client_authorities: str | None = None
) -> ssl.SSLContext:
    """A context that serves this certificate.

    With ``client_authorities`` (PEM text) clients are asked for a certificate and those who
    present one signed by them may bind with SASL EXTERNAL; without, nobody is asked.

    Raises:
        OSError: when a file cannot be read.
        ssl.SSLError: when key and certificate do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if client_authorities is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=client_authorities)
    return context
