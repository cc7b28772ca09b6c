"""What was seen when one server was asked to trust another: values, before anybody judges them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edgesync.events import Event
from edgesync.trust.direct import Direction, TrustResult


class Path(StrEnum):
    """Which way two servers meet (certificate-facts 0)."""

    SMTP = "smtp"
    """Port 25, X-ANONYMOUSTLS, direct trust both ways."""
    LDAPS = "ldaps"
    """EdgeSync: a Hub opens the Edge's ADAM and binds with its credential."""


class Obstacle(StrEnum):
    """What ended a connection before the certificate could be judged, or after it was accepted."""

    NONE = ""
    UNREACHABLE = "unreachable"
    NOT_OFFERED = "not_offered"
    """The peer does not offer the TLS verb."""
    TLS_FAILED = "tls_failed"
    NO_RIGHTS = "no_rights"
    """The certificate is known, and the connector gives its owner no right to send."""
    CREDENTIAL_MISSING = "credential_missing"
    CREDENTIAL_EXPIRED = "credential_expired"
    CREDENTIAL_UNREADABLE = "credential_unreadable"
    CREDENTIAL_REFUSED = "credential_refused"
    """ADAM knows no such account, or the password is another."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that passed, as the protocol log marks it: ``<``, ``>``, ``*``."""

    mark: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark} {self.text}"


@dataclass(frozen=True, slots=True)
class Approach:
    """One real connection of a check, seen from the verifier."""

    direction: Direction
    """Who opened it: ``outbound`` is the verifier."""
    obstacle: Obstacle = Obstacle.NONE
    detail: str = ""
    presented: bytes | None = None
    """The peer's certificate as it came (DER)."""
    trust: TrustResult | None = None
    tls: str = ""
    """Version and cipher, when a handshake was done."""
    lines: tuple[Line, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Installed:
    """A certificate in the peer's own store. ``usable``: its key is there and may be read."""

    der: bytes
    usable: bool
    not_before: float = 0.0
    """Start of validity, seconds since 1970: tells the newer of two."""


@dataclass(frozen=True, slots=True)
class PeerFacts:
    """What the directories and the peer's machine say about its certificate (DER throughout)."""

    published: bytes | None
    """AD's copy on the peer's server object: what everybody should see in the end."""
    trusted: bytes | None
    """The copy in the directory the verifier reads: AD for a Hub, its own ADAM for an Edge."""
    named: bytes | None
    """What the peer's own directory tells it to present."""
    installed: tuple[Installed, ...] = ()
    offers: bool = True
    """Whether a Receive connector of the peer allows Exchange Server authentication."""

    def find(self, der: bytes | None) -> Installed | None:
        """The installed certificate with these bytes."""
        return next((item for item in self.installed if item.der == der), None)


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything a verdict about one cell of the matrix rests on."""

    verifier: str
    peer: str
    path: Path
    verifier_is_edge: bool
    approaches: tuple[Approach, ...]
    facts: PeerFacts
    verifier_offers: bool = True
    """Whether the verifier's own connector takes Exchange servers, when the peer connects."""
