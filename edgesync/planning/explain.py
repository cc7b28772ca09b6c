"""A verdict with its chain of reasons, what a real server would log, the cause, and the fix.

The steps follow the connection as it happened; each carries the evidence it rests on: reply
lines, the handshake, the DN and attribute, the USN and the command that wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgesync.certificates.certificate import thumbprint
from edgesync.events import (
    CANNOT_LOAD_INTERNAL_CERT,
    CATALOGUE,
    INTERNAL_CERT_EXPIRED,
    INTERNAL_CERT_MISSING_IN_AD,
    Event,
    EventKind,
)
from edgesync.planning.changelog import Provenance
from edgesync.planning.classify import Finding, reason_of
from edgesync.planning.matrix import MEANING
from edgesync.planning.observation import Approach, Observation, Obstacle, Path
from edgesync.planning.truths import FourTruths, Truth
from edgesync.trust.direct import Direction
from edgesync.trust.verdict import Reason, Verdict

SCHEMA = "edgesync.trust-explain/1"

EVIDENCE_LINES_MAX = 12
"""Protocol lines quoted per step: enough for a whole EHLO reply."""


@dataclass(frozen=True, slots=True)
class Step:
    """One link of the chain. ``ok`` None: a remark, neither right nor wrong."""

    step: int
    ok: bool | None
    detail: str
    evidence: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The step as JSON."""
        return {
            "step": self.step,
            "ok": self.ok,
            "detail": self.detail,
            "evidence": list(self.evidence),
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a verdict is what it is, and what to do."""

    verifier: str
    peer: str
    path: str
    verdict: str
    reason: str
    steps: tuple[Step, ...]
    events: tuple[EventKind, ...]
    pkix: str
    cause: str
    fix: tuple[str, ...] = ()
    alternatives: tuple[tuple[str, ...], ...] = ()
    """Other ways that were tried on a fork and work too."""
    truths: FourTruths | None = None

    def document(self) -> dict[str, Any]:
        """The explanation as the contract has it (3.4), with what it was asked about."""
        return {
            "schema": SCHEMA,
            "verifier": self.verifier,
            "peer": self.peer,
            "path": self.path,
            "verdict": self.verdict,
            "reason": self.reason,
            "steps": [step.document() for step in self.steps],
            "events": [{"source": e.source, "id": e.id, "name": e.name} for e in self.events],
            "pkix": self.pkix,
            "cause": self.cause,
            "fix": list(self.fix),
            "alternatives": [list(commands) for commands in self.alternatives],
            "truths": self.truths.document()["truths"] if self.truths else [],
        }


@dataclass
class Chain:
    """Collects steps and numbers them."""

    steps: list[Step] = field(default_factory=list)

    def add(self, ok: bool | None, detail: str, *evidence: str) -> None:
        """One more step."""
        kept = tuple(line for line in evidence if line)
        self.steps.append(Step(len(self.steps) + 1, ok, detail, kept))


def steps_of(
    seen: Observation, finding: Finding, truths: FourTruths, replica: Sequence[str] = ()
) -> tuple[Step, ...]:
    """The numbered chain of one cell; ``replica`` is the state of an Edge's copy, where it lags."""
    chain = Chain()
    for approach in seen.approaches:
        _connection(chain, seen, approach)
        if not _certificate(chain, seen, approach, truths):
            continue
        _after(chain, seen, approach)
    if finding.reason is Reason.STALE_REPLICA:
        chain.add(False, f"EdgeSync has not brought it to {seen.verifier} yet", *replica)
    chain.add(
        bool(finding),
        f"{seen.verifier} finds {seen.peer} {finding.verdict.value}: {MEANING[finding.reason]}",
    )
    return tuple(chain.steps)


def _connection(chain: Chain, seen: Observation, approach: Approach) -> None:
    opener, answerer = _ends(seen, approach)
    what = "LDAPS on ADAM" if seen.path is Path.LDAPS else "SMTP with X-ANONYMOUSTLS"
    lines = _telling(approach)
    if approach.obstacle is Obstacle.UNREACHABLE:
        chain.add(False, f"{opener} cannot reach {answerer} for {what}", approach.detail, *lines)
    elif approach.obstacle is Obstacle.NOT_OFFERED:
        chain.add(False, f"{answerer} does not offer X-ANONYMOUSTLS to {opener}",
                  approach.detail, *lines)  # fmt: skip
    elif approach.obstacle is Obstacle.TLS_FAILED:
        chain.add(False, f"the TLS handshake of {opener} with {answerer} broke off",
                  approach.detail, *lines)  # fmt: skip
    else:
        chain.add(True, f"{opener} opens {what} to {answerer}", approach.tls, *lines)


def _telling(approach: Approach) -> list[str]:
    """The protocol lines that matter: who answered, what was offered, what was said about it."""
    telling = [
        str(line)
        for line in approach.lines
        if line.mark == "*"
        or line.text.startswith(("220", "X-ANONYMOUSTLS", "MAIL", "RCPT", "4", "5"))
        or "X-ANONYMOUSTLS" in line.text
    ]
    return telling[:EVIDENCE_LINES_MAX]


def _ends(seen: Observation, approach: Approach) -> tuple[str, str]:
    if approach.direction is Direction.OUTBOUND:
        return seen.verifier, seen.peer
    return seen.peer, seen.verifier


def _certificate(chain: Chain, seen: Observation, approach: Approach, truths: FourTruths) -> bool:
    """What was presented and what the directory has; False when the chain ends here."""
    reason = reason_of(approach, seen)
    looked_up = _looked_up(seen, truths)
    if approach.obstacle in {Obstacle.UNREACHABLE, Obstacle.TLS_FAILED}:
        return False
    if approach.obstacle is Obstacle.NOT_OFFERED or approach.presented is None:
        _why_nothing(chain, seen, truths)
        return False
    side = "client" if approach.direction is Direction.INBOUND else "server"
    chain.add(
        None,
        f"{seen.peer} presents {thumbprint(approach.presented)} as {side} certificate",
        _dates(Truth(looked_up.kind, "", approach.presented)),
    )
    known = looked_up.der
    same = known == approach.presented
    where = f"{looked_up.dn}" if looked_up.dn else looked_up.where
    held = thumbprint(known) if known else "nothing"
    changed = f"last written {looked_up.changed}" if looked_up.changed else "never written"
    chain.add(same, f"{looked_up.where} holds {held} for {seen.peer}", where, changed)
    if approach.trust is not None and same:
        accepted = bool(approach.trust)
        chain.add(
            accepted,
            f"direct trust: {MEANING[approach.trust.reason]}",
            *(f"warning: {w.value.replace('_', ' ')}" for w in approach.trust.warnings),
        )
    elif reason is Reason.STALE_REPLICA:
        chain.add(False, f"AD already holds {thumbprint(approach.presented)}",
                  _written(truths.published))  # fmt: skip
    elif reason in {Reason.NO_CERTIFICATE, Reason.KEY_UNAVAILABLE}:
        _why_nothing(chain, seen, truths)
    return True


def _looked_up(seen: Observation, truths: FourTruths) -> Truth:
    """The copy the verifier compares with."""
    if not seen.verifier_is_edge:
        return truths.published
    wanted = f"ADAM of {seen.verifier}"
    return next((t for t in truths.replicated if t.where == wanted), truths.published)


def _why_nothing(chain: Chain, seen: Observation, truths: FourTruths) -> None:
    named = truths.named
    if not seen.facts.offers:
        chain.add(False, f"no Receive connector of {seen.peer} takes Exchange servers")
        return
    if named.der is None:
        chain.add(False, f"{named.where} names no certificate for {seen.peer} to present",
                  str(named.dn or ""), _written(named))  # fmt: skip
        return
    own = seen.facts.find(named.der)
    mark = thumbprint(named.der)
    if own is None:
        chain.add(False, f"{mark}, named by {named.where}, is not in the store of {seen.peer}",
                  *(t.thumbprint for t in truths.installed))  # fmt: skip
    elif not own.usable:
        chain.add(False, f"the private key of {mark} cannot be read on {seen.peer}")
    else:
        chain.add(None, f"{seen.peer} has {mark} ready, as {named.where} says", _written(named))


def _after(chain: Chain, seen: Observation, approach: Approach) -> None:
    if approach.obstacle is Obstacle.NO_RIGHTS:
        chain.add(False, f"the session of {seen.peer} gets no right to send", approach.detail)
    elif approach.obstacle in {
        Obstacle.CREDENTIAL_MISSING, Obstacle.CREDENTIAL_EXPIRED,
        Obstacle.CREDENTIAL_UNREADABLE, Obstacle.CREDENTIAL_REFUSED,
    }:  # fmt: skip
        chain.add(False, f"{seen.verifier} cannot log on to {seen.peer}", approach.detail)
    elif seen.path is Path.LDAPS and approach.obstacle is Obstacle.NONE and approach.trust:
        chain.add(True, f"{seen.verifier} is logged on to ADAM of {seen.peer}", approach.detail)


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
        return f"time: {_dates(truths.published)}"
    if finding.reason in _ON_THE_WAY:
        return _on_the_way(seen, finding, connector)
    if finding.reason is Reason.CREDENTIAL_EXPIRED:
        return "time: " + next((a.detail for a in seen.approaches if a.detail), "")
    suspects = _suspects(finding.reason, truths, _looked_up(seen, truths))
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


def not_applicable(verifier: str, peer: str, path: str, why: str) -> Explanation:
    """The explanation of a cell where direct trust is not used."""
    step = Step(1, None, why)
    word = Verdict.NOT_APPLICABLE.value
    return Explanation(verifier, peer, path, word, word, (step,), (), "", "")


def _dates(truth: Truth) -> str:
    valid = truth.validity
    if valid is None:
        return ""
    return f"valid {valid[0]:%Y-%m-%d} to {valid[1]:%Y-%m-%d}"


def _written(truth: Truth) -> str:
    return f"last written {truth.changed}" if truth.changed else ""
