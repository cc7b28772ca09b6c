"""Is the Edge what AD says it should be? Test-EdgeSynchronization (edgesync-facts 8.3).

Without ``full`` the configuration is judged by its cookie alone, as the product does it: that can
say Normal while data differ. Recipients are compared unless they are excluded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from directory.errors import LdapError
from directory.model.dn import DN
from directory.model.filter import And, Equality
from directory.model.messages import SearchRequest
from edgesync.errors import EdgeSyncError
from edgesync.organization.address_hash import proxy_address
from edgesync.organization.servers import ServerObject, read_server
from edgesync.port.port import DirectoryPort, iterate
from edgesync.sync.context import SyncContext
from edgesync.sync.cursor import Cursor, readable_cursors
from edgesync.sync.edge_run import edge_names_of
from edgesync.sync.kinds import Identity, Job, ReplicatedKind, resolve
from edgesync.sync.lease import Lease, parse_lease
from edgesync.sync.plan import Change, plan
from edgesync.sync.project import Projector
from edgesync.sync.report import Tally, instant
from edgesync.sync.status import JobStatus, readable_statuses
from edgesync.sync.target import Target

SCHEMA = "edgesync.sync-verify/1"
REPORT_SIZE = 1000
"""MaxReportSize's default: objects listed per kind and list."""

KINDS_REPORTED = (
    "transport_server", "transport_config", "accepted_domain", "remote_domain", "send_connector",
    "message_classification", "recipient",
)  # fmt: skip

Blame = Callable[[DN, str], Mapping[str, Any] | None]
"""Who changed an attribute at the target, when the target's change log can be read."""

Describe = Callable[[Sequence[bytes]], list[dict[str, Any]]]
"""Credential records without their secrets."""


class SyncStatus(StrEnum):
    """The Edge as a whole."""

    NO_SYNC_CONFIGURED = "NoSyncConfigured"
    NORMAL = "Normal"
    WARNING = "Warning"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    FAILED_URGENT = "FailedUrgent"


class KindStatus(StrEnum):
    """One kind of object."""

    SYNCHRONIZED = "Synchronized"
    NOT_SYNCHRONIZED = "NotSynchronized"
    NOT_STARTED = "NotStarted"
    IN_PROGRESS = "InProgress"
    SKIPPED = "Skipped"
    DIRECTORY_ERROR = "DirectoryError"
    EXPIRED = "Expired"


@dataclass(slots=True)
class KindReport:
    """What was found of one kind."""

    status: KindStatus
    synchronized: int = 0
    org_only: list[str] = field(default_factory=list)
    edge_only: list[str] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)

    def document(self, size: int) -> dict[str, Any]:
        """The contract's JSON, lists cut to a size."""
        return {
            "sync_status": self.status.value,
            "synchronized_objects": self.synchronized,
            "org_only_objects": self.org_only[:size],
            "edge_only_objects": self.edge_only[:size],
            "conflict_objects": self.conflicts[:size],
        }


@dataclass(slots=True)
class EdgeVerification:
    """The answer for one Edge."""

    edge: str
    status: SyncStatus
    kinds: dict[str, KindReport]
    lease: Lease | None = None
    last_synchronized_at: datetime | None = None
    failure: str = ""
    credentials: list[dict[str, Any]] = field(default_factory=list)
    cookies: list[dict[str, Any]] = field(default_factory=list)
    error: EdgeSyncError | None = None

    @property
    def is_normal(self) -> bool:
        """Whether the answer is yes."""
        return self.status is SyncStatus.NORMAL

    def document(self, size: int = REPORT_SIZE) -> dict[str, Any]:
        """One element of the contract's ``edges``."""
        lease, last = self.lease, self.last_synchronized_at
        return {
            "edge": self.edge,
            "sync_status": self.status.value,
            "lease_holder": lease.holder if lease else None,
            "lease_type": lease.kind.value.capitalize() if lease else "None",
            "lease_expiry_utc": instant(lease.expires_at) if lease else None,
            "last_synchronized_utc": instant(last) if last else None,
            "failure_detail": self.failure,
            "kinds": {name: self.kinds[name].document(size) for name in KINDS_REPORTED},
            "credential_records": self.credentials,
            "cookie_records": self.cookies,
        }


def verify(
    context: SyncContext,
    *,
    now: datetime,
    full: bool = False,
    recipient: str | None = None,
    exclude_recipients: bool = False,
    describe: Describe = lambda _values: [],
    blame: Blame = lambda _dn, _attribute: None,
) -> EdgeVerification:
    """Compare one Edge with AD; reads only.

    ``recipient`` is a proxy address: only that recipient is looked up, nothing else is checked.
    """
    kinds = {name: KindReport(KindStatus.SKIPPED) for name in KINDS_REPORTED}
    result = EdgeVerification(context.edge, SyncStatus.INCONCLUSIVE, kinds)
    try:
        port = context.open_target(context.edge)
    except (EdgeSyncError, LdapError) as error:
        result.failure = str(error)
        result.error = error if isinstance(error, EdgeSyncError) else None
        return result
    try:
        _Verification(context, port, now, result, blame).run(
            full=full, recipient=recipient, exclude=exclude_recipients, describe=describe
        )
    except (EdgeSyncError, LdapError) as error:
        result.status = SyncStatus.INCONCLUSIVE
        result.failure = str(error)
        result.error = error if isinstance(error, EdgeSyncError) else None
    finally:
        port.close()
    return result


@dataclass(slots=True)
class _Verification:
    context: SyncContext
    port: DirectoryPort
    now: datetime
    result: EdgeVerification
    blame: Blame

    def run(self, *, full: bool, recipient: str | None, exclude: bool, describe: Describe) -> None:
        context = self.context
        names = context.edge_names or edge_names_of(self.port.identity)
        server = read_server(self.port, names, context.edge)
        if server is None:
            self.result.status = SyncStatus.NO_SYNC_CONFIGURED
            self.result.failure = f"ADAM has no object for {context.edge}"
            return
        cursors = readable_cursors(server.cookies)
        statuses = readable_statuses(value.encode() for value in server.status)
        self._describe(server, cursors, statuses, describe(server.credentials))

        def kinds_of(job: Job) -> tuple[ReplicatedKind, ...]:
            return resolve(job, context.names, names, context.edge, context.site, context.policy)

        if recipient is not None:
            self._one_recipient(kinds_of(Job.RECIPIENTS)[0], recipient)
        else:
            configuration = kinds_of(Job.CONFIGURATION)
            for kind in configuration:
                if full:
                    self._compare(kind)
                else:
                    self._judge_cookie(kind, Job.CONFIGURATION, cursors)
            if not exclude:
                for kind in kinds_of(Job.RECIPIENTS):
                    self._compare(kind)
        self.result.status = self._overall(cursors, statuses, whole=recipient is None)

    def _describe(
        self,
        server: ServerObject,
        cursors: Mapping[tuple[str, DN], Cursor],
        statuses: Mapping[str, JobStatus],
        credentials: list[dict[str, Any]],
    ) -> None:
        result = self.result
        if server.lease is not None:
            try:
                result.lease = parse_lease(server.lease)
            except ValueError:
                result.lease = None
        times = [s.synchronized_at for s in statuses.values() if s.synchronized_at]
        result.last_synchronized_at = max(times, default=None)
        bad = [f"{s.job}: {s.detail}" for s in statuses.values() if s.result != "success"]
        result.failure = "; ".join(bad)
        result.credentials = credentials
        result.cookies = [
            {
                "job": cursor.job, "base": str(cursor.base), "kind": cursor.kind.value,
                "server": cursor.server, "cookie": cursor.shown,
                "last_updated_utc": instant(cursor.issued_at),
                "expires_utc": instant(
                    cursor.issued_at + self.context.timing.cookie_valid_duration
                ),
            }
            for cursor in cursors.values()
        ]  # fmt: skip

    def _judge_cookie(
        self, kind: ReplicatedKind, job: Job, cursors: Mapping[tuple[str, DN], Cursor]
    ) -> None:
        cursor = next((c for (name, _), c in cursors.items() if name == job.value), None)
        report = self._report(kind)
        if cursor is None:
            report.status = KindStatus.NOT_STARTED
        elif self.now - cursor.issued_at >= self.context.timing.cookie_valid_duration:
            report.status = KindStatus.EXPIRED
        else:
            report.status = KindStatus.SYNCHRONIZED

    def _report(self, kind: ReplicatedKind) -> KindReport:
        """The Edge's own object is reported with the transport servers."""
        name = "transport_server" if kind.name == "edge_subscription" else kind.name
        return self.result.kinds[name]

    def _compare(self, kind: ReplicatedKind) -> None:
        report = self._report(kind)
        differed = report.status is KindStatus.NOT_SYNCHRONIZED
        try:
            found = self._differences(kind, report)
        except LdapError as error:
            report.status = KindStatus.DIRECTORY_ERROR
            self.result.failure = self.result.failure or str(error)
            return
        bad = differed or found
        report.status = KindStatus.NOT_SYNCHRONIZED if bad else KindStatus.SYNCHRONIZED

    def _differences(self, kind: ReplicatedKind, report: KindReport) -> bool:
        have = Target(self.port, Tally(), lambda _error: None).all(kind)
        request = SearchRequest(
            kind.source_base, kind.source_scope, kind.source_filter, kind.source_attributes
        )
        found = False
        projector = Projector(kind)
        for entry in iterate(self.context.source, request):
            desired = projector.project(entry)
            step = plan(kind, have.pop(desired.key, None), desired)
            if step is None:
                report.synchronized += 1
                continue
            found = True
            if step.change is Change.ADD:
                report.org_only.append(str(entry.dn))
                continue
            attributes = step.attributes or (kind.rdn,)
            report.conflicts += [self._conflict(step.dn, name) for name in attributes]
        if kind.identity is not Identity.FIXED:
            report.edge_only += sorted(str(entry.dn) for entry in have.values())
            found = found or bool(have)
        return found

    def _conflict(self, dn: DN, attribute: str) -> dict[str, Any]:
        conflict: dict[str, Any] = {"dn": str(dn), "attribute": attribute}
        changed = self.blame(dn, attribute)
        if changed is not None:
            conflict["changed"] = dict(changed)
        return conflict

    def _one_recipient(self, kind: ReplicatedKind, address: str) -> None:
        """Is this address known on both sides, or on neither?"""
        report = self._report(kind)
        proxy = proxy_address(address)
        filter_ = And((kind.source_filter, Equality("proxyAddresses", proxy.encode())))
        request = SearchRequest(
            kind.source_base, kind.source_scope, filter_, kind.source_attributes
        )
        keys = {}
        projector = Projector(kind)
        for entry in iterate(self.context.source, request):
            keys[projector.project(entry).key] = entry
        hashed = SearchRequest(
            kind.target_base,
            filter=And(
                (kind.target_filter, Equality("proxyAddresses", kind.setting.hash_address(proxy)))
            ),
            attributes=(kind.key,),
        )
        there = {entry.first(kind.key): entry for entry in iterate(self.port, hashed)}
        report.org_only = [str(entry.dn) for key, entry in keys.items() if key not in there]
        report.edge_only = [str(entry.dn) for key, entry in there.items() if key not in keys]
        report.synchronized = len(keys.keys() & there.keys())
        good = bool(keys) and not report.org_only and not report.edge_only
        report.status = KindStatus.SYNCHRONIZED if good else KindStatus.NOT_SYNCHRONIZED
        if not keys and not there:
            self.result.failure = f"no recipient has the address {address}"

    def _overall(
        self,
        cursors: Mapping[tuple[str, DN], Cursor],
        statuses: Mapping[str, JobStatus],
        *,
        whole: bool,
    ) -> SyncStatus:
        found = {report.status for report in self.result.kinds.values()}
        if KindStatus.EXPIRED in found:
            return SyncStatus.FAILED_URGENT
        if KindStatus.DIRECTORY_ERROR in found:
            return SyncStatus.INCONCLUSIVE
        if found & {KindStatus.NOT_SYNCHRONIZED, KindStatus.NOT_STARTED}:
            return SyncStatus.FAILED
        if whole and (not cursors or any(s.result == "failed" for s in statuses.values())):
            return SyncStatus.FAILED
        last = self.result.last_synchronized_at
        slowest = max(
            self.context.timing.recipient_interval, self.context.timing.configuration_interval
        )
        late = last is None or self.now - last > 2 * slowest
        if whole and (late or any(s.result == "partial" for s in statuses.values())):
            return SyncStatus.WARNING
        return SyncStatus.NORMAL


def document(edges: Sequence[EdgeVerification], size: int = REPORT_SIZE) -> dict[str, Any]:
    """The contract's JSON."""
    return {"schema": SCHEMA, "edges": [edge.document(size) for edge in edges]}
