"""Import-ExchangeCertificate: a PFX, or an authority's answer to a pending request."""

from __future__ import annotations

from dataclasses import replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from edgesync.certificates.bundle import Bundle, read_bundle
from edgesync.certificates.certificate import (
    FRIENDLY_NAME,
    KeyProvider,
    TransportCertificate,
)
from edgesync.certificates.cmdlets.outcome import Outcome
from edgesync.certificates.eligibility import RSA_BITS_MIN
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.refusals import CngKey, DuplicateCertificate, WeakKey
from edgesync.events import CERTIFICATE_STORED


def import_certificate(
    host: CertificateHost,
    data: bytes,
    *,
    password: str | None = None,
    friendly_name: str | None = None,
    private_key_exportable: bool = False,
    allow_cng: bool = False,
) -> Outcome:
    """Put a certificate from a file into the store, enabled for nothing.

    A PFX brings its key, also to a certificate that lacked it, which keeps its services. A
    PKCS#7 file or bare certificate gets the key of the pending request it answers, and replaces
    it; without one it has no key and serves nothing. Issuers in the file become intermediates; a
    root in it is not trusted by that. Any refusal leaves the store as it was (certificate-facts
    2.4).

    Raises:
        WrongPassword, CertificateUnreadable, KeyMismatch, WeakKey, DuplicateCertificate; CngKey
        for a key EdgeSync could not use, unless ``allow_cng``.
    """
    bundle = read_bundle(data, password)
    answered = _answered(host, bundle)
    entry = TransportCertificate(
        bundle.leaf,
        bundle.key,
        friendly_name=friendly_name or bundle.friendly_name or FRIENDLY_NAME,
        exportable=private_key_exportable and bundle.key is not None,
        key_provider=bundle.key_provider,
    )
    present = host.store.get(entry.thumbprint)
    if answered is not None:
        entry = replace(
            entry,
            key=answered.key,
            friendly_name=friendly_name or answered.friendly_name,
            exportable=answered.exportable,
            key_provider=answered.key_provider,
        )
    elif present is not None:
        entry = replace(entry, services=present.services, network_service=present.network_service)
    _require_acceptable(host, entry, allow_cng=allow_cng)
    change = host.store.put(entry, remove=(answered.thumbprint,) if answered else ())
    roots = _keep_issuers(host, bundle.others)
    host.report(CERTIFICATE_STORED, thumbprint=entry.thumbprint, server=host.name)
    return Outcome(entry, change, warnings=tuple(_warnings(host, entry, roots)))


def _answered(host: CertificateHost, bundle: Bundle) -> TransportCertificate | None:
    """The pending request whose key the certificate has."""
    if bundle.key is not None:
        return None
    public = bundle.leaf.public_key()
    for pending in host.store.certificates:
        if pending.is_pending and pending.certificate.public_key() == public:
            return pending
    return None


def _require_acceptable(
    host: CertificateHost, entry: TransportCertificate, *, allow_cng: bool
) -> None:
    present = host.store.get(entry.thumbprint)
    if present is not None and (present.has_private_key or not entry.has_private_key):
        raise DuplicateCertificate(
            f"certificate {entry.thumbprint} is on {host.name} already",
            "enable that one, or remove it first",
        )
    is_rsa = isinstance(entry.certificate.public_key(), rsa.RSAPublicKey)
    if is_rsa and entry.key_size < RSA_BITS_MIN:
        raise WeakKey(
            f"certificate {entry.thumbprint} has a key of {entry.key_size} bits",
            f"use one with at least {RSA_BITS_MIN} bits",
        )
    if entry.key_provider is KeyProvider.CNG and not allow_cng:
        raise CngKey(
            f"the key of {entry.thumbprint} lies in a CNG provider, which EdgeSync cannot use",
            "import it into a CAPI provider (certutil -csp) and export it again, or allow CNG",
        )


def _keep_issuers(
    host: CertificateHost, issuers: tuple[x509.Certificate, ...]
) -> list[x509.Certificate]:
    """Store intermediates; returns the self-signed ones, which are left out."""
    roots = []
    for issuer in issuers:
        if issuer.issuer == issuer.subject:
            roots.append(issuer)
        else:
            host.store.add_intermediate(issuer)
    return roots


def _warnings(
    host: CertificateHost, entry: TransportCertificate, roots: list[x509.Certificate]
) -> list[str]:
    warnings = []
    if not entry.has_private_key:
        warnings.append(
            f"{entry.thumbprint} has no private key on {host.name}: import the answer on the "
            "server that made the request, or a PFX"
        )
    known = {root.certificate for root in host.store.roots}
    if any(root not in known for root in roots):
        warnings.append("the file's root certificate was not added to the trusted roots")
    return warnings
