"""The certificates a server trusts because its directory holds them (certificate-facts 4.2).

A Hub looks in AD, an Edge in its own ADAM. Matching is by the whole certificate: SHA-256 over
the DER bytes finds it, which is what the SHA-1 thumbprint does in Exchange (4.3).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from directory.model.dn import DN
from edgesync.certificates.certificate import MALFORMED, thumbprint
from edgesync.organization.names import ConfigurationNames
from edgesync.organization.servers import ServerObject, ServerRole, list_servers
from edgesync.port.port import DirectoryPort

VALUE_MAX = 64 * 1024
"""Longest attribute value taken for a certificate: a 4096-bit one with 100 names is below 8 KB."""

TRANSPORT_ROLES = ServerRole.HUB | ServerRole.MAILBOX
"""Roles that send mail inside: Hub until 2010, Mailbox from 2013 on."""


class Side(StrEnum):
    """Where the verifier stands, which decides whom direct trust is for."""

    HUB = "hub"
    EDGE = "edge"

    @property
    def counterpart(self) -> ServerRole:
        """Roles of the peers this side knows by direct trust."""
        return ServerRole.EDGE if self is Side.HUB else TRANSPORT_ROLES


@dataclass(frozen=True, slots=True)
class Anchor:
    """One server with the certificate the directory has for it; ``der`` None: nothing there."""

    server: DN
    name: str
    fqdn: str
    role: ServerRole
    der: bytes | None = field(repr=False)

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the certificate as Exchange shows it; empty when there is none."""
        return thumbprint(self.der) if self.der is not None else ""


@dataclass(frozen=True, slots=True)
class TrustAnchors:
    """What one server's directory says about certificates, at one moment."""

    side: Side
    anchors: tuple[Anchor, ...]
    _by_digest: dict[bytes, tuple[Anchor, ...]] = field(repr=False)

    @classmethod
    def of(cls, side: Side, servers: Iterable[ServerObject]) -> TrustAnchors:
        """Anchors from server objects, whichever directory they came from."""
        anchors = tuple(
            Anchor(s.dn, s.name, s.fqdn, s.roles, certificate_of(s.internal_certificate))
            for s in servers
        )
        by_digest: dict[bytes, tuple[Anchor, ...]] = {}
        for anchor in anchors:
            if anchor.der is not None:
                digest = sha256(anchor.der).digest()
                by_digest[digest] = (*by_digest.get(digest, ()), anchor)
        return cls(side, anchors, by_digest)

    @classmethod
    def read(cls, side: Side, directory: DirectoryPort, names: ConfigurationNames) -> TrustAnchors:
        """Anchors as the directory has them now.

        Raises:
            PortUnavailable: the directory cannot be reached.
            LdapError: it refuses to be read.
        """
        return cls.of(side, list_servers(directory, names))

    def find(self, der: bytes) -> tuple[Anchor, ...]:
        """Every server this very certificate is published for."""
        return self._by_digest.get(sha256(der).digest(), ())

    def named(self, name: str) -> Anchor | None:
        """One server's anchor, by NetBIOS name or FQDN."""
        wanted = name.casefold()
        for anchor in self.anchors:
            if wanted in (anchor.name.casefold(), anchor.fqdn.casefold()):
                return anchor
        return None

    @property
    def trusted(self) -> tuple[Anchor, ...]:
        """Servers this side would recognise: counterparts with a certificate."""
        return tuple(a for a in self.anchors if a.der and a.role & self.side.counterpart)


def certificate_of(value: bytes | None) -> bytes | None:
    """The certificate in an attribute value: DER, or the first of a PKCS#7 collection.

    The collection form is read because public scripts read it (certificate-facts 1.1); what is
    neither counts as nothing published.
    """
    if not value or len(value) > VALUE_MAX:
        return None
    try:
        x509.load_der_x509_certificate(value)
    except MALFORMED:
        return _first_of_collection(value)
    return value


def _first_of_collection(value: bytes) -> bytes | None:
    try:
        found = pkcs7.load_der_pkcs7_certificates(value)
    except MALFORMED:
        return None
    return found[0].public_bytes(Encoding.DER) if found else None
