"""What servers do by themselves as lab time passes: EdgeSync's schedule and the credentials' life.

The schedule is read off the Edges' own status, so a lab that was closed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from directory.errors import LdapError
from edgesync.config import SyncTiming
from edgesync.errors import EdgeSyncError, RefusedByRule
from edgesync.events import Event
from edgesync.lab.agenda import Activity
from edgesync.lab.directories import LabDirectory
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.lab import Lab
from edgesync.lab.quiet import (
    CREDENTIAL_TRIAL,
    Quiet,
    last_before,
    turning_points,
    was_idle,
    was_stuck,
)
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.organization.servers import ServerObject, read_server
from edgesync.subscription.accounts import list_accounts
from edgesync.subscription.renewal import renew_credentials
from edgesync.sync.kinds import Job
from edgesync.sync.lease import parse_lease
from edgesync.sync.report import Result, SyncRun
from edgesync.sync.schedule import Schedule, interval
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
        self._quiet: dict[str, Quiet] = {}
        self._subscribed: tuple[int, tuple[str, ...]] = (-1, ())
        self.leaves_out_idle_runs = True
        """Whether runs known to change nothing may be left out (``edgesync.lab.quiet``)."""
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
            self._schedules[edge] = Schedule(self._timing(edge), last)
        return self._schedules[edge]

    def _timing(self, edge: str) -> SyncTiming:
        site = self.edge_sync.edge_object(edge).site
        try:
            return self.edge_sync.timing(site.rdn.value if site else "")
        except RefusedByRule:  # the run itself will say so; look again in the version's rhythm
            return self.lab.description.profile.sync

    def forget_schedules(self) -> None:
        """Read the schedules anew: a site's settings changed."""
        self._schedules.clear()

    def note_run(self, edge: str, job: Job, at: datetime, result: Result) -> None:
        """A run happened, scheduled or manual: it resets the job's timer."""
        well = result is not Result.FAILED
        self._schedules[edge] = self.schedule(edge).ran(job, at, well=well)

    def _activities(self) -> Iterator[Activity]:
        now = self.lab.clock.now()
        for edge in self._edges():
            due = self.schedule(edge).next_due(now)
            yield Activity(f"EdgeSync {edge}", due, self._sync(edge))
            renewal = self._credentials_due.setdefault(edge, now)
            yield Activity(f"credentials {edge}", renewal, self._renew(edge))

    def _edges(self) -> tuple[str, ...]:
        """Subscribed Edges; AD is read again only when it has changed."""
        usn = self._usn()
        if self._subscribed[0] != usn:
            self._subscribed = (usn, tuple(e.name for e in self.edge_sync.subscribed()))
        return self._subscribed[1]

    def _usn(
        self, directory: LabDirectory[ForestNames] | LabDirectory[EdgeNames] | None = None
    ) -> int:
        return (directory or self.lab.ad).agent.store.committed_usn

    def _sync(self, edge: str) -> Callable[[datetime], None]:
        def run(now: datetime) -> None:
            lab = self.lab
            jobs = self.schedule(edge).due(now)
            quiet = self._quiet.setdefault(edge, Quiet())
            quiet.as_of(self._usn(), lab.agenda.epoch)
            adam, seen = lab.edge(edge), list[Event]()
            before = self._usn(adam), self._usn(), self.edge_sync.brought_nearer(edge)
            done: SyncRun | None = None
            lab.listeners.append(seen.append)
            try:
                with lab.doing(f"EdgeSync schedule, {edge}"):
                    done = self.edge_sync.run(edge, jobs=jobs, manual=False)
            except (EdgeSyncError, LdapError):
                for job in jobs:  # no Hub could even begin; look again later
                    self.note_run(edge, job, now, Result.FAILED)
            finally:
                lab.listeners.remove(seen.append)
            changes = self._usn(adam) - before[0]
            quiet.as_of(self._usn(), lab.agenda.epoch)
            if done is not None and was_idle(done, changes, seen):
                quiet.found_nothing(jobs)
            elif was_stuck(done, changes + self._usn() - before[1]) and (
                self.edge_sync.brought_nearer(edge) == before[2]
            ):
                quiet.got_nowhere(jobs)
            else:
                quiet.forget()
            is_logged = self.edge_sync.logs.settings(edge) is not None  # each run leaves a row
            if quiet.known and self.leaves_out_idle_runs and not is_logged:
                self._leave_out(edge, quiet, now)

        return run

    def _leave_out(self, edge: str, quiet: Quiet, now: datetime) -> None:
        """Move the timers of foreseen jobs to their last runs before anything can change."""
        horizon = self._horizon(edge, quiet, now)
        if horizon is None:
            return
        schedule = self.schedule(edge)
        # what a job that cannot be foreseen will write, the others must see at its time
        others = (schedule.due_at(job, now) for job in Job if job not in quiet.known)
        horizon = min((horizon, *others))
        moved = {
            job: last_before(horizon, at, schedule.gap(job)) if job in quiet.known else at
            for job, at in schedule.last.items()
        }
        self._schedules[edge] = replace(schedule, last=moved)
        if edge in self._credentials_due:
            last = self._credentials_due[edge] - CREDENTIAL_INTERVAL
            self._credentials_due[edge] = (
                last_before(horizon, last, CREDENTIAL_INTERVAL) + CREDENTIAL_INTERVAL
            )

    def _horizon(self, edge: str, quiet: Quiet, now: datetime) -> datetime | None:
        """How long nothing but the clock can move at this Edge; None when that is not known."""
        lab = self.lab
        end = lab.agenda.horizon()
        if end is None:
            return None
        directory = lab.edge(edge)
        known = self.edge_sync.edge_object(edge)
        accounts = list_accounts(directory.port("schedule"), directory.names)
        servers = (known, *self.edge_sync.hubs_of(known))
        shown = [*turning_points(servers, accounts.values(), lab.description.trust_policy)]
        points = [*shown, *self._shown_elsewhere(shown)]
        # a turning point counts until an hourly pass has come after it and acted on it
        passes = self._credentials_due.get(edge, now)
        settled = passes - CREDENTIAL_INTERVAL
        ends = [end, *(point for point in points if point > settled)]
        if not quiet.has_passed:
            ends.append(passes)
        if quiet.idle:
            # a cookie must be renewed while it is still taken: one interval early is early enough
            schedule = self.schedule(edge)
            fresh = min(schedule.last.values()) + schedule.timing.cookie_valid_duration
            ends.append(fresh - max(interval(job, schedule.timing) for job in Job))
        if quiet.stuck:
            lease = self._lease_ends(edge)
            ends += [at for at in (*lease, *self._shown_elsewhere(lease)) if at > now]
        return min(ends)

    def _shown_elsewhere(self, points: Sequence[datetime]) -> list[datetime]:
        """When machines whose clocks are wrong take it for these instants."""
        return [clock.true(point) for clock in self.lab.clocks.values() for point in points]

    def _lease_ends(self, edge: str) -> list[datetime]:
        directory = self.lab.edge(edge)
        server = read_server(directory.port("schedule"), directory.names, directory.name)
        if server is None or server.lease is None:
            return []
        try:
            lease = parse_lease(server.lease)
        except ValueError:
            return []
        return [lease.expires_at, lease.option_expires_at]

    def _renew(self, edge: str) -> Callable[[datetime], None]:
        def run(now: datetime) -> None:
            lab = self.lab
            before, adam = self._usn(), lab.edge(edge)
            adam_before = self._usn(adam)
            with lab.doing(f"credential renewal, {edge}"), suppress(EdgeSyncError, LdapError):
                # a directory that takes no writes now is asked again at the next pass
                known = self.edge_sync.edge_object(edge)
                for hub in self.edge_sync.hubs_of(known):
                    self._renew_one(hub, known.name, now)
                self.edge_sync.credential_service(edge)
                for hub in self.edge_sync.hubs_of(known):
                    self.edge_sync.try_next_credential(hub, edge, within=CREDENTIAL_TRIAL)
            for other, quiet in self._quiet.items():
                if other != edge and quiet.usn == before:
                    quiet.usn = self._usn()  # records of one Edge are nothing to another
            quiet = self._quiet.setdefault(edge, Quiet())
            quiet.as_of(self._usn(), lab.agenda.epoch)
            quiet.has_passed = (before, adam_before) == (self._usn(), self._usn(adam))
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
