"""Which certificates a service may use at all, and which of them comes first."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import rsa

from edgesync.certificates.certificate import TransportCertificate, allows_server
from edgesync.certificates.names import names_match
from edgesync.certificates.selection import Reason, Rejection, SelectionContext
from edgesync.certificates.services import Services
from edgesync.certificates.status import CertificateStatus, Judgement, Revocation

RSA_BITS_MIN = 1024
"""Shortest RSA key a service takes (certificate-facts 3.1)."""


def choose(
    certificates: Sequence[TransportCertificate],
    name: str | None,
    needed: Services,
    context: SelectionContext,
) -> tuple[TransportCertificate | None, tuple[Rejection, ...]]:
    """The certificate to use for a name and a service, and why not each of the others.

    Filter (certificate-facts 3.1, 3.2 steps 3 and 4), then order (steps 5 and 6). An expired
    certificate comes after those in their validity but can still win: the caller decides.
    """
    rejected: list[Rejection] = []
    eligible: list[TransportCertificate] = []
    for candidate in certificates:
        refusal = _refusal(candidate, name, needed, context)
        if refusal is None:
            eligible.append(candidate)
        else:
            rejected.append(refusal)

    def rank(candidate: TransportCertificate) -> tuple[bool, bool, bool, float, str]:
        exact = name is None or any(names_match(d, name) for d in _plain(candidate))
        return (
            not exact,
            candidate.is_expired(context.now),
            candidate.is_self_signed,
            -candidate.not_before.timestamp(),
            candidate.thumbprint,
        )

    ordered = sorted(eligible, key=rank)
    if not ordered:
        return None, tuple(rejected)
    winner = ordered[0]
    rejected.extend(
        Rejection(other, _why_behind(rank(winner), rank(other))) for other in ordered[1:]
    )
    return winner, tuple(rejected)


def _why_behind(
    winner: tuple[bool, bool, bool, float, str], other: tuple[bool, bool, bool, float, str]
) -> Reason:
    reasons = (Reason.EXACT_NAME_PREFERRED, Reason.EXPIRED, Reason.CA_ISSUED_PREFERRED)
    for index, reason in enumerate(reasons):
        if winner[index] != other[index]:
            return reason
    return Reason.OLDER


def _refusal(
    candidate: TransportCertificate,
    name: str | None,
    needed: Services,
    context: SelectionContext,
) -> Rejection | None:
    """The first reason why a certificate cannot serve, or None."""
    if candidate.is_pending:
        return Rejection(candidate, Reason.PENDING_REQUEST)
    if name is not None and not candidate.names(name):
        names = ", ".join(candidate.domains) or "nothing"
        return Rejection(candidate, Reason.NAME_MISMATCH, f"names {names}")
    if needed not in candidate.services:
        return Rejection(candidate, Reason.NOT_ENABLED, f"enabled for {candidate.services}")
    if not candidate.has_private_key:
        return Rejection(candidate, Reason.NO_PRIVATE_KEY)
    if needed & Services.SMTP and not candidate.network_service:
        return Rejection(candidate, Reason.KEY_NOT_READABLE, "NETWORK SERVICE may not read the key")
    if not allows_server(candidate.certificate):
        return Rejection(candidate, Reason.NOT_FOR_SERVERS)
    if not isinstance(candidate.certificate.public_key(), rsa.RSAPublicKey):
        return Rejection(candidate, Reason.NOT_RSA)
    if candidate.key_size < RSA_BITS_MIN:
        return Rejection(candidate, Reason.WEAK_KEY, f"{candidate.key_size} bits")
    if context.now < candidate.not_before:
        return Rejection(candidate, Reason.NOT_YET_VALID)
    return _chain_refusal(candidate, context.judge(candidate))


def _chain_refusal(candidate: TransportCertificate, judged: Judgement) -> Rejection | None:
    if judged.chain.broken or judged.status is CertificateStatus.INVALID:
        return Rejection(candidate, Reason.INVALID_CHAIN, judged.chain.broken)
    if not candidate.is_self_signed and judged.chain.root is None:
        return Rejection(candidate, Reason.UNTRUSTED_ROOT)
    if judged.revocation is Revocation.REVOKED:
        return Rejection(candidate, Reason.REVOKED)
    if judged.revocation is Revocation.UNREACHABLE:
        return Rejection(candidate, Reason.REVOCATION_UNKNOWN)
    return None


def _plain(candidate: TransportCertificate) -> list[str]:
    return [name for name in candidate.domains if not name.startswith("*.")]
