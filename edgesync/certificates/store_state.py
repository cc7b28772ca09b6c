"""The content of a machine's certificate store as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edgesync.certificates.certificate import RootCAType, TransportCertificate, thumbprint


@dataclass(frozen=True)
class TrustedRoot:
    """A root certificate and the store it lies in."""

    certificate: x509.Certificate
    kind: RootCAType = RootCAType.REGISTRY

    @cached_property
    def thumbprint(self) -> str:
        """SHA-1 of its DER."""
        return thumbprint(self.certificate.public_bytes(Encoding.DER))


@dataclass(frozen=True, slots=True)
class StoreState:
    """Personal by thumbprint, trusted roots, intermediates."""

    personal: Mapping[str, TransportCertificate] = field(default_factory=dict)
    roots: tuple[TrustedRoot, ...] = ()
    intermediates: tuple[x509.Certificate, ...] = ()
