"""Certificate chains as a machine sees them: issuer by issuer up to a root it trusts.

Written for the lab's clock and for certificates of the years 2006 to 2021: SHA-1 signatures, short
keys and missing key identifiers are judged by the rules of the server that plays, and not refused
by a modern library (certificate-facts 10).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from edgesync.certificates.certificate import MALFORMED
from edgesync.certificates.store_state import StoreState, TrustedRoot

CHAIN_LENGTH_MAX = 8
"""Longest chain followed; public ones have three or four certificates."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A certificate and its issuers, leaf first."""

    certificates: tuple[x509.Certificate, ...]
    root: TrustedRoot | None = None
    """The trusted root the chain ends in, with the store it lies in."""
    broken: str = ""
    """What is wrong with a link: a signature, an issuer that may not issue."""

    @property
    def is_trusted(self) -> bool:
        """Whether every link holds and the last one is trusted."""
        return self.root is not None and not self.broken

    @property
    def links(self) -> tuple[tuple[x509.Certificate, x509.Certificate], ...]:
        """Each certificate with its issuer, leaf first."""
        return tuple(zip(self.certificates, self.certificates[1:], strict=False))


def build_chain(
    leaf: x509.Certificate, store: StoreState, extra: Iterable[x509.Certificate] = ()
) -> Chain:
    """Find the issuers of a certificate among a machine's roots and intermediates.

    ``extra`` are certificates the peer sent along. The first issuer whose key made the signature
    is taken; when only the name fits, the chain is broken there.
    """
    roots = {root.certificate: root for root in store.roots}
    known = (*roots, *store.intermediates, *extra)
    certificates = [leaf]
    while len(certificates) <= CHAIN_LENGTH_MAX:
        last = certificates[-1]
        if last in roots:
            return Chain(tuple(certificates), roots[last])
        if last.issuer == last.subject:
            broken = "" if is_signed_by(last, last) else "the signature of its root is wrong"
            return Chain(tuple(certificates), None, broken)
        named = [c for c in known if c.subject == last.issuer]
        issuer = next((c for c in named if is_signed_by(last, c)), None)
        if issuer is None:
            broken = "a signature in the chain is wrong" if named else ""
            return Chain(tuple(certificates), None, broken)
        certificates.append(issuer)
        if not may_issue(issuer):
            return Chain(tuple(certificates), roots.get(issuer), "an issuer is no authority")
    return Chain(tuple(certificates), None, "the chain does not end")


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made a certificate's signature, whatever hash was used."""
    return verify_signature(
        issuer,
        certificate.signature,
        certificate.tbs_certificate_bytes,
        certificate,
    )


def verify_signature(
    issuer: x509.Certificate,
    signature: bytes,
    signed: bytes,
    signed_object: x509.Certificate | x509.CertificateRevocationList,
) -> bool:
    """Whether a signature over bytes is the issuer's; unknown algorithms count as not."""
    try:
        public = issuer.public_key()
        digest = signed_object.signature_hash_algorithm
        if isinstance(public, rsa.RSAPublicKey) and digest is not None:
            scheme = (
                signed_object.signature_algorithm_parameters
                if isinstance(signed_object, x509.Certificate)
                else padding.PKCS1v15()
            )
            if not isinstance(scheme, (padding.PKCS1v15, padding.PSS)):
                return False
            public.verify(signature, signed, scheme, digest)
        elif isinstance(public, ec.EllipticCurvePublicKey) and digest is not None:
            public.verify(signature, signed, ec.ECDSA(digest))
        else:
            return False
    except (InvalidSignature, *MALFORMED):
        return False
    return True


def may_issue(certificate: x509.Certificate) -> bool:
    """Whether BasicConstraints and KeyUsage let a certificate issue others."""
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except x509.ExtensionNotFound:
        return False
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.key_cert_sign
