"""What an Edge's object says of EdgeSync: one status line per job, cookies, lease.

``msExchEdgeSyncStatus`` is a documented attribute of the Edge's object in ADAM; its text form is
ours (edgesync-facts 5.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from edgesync.sync.report import JobReport, instant

ATTRIBUTE = "msExchEdgeSyncStatus"
DETAIL_MAX = 200
"""Characters of failure text kept: the whole is in the history."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How one job last ended."""

    job: str
    result: str
    hub: str
    at: datetime
    synchronized_at: datetime | None
    """When it last ended well."""
    consecutive_failures: int
    detail: str = ""


def status_after(run: JobReport, now: datetime, before: JobStatus | None) -> JobStatus:
    """A job's status once a run has ended."""
    good = run.result.value == "success"
    failures = 0 if good else (before.consecutive_failures if before else 0) + 1
    synchronized = now if good else (before.synchronized_at if before else None)
    return JobStatus(run.job, run.result.value, run.hub, now, synchronized, failures, run.reason)


def format_status(status: JobStatus) -> bytes:
    """A status as one attribute value."""
    synchronized = instant(status.synchronized_at) if status.synchronized_at else "never"
    detail = status.detail.replace(";", ",")[:DETAIL_MAX]
    return (
        f"job={status.job};result={status.result};hub={status.hub};at={instant(status.at)};"
        f"synchronized={synchronized};failures={status.consecutive_failures};detail={detail}"
    ).encode()


def parse_status(value: bytes) -> JobStatus:
    """A status from an attribute value.

    Raises:
        ValueError: the value is not one.
    """
    try:
        given = dict(part.split("=", 1) for part in value.decode().split(";"))
        synchronized = given["synchronized"]
        return JobStatus(
            given["job"],
            given["result"],
            given["hub"],
            _parse(given["at"]),
            None if synchronized == "never" else _parse(synchronized),
            int(given["failures"]),
            given["detail"],
        )
    except KeyError as error:
        raise ValueError(f"status has no {error}") from error
    except OverflowError as error:  # a day that UTC puts before the year 1 or after 9999
        raise ValueError(f"status: {error}") from error


def readable_statuses(values: Iterable[bytes]) -> dict[str, JobStatus]:
    """The statuses among attribute values, by job; anything else is left out."""
    found: dict[str, JobStatus] = {}
    for value in values:
        try:
            status = parse_status(value)
        except ValueError:
            continue
        found[status.job] = status
    return found


def _parse(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
