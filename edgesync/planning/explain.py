"""A verdict with its chain of reasons, what a real server would log, the cause, and the fix.

The steps follow the connection as it happened; each carries the evidence it rests on: reply
lines, the handshake, the DN and attribute, the USN and the command that wrote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from edgesync.certificates.certificate import thumbprint
from edgesync.events import EventKind
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
    next: tuple[str, ...] = ()
    """Commands that look further, or do what a path is for."""

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
            "next": list(self.next),
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
    copy = looked_up(seen, truths)
    if approach.obstacle in {Obstacle.UNREACHABLE, Obstacle.TLS_FAILED}:
        return False
    if approach.obstacle is Obstacle.NOT_OFFERED and approach.direction is Direction.INBOUND:
        why = "does not take Exchange servers"
        if seen.verifier_offers:
            why = f"has nothing to present; see edgesync cert show {seen.verifier}"
        chain.add(False, f"the Receive connector of {seen.verifier} {why}")
        return False
    if approach.obstacle is Obstacle.NOT_OFFERED or approach.presented is None:
        _why_nothing(chain, seen, truths)
        return False
    side = "client" if approach.direction is Direction.INBOUND else "server"
    chain.add(
        None,
        f"{seen.peer} presents {thumbprint(approach.presented)} as {side} certificate",
        dates_of(Truth(copy.kind, "", approach.presented)),
    )
    known = copy.der
    same = known == approach.presented
    where = f"{copy.dn}" if copy.dn else copy.where
    held = thumbprint(known) if known else "nothing"
    changed = f"last written {copy.changed}" if copy.changed else "never written"
    chain.add(same, f"{copy.where} holds {held} for {seen.peer}", where, changed)
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


def looked_up(seen: Observation, truths: FourTruths) -> Truth:
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


def not_applicable(verifier: str, peer: str, path: str, why: str) -> Explanation:
    """The explanation of a cell where direct trust is not used."""
    step = Step(1, None, why)
    word = Verdict.NOT_APPLICABLE.value
    return Explanation(verifier, peer, path, word, word, (step,), (), "", "")


def dates_of(truth: Truth) -> str:
    """The validity of a copy in words; empty when there is none."""
    valid = truth.validity
    if valid is None:
        return ""
    return f"valid {valid[0]:%Y-%m-%d} to {valid[1]:%Y-%m-%d}"


def _written(truth: Truth) -> str:
    return f"last written {truth.changed}" if truth.changed else ""
