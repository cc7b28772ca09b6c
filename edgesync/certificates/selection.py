"""The outcome of choosing a certificate: which one, and for every other one why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.status import Judgement
from edgesync.config import Policy, Version
from edgesync.events import Event, EventKind


class Purpose(StrEnum):
    """What a certificate is chosen for."""

    STARTTLS = "starttls"
    ANONYMOUS_TLS = "anonymous-tls"
    POP = "pop"
    IMAP = "imap"
    UM = "um"


class Reason(StrEnum):
    """Why a certificate was not chosen."""

    NAME_MISMATCH = "name_mismatch"
    NOT_ENABLED = "not_enabled"
    PENDING_REQUEST = "pending_request"
    NO_PRIVATE_KEY = "no_private_key"
    KEY_NOT_READABLE = "key_not_readable"
    NOT_FOR_SERVERS = "not_for_servers"
    NOT_RSA = "not_rsa"
    WEAK_KEY = "weak_key"
    INVALID_CHAIN = "invalid_chain"
    UNTRUSTED_ROOT = "untrusted_root"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "revocation_unknown"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    OLDER = "older"
    CA_ISSUED_PREFERRED = "ca_issued_preferred"
    EXACT_NAME_PREFERRED = "exact_name_preferred"
    NOT_THE_PUBLISHED_ONE = "not_the_published_one"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A certificate that was not chosen."""

    certificate: TransportCertificate
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """What a service would use, and what it would log."""

    purpose: Purpose
    name: str
    """The host name looked for; for anonymous TLS the thumbprint the directory gives."""
    chosen: TransportCertificate | None
    rejected: tuple[Rejection, ...] = ()
    events: tuple[Event, ...] = ()
    is_offered: bool = False
    """Whether the TLS verb is advertised, or the client certificate shown."""
    needs_ephemeral: bool = False
    """Anonymous TLS goes on with a temporary certificate that is in no directory."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class SelectionContext:
    """The server that chooses."""

    server: str
    fqdn: str
    now: datetime
    version: Version
    policy: Policy
    judge: Callable[[TransportCertificate], Judgement]

    def event(self, kind: EventKind, **data: str | int) -> Event:
        """An event as this server would log it."""
        return Event(kind, self.now, self.server, data)

    def hours_left(self, certificate: TransportCertificate) -> int:
        """Whole hours until NotAfter."""
        return int((certificate.not_after - self.now).total_seconds() // 3600)

    def expires_soon(self, certificate: TransportCertificate) -> bool:
        """Whether 12017 or 12018 is due."""
        left = certificate.not_after - self.now
        return not certificate.is_expired(self.now) and left <= self.policy.expires_soon
