"""Years in seconds: which scheduled runs may be left out because they are known to change nothing.

The engine is a function of (source, target, now). Once a job of an Edge has run and found
nothing to write, its next run finds the same, as long as AD has no new change and no instant has
passed at which time itself changes something: a credential that takes over or
ends, an account that expires, a cookie that grows too old. Until then only the *last* run before
the horizon is made, at its own instant. It leaves the lease's times, the status and the cookies
exactly as the whole row of runs would have left them. What is missing afterwards: the rows and
events of the runs left out, and the counters (lease sequence, USN) they would have moved.

The same holds for runs that fail before they change anything: no Edge answers, it shows another
certificate, no credential fits, another Hub has the lease. The next try fails in the same way until
a directory changes or an instant comes at which a credential, an account or a lease begins or ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edgesync.config import Policy
from edgesync.events import Event, Severity
from edgesync.organization.servers import ServerObject
from edgesync.subscription.credentials import readable_records
from edgesync.sync.kinds import Job
from edgesync.sync.report import Mode, Result, SyncRun

LEASE_WRITES = 2
"""Changes of the Edge's object that every run makes: the lock taken, the lock given back."""

CREDENTIAL_TRIAL = timedelta(hours=1)
"""How long before it counts a credential is tried for the last time. The monitoring text says 15
days, before it even exists by the documented renewal (edgesync-facts 3.3); ours."""


@dataclass(slots=True)
class Quiet:
    """What is known of one Edge since something last moved."""

    usn: int = -1
    """AD's last change when the knowledge began."""
    epoch: int = -1
    """The agenda's advance it belongs to: between two of them anybody may have done anything."""
    idle: set[Job] = field(default_factory=set)
    """Jobs that have run since and wrote nothing."""
    stuck: set[Job] = field(default_factory=set)
    """Jobs that have failed since and changed nothing."""
    has_passed: bool = False
    """Whether the hourly look at the credentials has come since, and changed nothing."""

    @property
    def known(self) -> set[Job]:
        """Jobs whose next run can be foretold."""
        return self.idle | self.stuck

    def forget(self) -> None:
        """Something moved."""
        self.idle.clear()
        self.stuck.clear()
        self.has_passed = False

    def found_nothing(self, jobs: Iterable[Job]) -> None:
        """Jobs ran well and had nothing to write: what was in their way is gone."""
        self.stuck.clear()
        self.idle.update(jobs)

    def got_nowhere(self, jobs: Iterable[Job]) -> None:
        """Jobs failed before they changed anything: others may fail at it now too."""
        self.idle.clear()
        self.stuck.update(jobs)

    def as_of(self, usn: int, epoch: int) -> None:
        """Forget everything that is older than AD's last change or the agenda's last advance."""
        if (self.usn, self.epoch) != (usn, epoch):
            self.usn, self.epoch = usn, epoch
            self.forget()


def was_idle(run: SyncRun, target_changes: int, seen: Iterable[Event]) -> bool:
    """Whether a run did nothing but renew lease, status and cookie, and had nothing to report.

    ``target_changes`` counts what ADAM really committed, so that the judgement does not rest on
    what the engine says of itself.
    """
    return (
        bool(run.runs)
        and target_changes == LEASE_WRITES + len(run.runs)
        and all(_found_nothing(report.job, report.mode) for report in run.runs)
        and all(r.result is Result.SUCCESS and not r.tally.written for r in run.runs)
        and all(event.kind.severity is Severity.INFORMATION for event in seen)
    )


def was_stuck(run: SyncRun | None, changes: int) -> bool:
    """Whether a run got nowhere: nothing was committed in AD or ADAM, no job even began well.

    None is a run that no Hub could begin.
    """
    failed = run is None or all(r.result in {Result.FAILED, Result.SKIPPED} for r in run.runs)
    return failed and changes == 0


def _found_nothing(job: str, mode: Mode) -> bool:
    return job == Job.TOPOLOGY.value or mode is Mode.INCREMENTAL


def turning_points(
    servers: Iterable[ServerObject],
    accounts: Iterable[datetime],
    policy: Policy,
) -> Iterator[datetime]:
    """Instants at which time alone changes what EdgeSync or the Credential Service do."""
    yield from accounts
    for server in servers:
        for _, record in readable_records(server.credentials):
            yield record.effective_at - CREDENTIAL_TRIAL
            yield record.effective_at
            yield record.expires_at
            yield record.expires_at - policy.credential_successor


def last_before(horizon: datetime, last: datetime, gap: timedelta) -> datetime:
    """A periodic job's ``last`` moved on so that its next run is the final one up to a horizon."""
    left_out = (horizon - last) // gap - 1
    return last + left_out * gap if left_out > 0 else last
