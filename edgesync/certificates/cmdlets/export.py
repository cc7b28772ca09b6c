"""Export-ExchangeCertificate: a PFX with its key, or a pending request once more."""

from __future__ import annotations

import base64
import textwrap

from edgesync.certificates.bundle import write_pfx
from edgesync.certificates.chain import build_chain
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.refusals import KeyNotExportable
from edgesync.certificates.request import request_text
from edgesync.errors import KeyUnavailable, UsageError


def export_certificate(
    host: CertificateHost,
    thumbprint: str,
    *,
    password: str | None = None,
    binary_encoded: bool = False,
    legacy_pfx: bool = False,
) -> bytes:
    """A certificate with key and issuers as PFX, or a pending request as PKCS#10.

    Base64 unless ``binary_encoded`` (certificate-facts 2.4).

    Raises:
        KeyNotExportable: when the key was made or imported as not exportable.
        KeyUnavailable: when there is no key to export.
        UsageError: for a PFX without a password.
    """
    entry = host.store.find(thumbprint)
    if entry.request is not None:
        text = request_text(entry.request)
        return entry.request if binary_encoded else text.encode("ascii")
    if entry.key is None:
        raise KeyUnavailable(
            f"certificate {entry.thumbprint} has no private key on {host.name}",
            "cert show -o json gives the certificate alone",
        )
    if not entry.exportable:
        raise KeyNotExportable(
            f"the private key of {entry.thumbprint} is not exportable",
            "renew it with PrivateKeyExportable, which makes a new key",
        )
    if not password:
        raise UsageError("a PFX needs a password", "give one with --password-file")
    chain = build_chain(entry.certificate, host.store.state)
    pfx = write_pfx(
        entry.certificate,
        entry.key,
        password=password,
        friendly_name=entry.friendly_name,
        issuers=chain.certificates[1:],
        legacy=legacy_pfx,
    )
    if binary_encoded:
        return pfx
    return (textwrap.fill(base64.b64encode(pfx).decode("ascii"), 64) + "\n").encode("ascii")
