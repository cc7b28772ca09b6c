"""Direct trust: a peer is who the directory says its certificate belongs to.

Presence in the trusted directory *is* the validation: no chain, no name check, no revocation
(certificate-facts 4.1). Expiry is a warning (4.6). What a real server would log comes with the
answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from edgesync import events
from edgesync.certificates.certificate import thumbprint
from edgesync.config import Policy
from edgesync.events import EventKind
from edgesync.organization.servers import ServerRole
from edgesync.trust.anchors import Anchor, Side, TrustAnchors
from edgesync.trust.reading import parsed, subject_of
from edgesync.trust.verdict import Reason, Verdict

RSA_BITS_MIN = 1024
"""Shortest RSA key Exchange uses (certificate-facts 3.1)."""

READ_MAX = 512
"""Certificates remembered as they were read: peers that come often."""

READ_OCTETS_MAX = 8192
"""Longest certificate remembered; strangers may send longer ones, and many."""


class Direction(StrEnum):
    """Who opened the connection, seen from the verifier."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class TrustWarning(StrEnum):
    """Things that are wrong and do not stop the mail."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    OTHER_SERVER = "other_server"
    """The certificate is trusted, but belongs to another server than the one addressed."""


@dataclass(frozen=True, slots=True)
class WellKnownIdentity:
    """Whom a session acts as: a well-known SID, not an account (certificate-facts 4.4)."""

    name: str
    sid: str


_SID = "S-1-9-1419165041-1139599005-3936102811-1022490595-"
HUB_TRANSPORT_SERVERS = WellKnownIdentity("MS Exchange\\Hub Transport Servers", _SID + "21")
EDGE_TRANSPORT_SERVERS = WellKnownIdentity("MS Exchange\\Edge Transport Servers", _SID + "22")
EXTERNALLY_SECURED_SERVERS = WellKnownIdentity(
    "MS Exchange\\Externally Secured Servers", _SID + "23"
)
LEGACY_EXCHANGE_SERVERS = WellKnownIdentity("MS Exchange\\Legacy Exchange Servers", _SID + "24")
PARTNER_SERVERS = WellKnownIdentity("MS Exchange\\Partner Servers", _SID + "10")
ANONYMOUS_LOGON = WellKnownIdentity("NT AUTHORITY\\ANONYMOUS LOGON", "S-1-5-7")


@dataclass(frozen=True, slots=True)
class TrustResult:
    """The answer. Truthy when the peer is trusted."""

    verdict: Verdict
    reason: Reason
    server: Anchor | None = None
    """The server the presented certificate belongs to."""
    identity: WellKnownIdentity = ANONYMOUS_LOGON
    thumbprint: str = ""
    subject: str = ""
    warnings: tuple[TrustWarning, ...] = ()
    events: tuple[EventKind, ...] = ()
    """What a real server would log for this."""

    def __bool__(self) -> bool:
        return self.verdict is Verdict.TRUSTED

    @property
    def role(self) -> ServerRole | None:
        """The trusted peer's role."""
        return self.server.role if self.server else None

    @property
    def drop(self) -> bool:
        """Whether the connection ends here instead of going on without the peer's name."""
        return self.verdict is Verdict.UNTRUSTED


def check(
    peer: bytes | None,
    anchors: TrustAnchors,
    *,
    now: datetime,
    policy: Policy,
    direction: Direction = Direction.INBOUND,
    expected: str = "",
) -> TrustResult:
    """Whom the directory knows behind a presented certificate (DER; None when none came).

    ``expected`` names the server that was addressed, where the verifier knows: it sharpens the
    reason (``not_published``, ``mismatch``) and never turns a trusted certificate away, since
    direct trust has no name check. Inbound failures leave an anonymous session under policy
    ``exchange`` and drop it under ``strict`` (certificate-facts 4.5); outbound ones keep the
    message back.
    """
    refusal = Verdict.ANONYMOUS
    if direction is Direction.OUTBOUND or policy.trust == "strict":
        refusal = Verdict.UNTRUSTED
    logged = (
        events.SEND_DIRECT_TRUST_FAILED
        if direction is Direction.OUTBOUND
        else events.RECEIVE_DIRECT_TRUST_FAILED
    )
    if peer is None:
        return TrustResult(refusal, Reason.NO_CERTIFICATE, events=(logged,))
    certificate, print_, subject = _read(peer)

    def refused(reason: Reason, server: Anchor | None = None) -> TrustResult:
        return TrustResult(
            refusal, reason, server, thumbprint=print_, subject=subject, events=(logged,)
        )

    found = anchors.find(peer)
    known = [a for a in found if a.role & anchors.side.counterpart]
    if certificate is None or not known:
        addressed = anchors.named(expected) if expected else None
        unpublished = addressed is not None and addressed.der is None
        return refused(Reason.NOT_PUBLISHED if unpublished else Reason.MISMATCH)
    if len({_kind(a) for a in found}) > 1 and policy.shared_certificate == "refuse":
        return refused(Reason.SHARED_CERTIFICATE, known[0])
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS_MIN:
        return refused(Reason.WEAK_CERTIFICATE, known[0])
    early = now < certificate.not_valid_before_utc
    if early and policy.not_yet_valid == "refuse":
        return refused(Reason.NOT_YET_VALID, known[0])
    return _accepted(_addressed(known, expected), certificate, now, print_, subject, expected)


def _presented(der: bytes) -> tuple[x509.Certificate | None, str, str]:
    """A certificate with its thumbprint and subject."""
    certificate = parsed(der)
    return certificate, thumbprint(der), subject_of(certificate)


_remembered = lru_cache(maxsize=READ_MAX)(_presented)


def _read(der: bytes) -> tuple[x509.Certificate | None, str, str]:
    """The same, remembered: servers come again and again, and reading one costs 50 look-ups."""
    return _remembered(der) if len(der) <= READ_OCTETS_MAX else _presented(der)


def _accepted(
    anchor: Anchor,
    certificate: x509.Certificate,
    now: datetime,
    print_: str,
    subject: str,
    expected: str,
) -> TrustResult:
    warnings, logged, reason = [], [], Reason.TRUSTED
    if now > certificate.not_valid_after_utc:
        warnings.append(TrustWarning.EXPIRED)
        logged.append(events.REMOTE_INTERNAL_CERT_EXPIRED)
        reason = Reason.TRUSTED_EXPIRED
    elif now < certificate.not_valid_before_utc:
        warnings.append(TrustWarning.NOT_YET_VALID)
    if expected and expected.casefold() not in (anchor.name.casefold(), anchor.fqdn.casefold()):
        warnings.append(TrustWarning.OTHER_SERVER)
    identity = EDGE_TRANSPORT_SERVERS if anchor.role & ServerRole.EDGE else HUB_TRANSPORT_SERVERS
    return TrustResult(
        Verdict.TRUSTED, reason, anchor, identity, print_, subject, tuple(warnings), tuple(logged)
    )


def _addressed(known: list[Anchor], expected: str) -> Anchor:
    """Of several servers with one certificate, the one that was addressed, else the first."""
    wanted = expected.casefold()
    return next((a for a in known if wanted in (a.name.casefold(), a.fqdn.casefold())), known[0])


def _kind(anchor: Anchor) -> Side:
    return Side.EDGE if anchor.role & ServerRole.EDGE else Side.HUB
