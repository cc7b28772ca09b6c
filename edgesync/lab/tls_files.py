"""TLS contexts of the standard library from certificates in memory, for LDAPS and HTTPS.

OpenSSL's Python interface reads keys from files only, so they pass through a folder of the
running lab (0700, files 0600) that is removed when it stops.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from directory.net.tls import server_context
from edgesync.certificates.certificate import TransportCertificate


def context_of(certificate: TransportCertificate, folder: Path) -> ssl.SSLContext:
    """A server context that presents this certificate.

    Raises:
        KeyUnavailable: when the certificate has no private key here.
    """
    public = folder / f"{certificate.thumbprint}.crt"
    private = folder / f"{certificate.thumbprint}.key"
    if not private.exists():
        _write(public, certificate.certificate_pem())
        _write(private, certificate.key_pem())
    return server_context(public, private)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
