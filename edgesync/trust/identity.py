"""A server's certificate as TLS presents it."""

from __future__ import annotations

from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.chain import build_chain
from edgesync.certificates.store_state import StoreState
from edgesync.trust.tls import TlsIdentity


def identity_of(certificate: TransportCertificate | None, store: StoreState) -> TlsIdentity | None:
    """A store's certificate as TLS presents it; None when there is none or its key is away.

    The issuers the machine knows between it and its root go along.
    """
    if certificate is None or certificate.key is None:
        return None
    chain = build_chain(certificate.certificate, store)
    between = tuple(c for c in chain.certificates[1:] if c.subject != c.issuer)
    return TlsIdentity(certificate.certificate, certificate.key, between)
