"""EdgeSync's own log, as far as a site's LogEnabled and LogLevel want one (edgesync-facts 4.6).

The field list of a row is not documented; this one is our choice (docs/fidelity.md). LogPath names
a folder on the Hub and is kept as it is given; here the files are in the lab's folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from edgesync.config import VersionProfile
from edgesync.lab.lab import Lab
from edgesync.lab.paths import LabFolder
from edgesync.log_files import SOFTWARE, LogFiles, LogLimits, log_instant, log_row
from edgesync.organization.servers import read_server
from edgesync.sync.report import JobReport, SyncRun
from edgesync.sync.service_config import LogLevel, ServiceConfig, read_service_config

FIELDS = ("date-time", "edge", "job", "event", "data")


class EdgeSyncLogs:
    """The logs of every Hub of a lab that has a folder."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._logs: dict[str, EdgeSyncLog] = {}

    def write(self, hub: str, run: SyncRun) -> None:
        """What a Hub's run did."""
        config = self.settings(run.runs[0].edge) if run.runs else None  # all are of one Edge
        if config is None or self._lab.root is None:
            return
        name = self._lab.server(hub).name
        if name not in self._logs:
            folder = LabFolder(self._lab.root).logs / "EdgeSync" / name
            self._logs[name] = EdgeSyncLog(folder, self._lab.description.profile)
        for report in run.runs:
            self._logs[name].write(report, config)

    def settings(self, edge: str) -> ServiceConfig | None:
        """The settings of an Edge's site when they ask for a log; 2007 has no such object."""
        lab = self._lab
        if lab.root is None or not lab.description.profile.sync_editable:
            return None
        known = read_server(lab.ad_port(), lab.ad.names, edge)
        if known is None or known.site is None:
            return None
        found = read_service_config(lab.ad_port(), lab.ad.names, known.site.rdn.value)
        return found if found is not None and found.log_enabled and found.log_level else None


class EdgeSyncLog:
    """The log files of one Hub's EdgeSync."""

    def __init__(self, folder: Path, profile: VersionProfile) -> None:
        self._profile = profile
        self._files = LogFiles(folder, "EDGESYNC", self._header)

    def write(self, report: JobReport, config: ServiceConfig) -> None:
        """What a job did, in the detail its site's settings ask for."""
        self._files.limits = LogLimits(
            config.log_max_file_size, config.log_max_directory_size, config.log_max_age
        )
        for level, event, data in _rows(report):
            if level <= config.log_level:
                row = log_row(log_instant(report.started_at), report.edge, report.job, event, data)
                self._files.append(report.started_at, row)

    def _header(self, at: datetime) -> tuple[str, ...]:
        return (
            SOFTWARE,
            f"#Version: {self._profile.log_version}",
            "#Log-type: EdgeSync Log",
            f"#Date: {log_instant(at)}",
            f"#Fields: {','.join(FIELDS)}",
        )


def _rows(report: JobReport) -> Iterator[tuple[LogLevel, str, str]]:
    tally = report.tally
    if report.lease is not None:
        lease = report.lease
        held = f"{lease.holder} {lease.kind.value} until {log_instant(lease.expires_at)}"
        yield LogLevel.MEDIUM, "lease", held
    for error in tally.errors:
        yield LogLevel.HIGH, "refused", f"{error.dn}: {error.code}: {error.message}"
    if report.cookie_after is not None:
        yield LogLevel.MEDIUM, "cookie", report.cookie_after
    counts = (
        f"{report.mode.value}; scanned {tally.scanned}; added {tally.added}; "
        f"updated {tally.updated}; moved {tally.moved}; deleted {tally.deleted}; "
        f"refused {tally.failed}"
    )
    yield LogLevel.LOW, report.result.value, f"{counts}; {report.reason}".removesuffix("; ")
