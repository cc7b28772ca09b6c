"""A Client Access server as its listeners see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from directory.entropy import Entropy
from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.services import Services
from edgesync.client_access.integrated import StartLogOn
from edgesync.organization.names import ForestNames
from edgesync.organization.virtual_directories import VirtualDirectory, list_directories
from edgesync.port.port import DirectoryPort
from edgesync.trust.identity import identity_of
from edgesync.trust.tls import TlsIdentity

LogOn = Callable[[str, str], bool]
"""User name (``DOMAIN\\user``, UPN or bare) and password: whether AD takes them."""

Mailbox = Callable[[str], tuple[bytes, ...]]
"""A mailbox to its messages, oldest first."""


@dataclass
class ClientAccessHost:
    """One Client Access server: certificates, AD, and what stands behind its protocols.

    Virtual directories, settings and certificates are read for each connection or request, so a
    change counts at once.
    """

    server: CertificateHost
    names: ForestNames
    log_on: LogOn
    mailbox: Mailbox
    start_log_on: StartLogOn | None
    """Begins an NTLM log-on at AD; None when AD takes none."""
    secrets: Entropy
    """For what nobody outside may guess, as session cookies: never the lab's own seeded stream,
    which everybody who knows the seed can repeat."""

    @property
    def name(self) -> str:
        """NetBIOS name."""
        return self.server.name

    @property
    def fqdn(self) -> str:
        """Host name."""
        return self.server.fqdn

    @property
    def directory(self) -> DirectoryPort:
        """AD."""
        return self.server.directory

    def now(self) -> datetime:
        """The server's clock."""
        return self.server.now()

    def directories(self) -> tuple[VirtualDirectory, ...]:
        """The web site and its virtual directories."""
        return list_directories(self.directory, self.names, self.name)

    def web_certificate(self) -> TransportCertificate | None:
        """The one certificate the web site is bound to (certificate-facts 2.3)."""
        bound = [c for c in self.server.store.certificates if Services.IIS in c.services]
        # in an imported lab the real one has no key here, and a stand-in is bound beside it
        return next((c for c in bound if c.has_private_key), next(iter(bound), None))

    def identity(self, certificate: TransportCertificate | None) -> TlsIdentity | None:
        """A certificate as TLS presents it."""
        return identity_of(certificate, self.server.store.state)
