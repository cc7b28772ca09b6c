"""Who trusts whom, on every path: the answer to "what did that certificate job break"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edgesync.certificates.certificate import thumbprint
from edgesync.errors import ExitCode
from edgesync.planning.classify import NOT_APPLICABLE, Finding, classify
from edgesync.planning.observation import Observation, Path
from edgesync.planning.pairs import Pair
from edgesync.trust.verdict import Reason, Verdict

SCHEMA = "edgesync.trust-matrix/1"

Check = Callable[[str, str, Path], Observation]
"""Makes the real connections of one cell: verifier, peer, path."""

MEANING: dict[Reason, str] = {
    Reason.TRUSTED: "the presented certificate is the published one",
    Reason.TRUSTED_EXPIRED: "published and expired: accepted, 12015 and 12019 are logged",
    Reason.NO_CERTIFICATE: "the certificate the directory names is not in the peer's store",
    Reason.NOT_PUBLISHED: "the directory holds no certificate of the peer",
    Reason.MISMATCH: "the presented certificate is not the published one",
    Reason.STALE_REPLICA: "AD has it, this ADAM copy does not yet",
    Reason.STALE_PRESENTER: "published, but the peer still presents another one",
    Reason.SHARED_CERTIFICATE: "one certificate is published for a Hub and for an Edge",
    Reason.NOT_YET_VALID: "the certificate is published and not valid yet",
    Reason.WEAK_CERTIFICATE: "the key of the certificate is too short",
    Reason.KEY_UNAVAILABLE: "the peer cannot read the private key of its certificate",
    Reason.TLS_NOT_OFFERED: "the peer or something between does not offer X-ANONYMOUSTLS",
    Reason.TLS_FAILED: "the TLS handshake broke off",
    Reason.CREDENTIAL_EXPIRED: "no EdgeSync credential of the Hub is valid any more",
    Reason.CREDENTIAL_UNREADABLE: "the EdgeSync credential cannot be read or is not accepted",
    Reason.CONNECTOR_REFUSES: "the Receive connector does not take Exchange servers",
    Reason.UNREACHABLE: "the peer does not answer",
}
"""What each reason word means, for footnotes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One verifier, one peer, one path: asked, or known not to apply."""

    pair: Pair
    finding: Finding | None = None
    seen: Observation | None = None

    @property
    def verdict(self) -> Verdict:
        """The cell's verdict."""
        return self.finding.verdict if self.finding is not None else Verdict.NOT_APPLICABLE

    @property
    def reason(self) -> str:
        """The cell's reason word."""
        return self.finding.reason.value if self.finding is not None else NOT_APPLICABLE

    @property
    def is_bad(self) -> bool:
        """Whether direct trust should hold here and does not."""
        return self.finding is not None and not self.finding

    def presented(self) -> bytes | None:
        """The certificate the peer showed: of the connection that decided, else the first."""
        if self.seen is None:
            return None
        direction = self.finding.direction if self.finding is not None else None
        ordered = sorted(self.seen.approaches, key=lambda a: a.direction is not direction)
        return next((a.presented for a in ordered if a.presented is not None), None)

    def document(self) -> dict[str, Any]:
        """The cell as the contract has it (3.4)."""
        facts = self.seen.facts if self.seen else None
        replicated = None
        if facts is not None and self.seen is not None:
            replicated = facts.trusted if self.seen.verifier_is_edge else facts.named
        return {
            "verifier": self.pair.verifier,
            "peer": self.pair.peer,
            "path": self.pair.path.value,
            "verdict": self.verdict.value,
            "reason": self.reason,
            "presented": _print(self.presented()),
            "published": _print(facts.published if facts else None),
            "replicated": _print(replicated),
            "installed": [thumbprint(item.der) for item in facts.installed] if facts else [],
        }


@dataclass(frozen=True, slots=True)
class Matrix:
    """All cells at one moment."""

    at: datetime
    cells: tuple[Cell, ...]

    @property
    def bad(self) -> tuple[Cell, ...]:
        """The cells that should be trusted and are not."""
        return tuple(cell for cell in self.cells if cell.is_bad)

    @property
    def applicable(self) -> tuple[Cell, ...]:
        """The cells where direct trust has to hold."""
        return tuple(cell for cell in self.cells if cell.finding is not None)

    @property
    def exit_code(self) -> ExitCode:
        """3 when any applicable cell is not trusted (contract 3.4)."""
        return ExitCode.NO if self.bad else ExitCode.OK

    def document(self) -> dict[str, Any]:
        """The matrix as the contract has it, with the reasons explained below."""
        return {
            "schema": SCHEMA,
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "cells": [cell.document() for cell in self.cells],
            "footnotes": footnotes(self.cells),
        }

    def signature(self) -> tuple[tuple[str, str, str, str], ...]:
        """What two matrices must have in common to be called the same."""
        return tuple(
            (c.pair.verifier, c.pair.peer, c.pair.path.value, c.reason) for c in self.cells
        )


def build_matrix(pairs: Iterable[Pair], check: Check, *, now: datetime) -> Matrix:
    """Ask every pair that applies; the others are cells all the same."""
    return Matrix(now, tuple(_cell(pair, check) for pair in pairs))


def _cell(pair: Pair, check: Check) -> Cell:
    if not pair.applies:
        return Cell(pair)
    seen = check(pair.verifier, pair.peer, pair.path)
    return Cell(pair, classify(seen), seen)


def footnotes(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Equal causes of cells that are not plainly trusted, numbered in reading order.

    A cause is a reason with the server it comes from: what one fix mends.
    """
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        if cell.finding is not None and cell.finding.reason is not Reason.TRUSTED:
            groups.setdefault((cell.reason, _blamed(cell)), []).append(cell)
    return [
        {
            "number": number,
            "reason": reason,
            "server": server,
            "text": MEANING[Reason(reason)],
            "cells": len(members),
            "explain": _explain(members[0].pair),
        }
        for number, ((reason, server), members) in enumerate(groups.items(), 1)
    ]


def _blamed(cell: Cell) -> str:
    """The server a cause is looked for at: the peer, but for credentials the Hub that has them."""
    return cell.pair.verifier if cell.reason.startswith("credential") else cell.pair.peer


def _explain(pair: Pair) -> str:
    path = " --path ldaps" if pair.path is Path.LDAPS else ""
    return f"edgesync trust explain {pair.verifier} {pair.peer}{path}"


def _print(der: bytes | None) -> str | None:
    return thumbprint(der) if der else None


def in_short(cells: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is not trusted among cells as JSON, equal causes in one line: for people."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for cell in cells:
        if cell["verdict"] not in {"trusted", NOT_APPLICABLE}:
            key = (cell["peer"], cell["path"], cell["reason"])
            groups.setdefault(key, []).append(cell["verifier"])
    return [
        f"{', '.join(verifiers)} to {peer} {path}: {reason}"
        for (peer, path, reason), verifiers in groups.items()
    ]
