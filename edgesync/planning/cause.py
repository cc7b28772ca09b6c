"""Which change broke it, and what the servers concerned would log about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from edgesync.events import (
    CANNOT_LOAD_INTERNAL_CERT,
    CATALOGUE,
    INTERNAL_CERT_EXPIRED,
    INTERNAL_CERT_MISSING_IN_AD,
    Event,
    EventKind,
)
from edgesync.planning.changelog import Provenance
from edgesync.planning.classify import Finding
from edgesync.planning.explain import dates_of, looked_up
from edgesync.planning.matrix import MEANING
from edgesync.planning.observation import Approach, Observation
from edgesync.planning.truths import FourTruths, Truth
from edgesync.trust.verdict import Reason


def cause_of(
    seen: Observation,
    finding: Finding,
    truths: FourTruths,
    own: FourTruths,
    connector: tuple[str, Provenance] | None = None,
) -> str:
    """The change that broke it, in a sentence; empty when nothing is broken.

    Of all copies, the one written last is what made them differ. ``own`` are the verifier's
    truths, ``connector`` the latest change of a Receive connector on the way.
    """
    if finding.reason is Reason.TRUSTED:
        return ""
    if finding.reason is Reason.TRUSTED_EXPIRED:
        return f"time: {dates_of(truths.published)}"
    if finding.reason in _ON_THE_WAY:
        return _on_the_way(seen, finding, connector)
    if finding.reason is Reason.CREDENTIAL_EXPIRED:
        return "time: " + next((a.detail for a in seen.approaches if a.detail), "")
    suspects = _suspects(finding.reason, truths, looked_up(seen, truths))
    if finding.reason is Reason.CREDENTIAL_UNREADABLE:
        suspects = (own.named, truths.published)
    written = [t for t in suspects if t.changed is not None]
    if not written:
        return MEANING[finding.reason]
    latest = max(written, key=lambda t: _order(t.changed))
    held = latest.thumbprint or "nothing"
    return f"{latest.where} was set to {held} by: {latest.changed}"


_ON_THE_WAY = frozenset(
    {
        Reason.CONNECTOR_REFUSES,
        Reason.TLS_NOT_OFFERED,
        Reason.TLS_FAILED,
        Reason.UNREACHABLE,
    }
)


def _on_the_way(
    seen: Observation, finding: Finding, connector: tuple[str, Provenance] | None
) -> str:
    """Reasons that are no certificate's fault: a connector somebody changed, else what was seen."""
    if connector is not None:
        return f"Receive connector {connector[0]} was changed by: {connector[1]}"
    details = (a.detail for a in seen.approaches if a.detail)
    return next(details, MEANING[finding.reason])


def _suspects(reason: Reason, truths: FourTruths, looked_up: Truth) -> Sequence[Truth]:
    if reason in {Reason.STALE_REPLICA, Reason.NOT_PUBLISHED}:
        return (truths.published,)
    if reason in {Reason.MISMATCH, Reason.STALE_PRESENTER, Reason.SHARED_CERTIFICATE}:
        return (truths.named, truths.published, looked_up)
    if reason in {Reason.NO_CERTIFICATE, Reason.KEY_UNAVAILABLE, Reason.NOT_YET_VALID,
                  Reason.WEAK_CERTIFICATE}:  # fmt: skip
        return (truths.named,)
    return ()


def _order(changed: Provenance | None) -> Any:
    assert changed is not None
    return changed.at, changed.usn


_ALSO_LOGGED: dict[Reason, tuple[EventKind, ...]] = {
    Reason.NOT_PUBLISHED: (INTERNAL_CERT_MISSING_IN_AD,),
    Reason.NO_CERTIFICATE: (CANNOT_LOAD_INTERNAL_CERT,),
    Reason.KEY_UNAVAILABLE: (CANNOT_LOAD_INTERNAL_CERT,),
    Reason.TRUSTED_EXPIRED: (INTERNAL_CERT_EXPIRED,),
}
"""What the peer's own transport service logs when it starts, hours before anybody asks
(certificate-facts 2.5, 3.4)."""


def events_of(seen: Observation, finding: Finding) -> tuple[EventKind, ...]:
    """What the servers concerned would log, each kind once, in the order it came."""
    kinds = {kind.name: kind for kind in _ALSO_LOGGED.get(finding.reason, ())}
    for approach in seen.approaches:
        for kind in _logged(approach):
            kinds.setdefault(kind.name, kind)
    return tuple(kinds.values())


def _logged(approach: Approach) -> Iterable[EventKind]:
    for event in approach.events:
        if _is_exchange(event):
            yield event.kind
    if approach.trust is not None:
        yield from approach.trust.events


def _is_exchange(event: Event) -> bool:
    """Whether a real server has this event; a lab's own records are not shown as such."""
    return event.kind.id != 0 and event.kind.name in CATALOGUE
