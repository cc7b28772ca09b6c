"""When each job is due (edgesync-facts 4.3). Pure: the clock's owner asks, and comes back then.

The intervals are the largest gap between two runs. A manual run counts as a run and so resets
the timers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from edgesync.config import SyncTiming
from edgesync.sync.kinds import Job

RETRY_AFTER = timedelta(minutes=1)
"""After a run that could not start or failed. No source gives a back-off (facts 4.5); never later
than the job's own interval."""


def interval(job: Job, timing: SyncTiming) -> timedelta:
    """Largest gap between two runs of a job."""
    return {
        Job.CONFIGURATION: timing.configuration_interval,
        Job.RECIPIENTS: timing.recipient_interval,
        Job.TOPOLOGY: timing.topology_interval,
    }[job]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When jobs of one Edge ran last, and whether that went well. Immutable."""

    timing: SyncTiming
    last: Mapping[Job, datetime] = field(default_factory=dict)
    failed: frozenset[Job] = frozenset()

    def due_at(self, job: Job, now: datetime) -> datetime:
        """When a job is due; one that never ran is due now."""
        ran = self.last.get(job)
        return now if ran is None else ran + self.gap(job)

    def gap(self, job: Job) -> timedelta:
        """From a job's last run to its next; shorter after one that went wrong."""
        regular = interval(job, self.timing)
        return min(regular, RETRY_AFTER) if job in self.failed else regular

    def due(self, now: datetime) -> tuple[Job, ...]:
        """The jobs that are due, in the order they run."""
        return tuple(job for job in Job if self.due_at(job, now) <= now)

    def next_due(self, now: datetime) -> datetime:
        """When to come back."""
        return min(self.due_at(job, now) for job in Job)

    def ran(self, job: Job, at: datetime, *, well: bool) -> Schedule:
        """The schedule after a run, scheduled or manual."""
        failed = self.failed - {job} if well else self.failed | {job}
        return replace(self, last={**self.last, job: at}, failed=failed)
