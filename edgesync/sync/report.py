"""What a run did, as values and as the contract's JSON (``edgesync.sync-run/1``)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from edgesync.errors import EdgeSyncError, ExitCode
from edgesync.sync.lease import Lease
from edgesync.sync.plan import Change, PlannedChange

SCHEMA = "edgesync.sync-run/1"

ERRORS_KEPT_MAX = 1000
"""Errors listed by one report (Test-EdgeSynchronization's MaxReportSize); all are counted."""


class Mode(StrEnum):
    """How much was compared."""

    FULL = "full"
    INCREMENTAL = "incremental"


class Result(StrEnum):
    """How a job ended."""

    SUCCESS = "success"
    SKIPPED = "skipped"
    FAILED = "failed"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class EntryError:
    """One entry the target refused."""

    dn: str
    code: str
    message: str


@dataclass(slots=True)
class Tally:
    """Counts of one job while it runs."""

    scanned: int = 0
    added: int = 0
    updated: int = 0
    moved: int = 0
    deleted: int = 0
    failed: int = 0
    errors: list[EntryError] = field(default_factory=list)

    def done(self, change: Change) -> None:
        """Count a change that was made."""
        match change:
            case Change.ADD:
                self.added += 1
            case Change.MODIFY:
                self.updated += 1
            case Change.MOVE:
                self.moved += 1
            case Change.DELETE:
                self.deleted += 1

    def refuse(self, error: EntryError) -> None:
        """Count and keep an error."""
        self.failed += 1
        if len(self.errors) < ERRORS_KEPT_MAX:
            self.errors.append(error)

    @property
    def written(self) -> int:
        """Changes made."""
        return self.added + self.updated + self.moved + self.deleted


@dataclass(frozen=True, slots=True)
class JobReport:
    """One job of one Edge, run by one Hub."""

    edge: str
    hub: str
    job: str
    mode: Mode
    result: Result
    started_at: datetime
    duration_s: float
    reason: str = ""
    tally: Tally = field(default_factory=Tally)
    cookie_before: str | None = None
    cookie_after: str | None = None
    lease: Lease | None = None
    changes: tuple[PlannedChange, ...] = ()
    failure: EdgeSyncError | None = None

    def document(self, *, with_changes: bool = False) -> dict[str, Any]:
        """This run as one element of ``runs``."""
        tally = self.tally
        out: dict[str, Any] = {
            "edge": self.edge,
            "hub": self.hub,
            "job": self.job,
            "mode": self.mode.value,
            "result": self.result.value,
            "reason": self.reason,
            "scanned": tally.scanned,
            "added": tally.added,
            "updated": tally.updated,
            "moved": tally.moved,
            "deleted": tally.deleted,
            "errors": [{"dn": e.dn, "code": e.code, "message": e.message} for e in tally.errors],
            "cookie": {"before": self.cookie_before, "after": self.cookie_after},
            "lease": lease_document(self.lease),
            "started_at": instant(self.started_at),
            "duration_s": round(self.duration_s, 6),
        }
        if with_changes:
            out["changes"] = [
                {
                    "change": c.change.value,
                    "dn": str(c.dn),
                    "attributes": list(c.attributes),
                    "kind": c.kind,
                    "reason": c.reason,
                }
                for c in self.changes
            ]
        return out


@dataclass(frozen=True, slots=True)
class SyncRun:
    """Everything one call of EdgeSync did."""

    runs: tuple[JobReport, ...]
    what_if: bool = False

    def document(self) -> dict[str, Any]:
        """The contract's JSON."""
        return {
            "schema": SCHEMA,
            "runs": [run.document(with_changes=self.what_if) for run in self.runs],
        }

    @property
    def exit_code(self) -> ExitCode:
        """How the command ends: the gravest of its jobs."""
        return worst(code_of(run) for run in self.runs)


_GRAVITY = (
    ExitCode.FAILED, ExitCode.UNREACHABLE, ExitCode.REFUSED, ExitCode.NOT_FOUND, ExitCode.PARTLY,
    ExitCode.NO, ExitCode.OK,
)  # fmt: skip


def code_of(run: JobReport) -> ExitCode:
    """How a command that ran only this job would end."""
    if run.result is Result.PARTIAL:
        return ExitCode.PARTLY
    if run.result is Result.SUCCESS:
        return ExitCode.OK
    if run.failure is not None:
        return run.failure.exit_code
    return ExitCode.REFUSED if run.result is Result.SKIPPED else ExitCode.FAILED


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The gravest of some exit codes; OK when there is none."""
    present = set(codes)
    return next((code for code in _GRAVITY if code in present), ExitCode.OK)


def lease_document(lease: Lease | None) -> dict[str, Any] | None:
    """A lease in JSON."""
    if lease is None:
        return None
    return {
        "holder": lease.holder,
        "kind": lease.kind.value,
        "expires_at": instant(lease.expires_at),
    }


def instant(at: datetime) -> str:
    """An instant as the contract writes it."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
