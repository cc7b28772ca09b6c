"""One call of EdgeSync: one Hub, one Edge, some jobs, under the Edge's lease."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from directory.clock import ManualClock
from directory.errors import LdapError
from edgesync.errors import EdgeSyncError, LeaseLost, PortUnavailable, RefusedByRule
from edgesync.sync.context import StopRequested, SyncContext
from edgesync.sync.edge_run import EdgeRun, as_ours
from edgesync.sync.engine import Progress
from edgesync.sync.kinds import Job
from edgesync.sync.lease import Lease
from edgesync.sync.report import Result, SyncRun

ALL_JOBS: tuple[Job, ...] = (Job.TOPOLOGY, Job.CONFIGURATION, Job.RECIPIENTS)


def run_sync(
    context: SyncContext,
    *,
    now: datetime,
    jobs: Sequence[Job] = ALL_JOBS,
    full: bool = False,
    force_cookie: bool = False,
    what_if: bool = False,
    manual: bool = True,
    delete_threshold: int | None = None,
    progress: Progress = lambda _step: None,
) -> SyncRun:
    """Run jobs on one Edge and say what each did; what goes wrong is in the reports.

    ``manual`` is Start-EdgeSynchronization: it overrides another Hub's option, never its lock.
    ``what_if`` opens the session and reads, and writes nothing, not even the lease.
    """
    clock = context.clock or ManualClock(now)
    run = EdgeRun(
        context, clock, now, full, force_cookie, what_if, manual, delete_threshold, progress
    )
    left = list(jobs)
    try:
        run.open()
        held = None if what_if else run.acquire()
        if held is not None:
            lease = held.lease
            run.lease = lease
            run.skip(left, Result.SKIPPED, LeaseIsHeld(lease))
            run.lease = None
            left = []
        while left:
            run.reports.append(run.run(left.pop(0)))
            failure = run.reports[-1].failure
            if isinstance(failure, (LeaseLost, PortUnavailable, StopRequested)):
                run.skip(left, Result.FAILED, failure)
                left = []
        run.release()
    except (EdgeSyncError, LdapError) as error:
        run.skip(left, Result.FAILED, as_ours(error))
    finally:
        if run.target is not None:
            run.target.close()
    if context.history is not None and not what_if:
        for report in run.reports:
            context.history.record(report)
    return SyncRun(tuple(run.reports), what_if)


class LeaseIsHeld(RefusedByRule):
    """Another Hub synchronizes this Edge."""

    def __init__(self, lease: Lease) -> None:
        super().__init__(
            f"{lease.holder} holds the {lease.kind.value} until {lease.expires_at.isoformat()}",
            "a lock runs out; an option gives way to a manual run",
        )
        self.lease = lease
