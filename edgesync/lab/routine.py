"""What servers do by themselves as lab time passes: EdgeSync's schedule and the credentials' life.

The schedule is read off the Edges' own status, so a lab that was closed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from edgesync.errors import EdgeSyncError
from edgesync.lab.agenda import Activity
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.lab import Lab
from edgesync.organization.servers import ServerObject, read_server
from edgesync.subscription.renewal import renew_credentials
from edgesync.sync.kinds import Job
from edgesync.sync.report import Result
from edgesync.sync.schedule import Schedule
from edgesync.sync.status import readable_statuses

CREDENTIAL_INTERVAL = timedelta(hours=1)
"""How often a Hub looks whether a credential must be renewed: spans of days need no more."""


class Routine:
    """The clockwork of one lab; installs itself in the agenda."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.edge_sync = lab.service(EdgeSync)
        self._schedules: dict[str, Schedule] = {}
        self._credentials_due: dict[str, datetime] = {}
        lab.agenda.add_source(self._activities)
        self.edge_sync.after_run.append(self.note_run)

    def schedule(self, edge: str) -> Schedule:
        """When an Edge's jobs ran last and are due next."""
        if edge not in self._schedules:
            directory = self.lab.edge(edge)
            server = read_server(directory.port("schedule"), directory.names, directory.name)
            statuses = readable_statuses(
                value.encode() for value in (server.status if server else ())
            )
            last = {Job(name): status.at for name, status in statuses.items() if name in set(Job)}
            self._schedules[edge] = Schedule(self.lab.description.profile.sync, last)
        return self._schedules[edge]

    def note_run(self, edge: str, job: Job, at: datetime, result: Result) -> None:
        """A run happened, scheduled or manual: it resets the job's timer."""
        well = result is not Result.FAILED
        self._schedules[edge] = self.schedule(edge).ran(job, at, well=well)

    def _activities(self) -> Iterator[Activity]:
        now = self.lab.clock.now()
        for edge in self.edge_sync.subscribed():
            due = self.schedule(edge.name).next_due(now)
            yield Activity(f"EdgeSync {edge.name}", due, self._sync(edge.name))
            renewal = self._credentials_due.setdefault(edge.name, now)
            yield Activity(f"credentials {edge.name}", renewal, self._renew(edge.name))

    def _sync(self, edge: str) -> Callable[[datetime], None]:
        def run(now: datetime) -> None:
            jobs = self.schedule(edge).due(now)
            with self.lab.doing(f"EdgeSync schedule, {edge}"):
                try:
                    self.edge_sync.run(edge, jobs=jobs, manual=False)
                except EdgeSyncError:
                    for job in jobs:  # no Hub could even begin; look again later
                        self.note_run(edge, job, now, Result.FAILED)

        return run

    def _renew(self, edge: str) -> Callable[[datetime], None]:
        def run(now: datetime) -> None:
            lab = self.lab
            with lab.doing(f"credential renewal, {edge}"):
                known = self.edge_sync.edge_object(edge)
                for hub in self.edge_sync.hubs_of(known):
                    self._renew_one(hub, known.name, now)
                self.edge_sync.credential_service(edge)
            self._credentials_due[edge] = now + CREDENTIAL_INTERVAL

        return run

    def _renew_one(self, hub: ServerObject, edge: str, now: datetime) -> None:
        lab = self.lab
        renew_credentials(
            lab.ad_port(),
            hub,
            self.edge_sync.edge_object(edge),
            now=now,
            policy=lab.description.trust_policy,
            entropy=lab.entropy(f"credentials/{hub.name}"),
            emit=lab.emit,
        )
