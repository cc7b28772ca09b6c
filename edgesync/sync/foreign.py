"""``sync run --config FILE.toml``: the same engine between any two LDAP directories.

The file names a source, a target and jobs with their attribute maps. Cookies and the lock are
kept in a SQLite file beside it, since a foreign target has no Exchange attributes to keep them in.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from directory import file_lock
from directory.clock import Clock, SystemClock
from directory.errors import LdapError
from directory.model.dn import DN
from edgesync.errors import EdgeSyncError, PartlyDone, RefusedByRule
from edgesync.port.ldap import LdapPort
from edgesync.port.port import DirectoryPort
from edgesync.sync.cursor import Cursor, encode_cursor, readable_cursors
from edgesync.sync.edge_run import as_ours
from edgesync.sync.engine import JobRun, Progress
from edgesync.sync.foreign_config import Endpoint, ForeignConfig, ForeignJob, read_config
from edgesync.sync.report import JobReport, Result, SyncRun


@dataclass(frozen=True, slots=True)
class ForeignOptions:
    """How a run is to go."""

    full: bool = False
    what_if: bool = False
    delete_threshold: int | None = None
    force_cookie: bool = False
    progress: Progress = lambda _step: None


class CookieFile:
    """Cursors of one configuration, in SQLite; one process at a time."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("CREATE TABLE IF NOT EXISTS cursor (job TEXT PRIMARY KEY, value BLOB)")
        self._db.commit()

    def load(self) -> dict[tuple[str, DN], Cursor]:
        """Every readable cursor, by job and base."""
        rows = self._db.execute("SELECT value FROM cursor")
        return readable_cursors(bytes(value) for (value,) in rows)

    def save(self, cursor: Cursor) -> None:
        """Keep a cursor; durable on return."""
        with self._db:
            self._db.execute(
                "INSERT OR REPLACE INTO cursor (job, value) VALUES (?, ?)",
                (cursor.job, encode_cursor(cursor)),
            )

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def run_foreign(
    path: Path,
    *,
    full: bool = False,
    what_if: bool = False,
    delete_threshold: int | None = None,
    force_cookie: bool = False,
    progress: Progress = lambda _step: None,
    clock: Clock | None = None,
) -> SyncRun:
    """Run every job of a configuration file once.

    Raises:
        ConfigurationError, InputInvalid: the file; names the key.
        RefusedByRule: another process runs it.
        PortUnavailable, LdapError: one of the directories cannot be opened.
    """
    config = read_config(path)
    options = ForeignOptions(full, what_if, delete_threshold, force_cookie, progress)
    with _alone(config.state):
        source = _open(config.source)
        try:
            target = _open(config.target)
            try:
                return run_jobs(config, source, target, options, clock or SystemClock())
            finally:
                target.close()
        finally:
            source.close()


def run_jobs(
    config: ForeignConfig,
    source: DirectoryPort,
    target: DirectoryPort,
    options: ForeignOptions,
    clock: Clock,
) -> SyncRun:
    """Run the jobs between two open directories."""
    cookies = CookieFile(config.state)
    try:
        reports = tuple(
            _run_job(config, job, source, target, options, clock, cookies) for job in config.jobs
        )
    finally:
        cookies.close()
    return SyncRun(reports, options.what_if)


def _run_job(
    config: ForeignConfig,
    job: ForeignJob,
    source: DirectoryPort,
    target: DirectoryPort,
    options: ForeignOptions,
    clock: Clock,
    cookies: CookieFile,
) -> JobReport:
    started, since = clock.now(), clock.monotonic()
    stored: Mapping[tuple[str, DN], Cursor] = cookies.load()
    run = JobRun(
        job.name,
        (job.kind,),
        source,
        target,
        started,
        config.cookie_valid,
        options.what_if,
        options.delete_threshold,
        save=cookies.save if not options.what_if else lambda _cursor: None,
        progress=options.progress,
        stopwatch=clock.monotonic,
    )
    failure: EdgeSyncError | None = None
    try:
        run.execute(stored, full=options.full)
    except (EdgeSyncError, LdapError) as error:
        failure = as_ours(error)
    if failure is None and run.tally.failed:
        failure = PartlyDone(f"{run.tally.failed} entries failed", "see the errors of the run")
    partial = isinstance(failure, PartlyDone)
    before = next((c for (name, _), c in stored.items() if name == job.name), None)
    keep = run.cursor is not None and (failure is None or (partial and options.force_cookie))
    if keep and run.cursor is not None and not options.what_if:
        cookies.save(run.cursor)
    after = run.cursor if keep and not options.what_if else before
    reason = f"{failure.code}: {failure.message}" if failure else ""
    return JobReport(
        config.target.url,
        config.source.url,
        job.name,
        run.mode,
        Result.PARTIAL if partial else Result.FAILED if failure else Result.SUCCESS,
        started,
        max(0.0, clock.monotonic() - since),
        reason=reason or (run.reason.sentence if run.reason else ""),
        tally=run.tally,
        cookie_before=before.shown if before else None,
        cookie_after=after.shown if after else None,
        changes=tuple(run.planned),
        failure=failure,
    )


def _open(endpoint: Endpoint) -> DirectoryPort:
    return LdapPort.connect(
        endpoint.url,
        endpoint.bind_dn,
        endpoint.password,
        verification=endpoint.verification,
        start_tls=endpoint.start_tls,
    )


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the lock file beside the cookies; it goes with the process, however that ends."""
    lock = state.with_name(state.name + ".lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            file_lock.hold(descriptor)
        except OSError as error:
            raise RefusedByRule(
                f"another process synchronizes by {state}", "wait for it, or stop it"
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps({"pid": os.getpid()}).encode())
        yield
    finally:
        os.close(descriptor)
