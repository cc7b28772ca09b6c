"""EdgeSync: run, plan, verify, status, history, lease."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from edgesync.errors import ExitCode
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns
from edgesync.operations.sync_target import EDGES, edge_sync_of, subscribed_edges

if TYPE_CHECKING:
    from edgesync.operations.context import Context
    from edgesync.sync.report import SyncRun


_HUB = Help("Hub that runs it; default: the one that may", completes="hub")
_JOBS = Help("only this job: configuration, recipients or topology")


def _render_run(document: Document) -> Iterable[str]:
    rows = [
        (r["hub"], r["edge"], r["job"], r["mode"], r["result"], r["scanned"], r["added"],
         r["updated"], r["moved"], r["deleted"], len(r["errors"]), r["duration_s"])
        for r in document["runs"]
    ]  # fmt: skip
    yield from columns(
        ("Hub", "Edge", "Job", "Mode", "Result", "Scanned", "Added", "Updated", "Moved", "Deleted",
         "Errors", "Seconds"), rows,
    )  # fmt: skip
    for run in document["runs"]:
        if run["reason"] and run["result"] != "success":
            yield f"{run['edge']} {run['job']}: {run['reason']}"
        for error in run["errors"]:
            yield f"  {error['dn']}: {error['code']} {error['message']}"


def _render_plan(document: Document) -> Iterable[str]:
    yield from _render_run(document)
    for run in document["runs"]:
        for item in run.get("changes", ()):
            names = ", ".join(item["attributes"])
            yield f"  {item['change']:<6}  {item['dn']}  {names}".rstrip()
            yield f"          {item['reason']}"


@operation(
    "sync", "run", render=_render_run, rows="runs", writes=True, lab_unless=("config",),
    example="edgesync sync run --edge EDGE01",
    cmdlets=(
        Cmdlet("Start-EdgeSynchronization", {
            "Server": "hub", "TargetServer": "edge", "ForceFullSync": "full",
            "ForceUpdateCookie": "force_cookie", "WhatIf": "what_if",
        }, positional=()),
    ),
)  # fmt: skip
def run(
    context: Context,
    *,
    edge: Annotated[tuple[str, ...], EDGES] = (),
    hub: Annotated[tuple[str, ...], _HUB] = (),
    job: Annotated[tuple[str, ...], _JOBS] = (),
    full: Annotated[bool, Help("compare everything, whatever the cookie says")] = False,
    force_cookie: Annotated[bool, Help("advance the cookie although entries failed")] = False,
    what_if: Annotated[bool, Help("say what would be done, write nothing")] = False,
    delete_threshold: Annotated[
        int | None, Help("stop before writing when more entries would be deleted", metavar="N")
    ] = None,
    config: Annotated[
        str | None, Help("synchronize any two directories, described in this TOML", metavar="FILE")
    ] = None,
) -> Outcome:
    """Run EdgeSync now, as Start-EdgeSynchronization does; resets the timers of the schedule.

    With --config nothing of the lab is touched: source, target and attribute map are the file's.
    """
    if config is not None:
        from edgesync.sync.foreign import run_foreign

        done = run_foreign(
            Path(config), full=full, what_if=what_if, delete_threshold=delete_threshold,
            force_cookie=force_cookie, progress=context.progress,
        )  # fmt: skip
        return Outcome(done.document(), done.exit_code)
    return _outcome(
        _run(context, edge, hub, job, full=full, force_cookie=force_cookie, what_if=what_if,
             delete_threshold=delete_threshold)
    )  # fmt: skip


@operation(
    "sync", "plan", render=_render_plan, rows="runs", example="edgesync sync plan --edge EDGE01",
)  # fmt: skip
def plan(
    context: Context,
    *,
    edge: Annotated[tuple[str, ...], EDGES] = (),
    hub: Annotated[tuple[str, ...], _HUB] = (),
    job: Annotated[tuple[str, ...], _JOBS] = (),
    full: Annotated[bool, Help("compare everything, whatever the cookie says")] = False,
    delete_threshold: Annotated[int | None, Help("as sync run", metavar="N")] = None,
) -> Outcome:
    """Say what a run would change, object by object and why; nothing is written."""
    return _outcome(
        _run(context, edge, hub, job, full=full, what_if=True, delete_threshold=delete_threshold)
    )


def _run(
    context: Context, edges: Iterable[str], hubs: Iterable[str], jobs: Iterable[str], **options: Any
) -> SyncRun:
    from directory.clock import SystemClock
    from edgesync.sync.kinds import Job
    from edgesync.sync.report import SyncRun
    from edgesync.sync.run import ALL_JOBS

    service = edge_sync_of(context)
    service.stopwatch = SystemClock().monotonic
    chosen = tuple(_job(word) for word in jobs) or ALL_JOBS
    ordered = tuple(job for job in Job if job in chosen)
    reports: list[Any] = []
    for name in subscribed_edges(context, edges):
        for hub in tuple(hubs) or (None,):
            done = service.run(name, hub=hub, jobs=ordered, progress=context.progress, **options)
            reports += done.runs
    return SyncRun(tuple(reports), what_if=bool(options.get("what_if")))


def _job(word: str) -> Any:
    from edgesync.errors import UsageError
    from edgesync.sync.kinds import Job

    try:
        return Job(word.lower())
    except ValueError:
        raise UsageError(
            f"there is no job {word!r}", "jobs are configuration, recipients and topology"
        ) from None


def _outcome(done: SyncRun) -> Outcome:
    return Outcome(done.document(), done.exit_code)


def _render_verify(document: Document) -> Iterable[str]:
    for item in document["edges"]:
        last = item["last_synchronized_utc"] or "never"
        yield f"{item['edge']}  {item['sync_status']}  last synchronized {last}"
        if item["failure_detail"]:
            yield f"  {item['failure_detail']}"
        for kind, found in item["kinds"].items():
            name = kind.replace("_", " ")
            yield f"  {name:<24}{found['sync_status']:<18}{found['synchronized_objects']}"
            for dn in found["org_only_objects"]:
                yield f"    missing on the Edge  {dn}"
            for dn in found["edge_only_objects"]:
                yield f"    extra on the Edge    {dn}"
            for conflict in found["conflict_objects"]:
                who = conflict.get("changed", {})
                by = f"  changed {who['at']}, {who['command'] or who['by']}" if who else ""
                yield f"    differs              {conflict['dn']}  {conflict['attribute']}{by}"


@operation(
    "sync", "verify", render=_render_verify, rows="edges",
    example="edgesync sync verify --full",
    cmdlets=(
        Cmdlet("Test-EdgeSynchronization", {
            "TargetServer": "edge", "FullCompareMode": "full", "VerifyRecipient": "recipient",
            "ExcludeRecipientTest": "exclude_recipients", "MaxReportSize": "max_report_size",
        }, positional=(), ignored=("DomainController", "MonitoringContext")),
    ),
)  # fmt: skip
def verify(
    context: Context,
    *,
    edge: Annotated[tuple[str, ...], EDGES] = (),
    full: Annotated[bool, Help("compare every object, not only the cookie")] = False,
    recipient: Annotated[str | None, Help("check only this address", metavar="ADDRESS")] = None,
    exclude_recipients: Annotated[bool, Help("leave recipients out; faster")] = False,
    max_report_size: Annotated[str, Help("objects listed per kind, or unlimited")] = "1000",
) -> Outcome:
    """Compare Edges with AD, as Test-EdgeSynchronization does; exit code 3 if they differ.

    Without --full the configuration is judged by its cookie alone, which can say Normal while
    data differ.
    """
    from edgesync.errors import UsageError
    from edgesync.subscription.credentials import describe_records
    from edgesync.sync.verify import SyncStatus, document
    from edgesync.sync.verify import verify as compare

    if max_report_size.lower() == "unlimited":
        size = 2**31
    elif max_report_size.isdecimal() and int(max_report_size) >= 1:
        size = int(max_report_size)
    else:
        raise UsageError("--max-report-size is 1 or more, or unlimited", "default 1000")
    if recipient is not None and (full or exclude_recipients):
        raise UsageError("--recipient excludes --full and --exclude-recipients", "give one of them")
    service, lab = edge_sync_of(context), context.lab
    found = [
        compare(
            service.context(service.choose_hub(name), name), now=lab.clock.now(), full=full,
            recipient=recipient, exclude_recipients=exclude_recipients,
            describe=describe_records, blame=_blame(context, name),
        )
        for name in subscribed_edges(context, edge)
    ]  # fmt: skip
    code = ExitCode.OK
    for item in found:
        if item.status is SyncStatus.INCONCLUSIVE:
            code = item.error.exit_code if item.error is not None else ExitCode.UNREACHABLE
        elif not item.is_normal and code is ExitCode.OK:
            code = ExitCode.NO
    return Outcome(document(found, size), code)


def _blame(context: Context, edge: str) -> Any:
    """Who last changed an attribute in an Edge's ADAM, from its change log."""
    from edgesync.planning.changelog import last_change

    directory = context.lab.edge(edge)

    def changed(dn: Any, attribute: str) -> dict[str, Any] | None:
        found = last_change(directory, dn, attribute)
        return found.document() if found is not None else None

    return changed


# More verbs of this noun; here, so that run comes first in the help.
from edgesync.operations import sync_config, sync_state, sync_watch  # noqa: E402, F401
