"""One Edge's jobs, from opening the session to giving the lock back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from directory.clock import Clock
from directory.errors import LdapError
from directory.model import modification as change
from directory.model.dn import DN
from directory.model.modification import Modification
from edgesync.errors import (
    EdgeSyncError,
    LeaseLost,
    PartlyDone,
    PortUnavailable,
    SourceRefused,
    TargetRefused,
)
from edgesync.events import (
    ENTRY_FAILED,
    LEASE_REFUSED,
    LEASE_TAKEN,
    SYNC_COMPLETED,
    SYNC_STARTED,
    Event,
    EventKind,
)
from edgesync.organization.names import EDGE_ORGANIZATION, EdgeNames
from edgesync.organization.servers import ServerObject, ServerRole, list_servers, read_server
from edgesync.port.port import DirectoryIdentity, DirectoryPort
from edgesync.sync.context import StopRequested, SyncContext
from edgesync.sync.cursor import Cursor, encode_cursor, readable_cursors
from edgesync.sync.engine import JobRun, Progress
from edgesync.sync.kinds import Job, resolve
from edgesync.sync.lease import Lease, LeaseHeld, LeaseManager, needs_renewal
from edgesync.sync.report import JobReport, Mode, Result
from edgesync.sync.status import ATTRIBUTE as STATUS_ATTRIBUTE
from edgesync.sync.status import format_status, readable_statuses, status_after

COOKIES = "msExchEdgeSyncCookies"


@dataclass
class EdgeRun:
    """One Edge's jobs, from opening the session to giving the lock back."""

    context: SyncContext
    clock: Clock
    started_at: datetime
    full: bool
    force_cookie: bool
    what_if: bool
    manual: bool
    delete_threshold: int | None
    progress: Progress
    target: DirectoryPort | None = None
    names: EdgeNames | None = None
    manager: LeaseManager | None = None
    lease: Lease | None = None
    reports: list[JobReport] = field(default_factory=list)

    @property
    def stopwatch(self) -> Callable[[], float]:
        """What durations are measured with."""
        return self.context.stopwatch or self.clock.monotonic

    # session and lease ---------------------------------------------------------------------

    def open(self) -> None:
        """Open the session; read the Edge's names off it when nobody gave them."""
        context = self.context
        self.target = context.open_target(context.edge)
        self.names = context.edge_names or edge_names_of(self.target.identity)
        server = self.names.server(context.edge)
        self.manager = LeaseManager(self.target, server, context.hub, context.timing)

    def acquire(self) -> LeaseHeld | None:
        """Take option and lock; the other Hub's lease when the rules say no."""
        assert self.manager is not None
        now = self.clock.now()
        lease = self.manager.acquire(now=now, forced=self.manual)
        if isinstance(lease, LeaseHeld):
            held = lease.lease
            self._emit(LEASE_REFUSED, holder=held.holder, until=held.expires_at.isoformat())
            return lease
        self.lease = lease
        self._emit(LEASE_TAKEN, lease=lease.kind.value, until=lease.expires_at.isoformat())
        return None

    def release(self) -> None:
        """Give the lock back and keep the option."""
        if self.manager is not None and self.lease is not None:
            try:
                self.lease = self.manager.release(self.lease, now=self.clock.now())
            except (LeaseLost, PortUnavailable, LdapError):
                self.lease = None  # taken over or gone: nothing is ours to give back

    def between(self) -> None:
        """Between batches: stop if asked, refresh the lock if it is due."""
        if self.context.should_stop():
            raise StopRequested
        assert self.manager is not None
        now = self.clock.now()
        if self.lease is not None and needs_renewal(self.lease, self.context.timing, now):
            self.lease = self.manager.commit(self.lease, (), now=now)

    # one job -------------------------------------------------------------------------------

    def run(self, job: Job) -> JobReport:
        """Run one job and write its outcome on the Edge's object."""
        assert self.target is not None
        assert self.names is not None
        started, since = self.clock.now(), self.stopwatch()
        stored = self._server()
        cursors = readable_cursors(stored.cookies)
        kinds = resolve(
            job, self.context.names, self.names, self.context.edge, self.context.site,
            self.context.policy,
        )  # fmt: skip
        run = JobRun(
            job.value, kinds, self.context.source, self.target, self.clock.now(),
            self.context.timing.cookie_valid_duration, self.what_if, self.delete_threshold,
            on_error=lambda error: self._emit(ENTRY_FAILED, dn=error.dn, reason=error.message),
            between=self.between if not self.what_if else lambda: None,
            save=lambda cursor: self._commit((_with_cookie(self._server(), cursor),)),
            progress=self.progress,
            stopwatch=self.stopwatch,
        )  # fmt: skip
        failure: EdgeSyncError | None = None
        self._emit(SYNC_STARTED, job=job.value, mode="full" if self.full else "incremental")
        try:
            if job is Job.TOPOLOGY:
                self._topology(run)
            else:
                run.execute(cursors, full=self.full)
        except (EdgeSyncError, LdapError) as error:
            failure = as_ours(error)
        before = next((c for (name, _), c in cursors.items() if name == job.value), None)
        return self._finish(run, job, started, since, before, failure)

    def _finish(
        self,
        run: JobRun,
        job: Job,
        started: datetime,
        since: float,
        before: Cursor | None,
        failure: EdgeSyncError | None,
    ) -> JobReport:
        keep = run.cursor is not None and failure is None
        keep = keep and (not run.tally.failed or self.force_cookie) and not self.what_if
        partial = run.tally.failed > 0 and failure is None
        if partial:
            failure = PartlyDone(
                f"{run.tally.failed} entries failed; the cookie was "
                + ("advanced all the same" if keep else "kept"),
                "edgesync sync history --errors lists them; the next run tries them again",
            )
        after = run.cursor if keep else run.saved or before
        result = Result.PARTIAL if partial else Result.FAILED if failure else Result.SUCCESS
        report = JobReport(
            self.context.edge, self.context.hub, job.value, run.mode, result, started,
            max(0.0, self.stopwatch() - since),
            reason=_reason(run, failure),
            tally=run.tally,
            cookie_before=before.shown if before else None,
            cookie_after=after.shown if after else None,
            lease=self.lease,
            changes=tuple(run.planned),
            failure=failure,
        )  # fmt: skip
        if not self.what_if and not isinstance(failure, LeaseLost):
            try:
                self._save_outcome(report, run.cursor if keep else None)
            except (EdgeSyncError, LdapError) as error:
                if result is not Result.FAILED:  # else the first failure says more
                    report = _failed(report, as_ours(error), run.saved or before)
        self._emit(SYNC_COMPLETED, job=job.value, result=report.result.value)
        return report

    def _save_outcome(self, report: JobReport, cursor: Cursor | None) -> None:
        """Cookie and status, by the Modify that proves the lease is still ours."""
        server = self._server()
        statuses = readable_statuses(value.encode() for value in server.status)
        statuses[report.job] = status_after(report, self.clock.now(), statuses.get(report.job))
        values = sorted(format_status(status) for status in statuses.values())
        changes = [change.replace(STATUS_ATTRIBUTE, *values)]
        if cursor is not None:
            changes.append(_with_cookie(server, cursor))
        self._commit(changes)

    def _commit(self, changes: Sequence[Modification]) -> None:
        assert self.manager is not None
        assert self.lease is not None
        self.lease = self.manager.commit(self.lease, changes, now=self.clock.now())

    def _server(self) -> ServerObject:
        assert self.target is not None
        assert self.names is not None
        server = read_server(self.target, self.names, self.context.edge)
        if server is None:
            raise TargetRefused(
                f"ADAM has no object {self.names.server(self.context.edge)}",
                "the Edge was not set up, or has another name",
            )
        return server

    def _topology(self, run: JobRun) -> None:
        """Which Edges the site has: what the other jobs must know, refreshed on its own clock."""
        site: DN = self.context.names.site(self.context.site)
        edges = list_servers(
            self.context.source, self.context.names, role=ServerRole.EDGE, site=site
        )
        run.tally.scanned = len(edges)
        run.mode = Mode.FULL
        if self.context.edge.casefold() not in {edge.name.casefold() for edge in edges}:
            raise SourceRefused(
                f"{self.context.edge} is no longer subscribed to site {self.context.site}",
                "edgesync subscription list",
            )

    def _emit(self, kind: EventKind, **data: str | int) -> None:
        context = self.context
        given: Mapping[str, str | int] = {"hub": context.hub, "edge": context.edge, **data}
        context.emit(Event(kind, self.clock.now(), context.hub, given))

    # failing before a job ------------------------------------------------------------------

    def skip(self, jobs: Iterable[Job], result: Result, failure: EdgeSyncError) -> None:
        """Report jobs that could not even start."""
        mode = Mode.FULL if self.full else Mode.INCREMENTAL
        for job in jobs:
            self.reports.append(
                JobReport(
                    self.context.edge,
                    self.context.hub,
                    job.value,
                    mode,
                    result,
                    self.clock.now(),
                    0.0,
                    reason=f"{failure.code}: {failure.message}",
                    lease=self.lease,
                    failure=failure,
                )
            )


def edge_names_of(identity: DirectoryIdentity) -> EdgeNames:
    """DN shapes of an Edge's ADAM, read off its naming contexts.

    Raises:
        TargetRefused: this is no Edge's ADAM.
    """
    configuration = gateway = None
    for context in identity.naming_contexts:
        rdn = context.rdn.value.casefold()
        if rdn == "configuration":
            configuration = context
        elif rdn == "msexchangegateway":
            gateway = context
    if configuration is None or gateway is None:
        raise TargetRefused(
            "the target has no configuration partition with OU=MSExchangeGateway beside it",
            "it is not an Edge's ADAM; other directories are synchronized with --config",
        )
    return EdgeNames(configuration, EDGE_ORGANIZATION, gateway)


def _with_cookie(server: ServerObject, cursor: Cursor) -> Modification:
    """An Edge's cookies with this one in place of its job's last."""
    cursors = readable_cursors(server.cookies)
    for key in [key for key in cursors if key[0] == cursor.job]:
        del cursors[key]
    cursors[cursor.job, cursor.base] = cursor
    return change.replace(COOKIES, *sorted(encode_cursor(c) for c in cursors.values()))


def as_ours(error: EdgeSyncError | LdapError) -> EdgeSyncError:
    """A refusal nobody handled, as an error with a hint."""
    if isinstance(error, EdgeSyncError):
        return error
    return TargetRefused(
        f"the directory refused: {error}", "see the directory's log and the account's rights"
    )


def _reason(run: JobRun, failure: EdgeSyncError | None) -> str:
    if failure is not None:
        return f"{failure.code}: {failure.message}"
    return run.reason.sentence if run.reason else ""


def _failed(report: JobReport, failure: EdgeSyncError, before: Cursor | None) -> JobReport:
    return replace(
        report, result=Result.FAILED, reason=f"{failure.code}: {failure.message}",
        failure=failure, cookie_after=before.shown if before else None,
    )  # fmt: skip
