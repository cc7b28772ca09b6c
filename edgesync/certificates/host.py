"""A server as its certificates see it: who it is, its store, the directory it publishes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from directory.clock import Clock
from directory.entropy import Entropy
from directory.model.dn import DN
from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.crl import CrlSource, no_crls
from edgesync.certificates.keys import DEFAULT_KEY_SIZE, KeySource
from edgesync.certificates.store import MachineStore
from edgesync.config import Policy, Version, VersionProfile
from edgesync.events import Emit, Event, EventKind
from edgesync.organization.servers import INTERNAL_CERTIFICATE, ServerRole
from edgesync.port.port import DirectoryPort, read

KEY_TRIES_MAX = 64
"""Keys taken from the source before a repeated one is accepted: the size of the bundled pool."""


def _no_domains() -> tuple[str, ...]:
    return ()


def _no_connectors() -> tuple[tuple[str, str], ...]:
    return ()


def _tcp() -> str:
    return "TCP"


@dataclass
class CertificateHost:
    """One server with everything the certificate cmdlets need.

    ``directory`` is AD for Hub, Client Access and Unified Messaging servers and the server's own
    ADAM for an Edge; ``server_dn`` names the server's object there.
    """

    name: str
    fqdn: str
    roles: ServerRole
    profile: VersionProfile
    policy: Policy
    store: MachineStore
    directory: DirectoryPort
    server_dn: DN
    clock: Clock
    entropy: Entropy
    keys: KeySource
    emit: Emit
    accepted_domains: Callable[[], tuple[str, ...]] = _no_domains
    connector_certificates: Callable[[], tuple[tuple[str, str], ...]] = _no_connectors
    """Name and TlsCertificateName of every Send connector that has one (2013 and later)."""
    crls: CrlSource = no_crls
    um_startup_mode: Callable[[], str] = _tcp
    """TCP, TLS or Dual; asked from 2010 on (certificate-facts 2.3)."""

    @property
    def version(self) -> Version:
        """The version of Exchange this server plays."""
        return self.profile.version

    @property
    def has_transport(self) -> bool:
        """Whether the server has an internal transport certificate at all."""
        transport = ServerRole.HUB | ServerRole.EDGE
        if self.version.at_least(Version.EXCHANGE_2013):
            transport |= ServerRole.MAILBOX
        return bool(self.roles & transport)

    def now(self) -> datetime:
        """The server's own idea of the time."""
        return self.clock.now()

    def report(self, kind: EventKind, **data: str | int) -> None:
        """Log an event of this server."""
        self.emit(Event(kind, self.now(), self.name, data))

    def published(self) -> bytes | None:
        """DER of the internal transport certificate as the directory has it, or None."""
        entry = read(self.directory, self.server_dn, (INTERNAL_CERTIFICATE,))
        return entry.first(INTERNAL_CERTIFICATE) if entry else None

    def next_key(self, size: int = DEFAULT_KEY_SIZE) -> rsa.RSAPrivateKey:
        """A private key that no certificate in this store has yet."""
        used = [c.certificate.public_key() for c in self.store.certificates]
        key = self.keys.next_key(self.name, size)
        for _ in range(KEY_TRIES_MAX):
            if key.public_key() not in used:
                break
            key = self.keys.next_key(self.name, size)
        return key

    def covers(self, certificate: TransportCertificate) -> bool:
        """Whether a certificate names this server, by FQDN or NetBIOS name."""
        return certificate.names(self.fqdn) or certificate.names(self.name)
