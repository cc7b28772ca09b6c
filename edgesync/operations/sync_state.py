"""How EdgeSync stands: status of every job, past runs, who holds the lease."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing
from edgesync.operations.sync_target import EDGES, edge_sync_of, subscribed_edges

if TYPE_CHECKING:
    from edgesync.operations.context import Context

JobName = Literal["configuration", "recipients", "topology"]


def _render_status(document: Document) -> Iterable[str]:
    for item in document["edges"]:
        lease = item["lease"]
        held = f"{lease['kind']} of {lease['holder']} until {lease['expires_at']}" if lease else ""
        yield f"{item['edge']}  site {item['site']}  {held}".rstrip()
        rows = [
            (j["job"], j["result"], j["hub"], j["at"], j["consecutive_failures"], j["next_due"])
            for j in item["jobs"]
        ]
        yield from columns(("Job", "Result", "Hub", "Ran", "Failures", "Next due"), rows, indent=2)


@operation(
    "sync", "status", render=_render_status, rows="edges", example="edgesync sync status",
)  # fmt: skip
def status(context: Context, *, edge: Annotated[tuple[str, ...], EDGES] = ()) -> Outcome:
    """Show when each job last ran on each Edge, how it ended, and when it is due again."""
    rows = [_status_of(context, name) for name in subscribed_edges(context, edge)]
    return Outcome({"schema": "edgesync.sync-status/1", "edges": rows})


def _status_of(context: Context, name: str) -> Document:
    from edgesync.organization.servers import read_server
    from edgesync.sync.kinds import Job
    from edgesync.sync.report import instant, lease_document
    from edgesync.sync.schedule import interval
    from edgesync.sync.status import readable_statuses

    lab = context.lab
    directory = lab.edge(name)
    own = read_server(lab.edge_port(name), directory.names, directory.name)
    known = edge_sync_of(context).edge_object(name)
    statuses = readable_statuses(value.encode() for value in own.status) if own else {}
    timing = edge_sync_of(context).context(edge_sync_of(context).choose_hub(name), name).timing
    jobs = []
    for job in Job:
        found = statuses.get(job.value)
        jobs.append(
            {
                "job": job.value,
                "result": found.result if found else "never",
                "hub": found.hub if found else None,
                "at": instant(found.at) if found else None,
                "synchronized_at": instant(found.synchronized_at)
                if found and found.synchronized_at
                else None,
                "consecutive_failures": found.consecutive_failures if found else 0,
                "detail": found.detail if found else "",
                "next_due": instant(found.at + interval(job, timing))
                if found
                else instant(lab.clock.now()),
            }
        )
    return {
        "edge": name,
        "site": known.site.rdn.value if known.site else None,
        "lease": lease_document(_lease(own.lease if own else None)),
        "jobs": jobs,
    }


def _lease(value: bytes | None) -> Any:
    from edgesync.sync.lease import parse_lease

    if value is None:
        return None
    try:
        return parse_lease(value)
    except ValueError:
        return None


def _render_history(document: Document) -> Iterator[str]:
    rows = [
        (r["started_at"], r["hub"], r["edge"], r["job"], r["mode"], r["result"], r["added"],
         r["updated"], r["moved"], r["deleted"], r["failed"])
        for r in document["runs"]
    ]  # fmt: skip
    yield from columns(
        ("Started", "Hub", "Edge", "Job", "Mode", "Result", "Added", "Updated", "Moved", "Deleted",
         "Failed"), rows,
    )  # fmt: skip
    for run_ in document["runs"]:
        for error in run_["errors"]:
            yield f"  {run_['started_at']} {error['dn']}: {error['code']} {error['message']}"


@operation(
    "sync", "history", render=_render_history, rows="runs",
    example="edgesync sync history --edge EDGE01 --limit 20",
)  # fmt: skip
def history(
    context: Context,
    *,
    edge: Annotated[str | None, Help("only this Edge", completes="edge")] = None,
    job: Annotated[JobName | None, Help("only this job")] = None,
    limit: Annotated[int, Help("how many, newest first", metavar="N")] = 50,
    errors: Annotated[bool, Help("only runs in which something failed")] = False,
) -> Outcome:
    """List past runs, newest first, with the entries that failed in each."""
    found = edge_sync_of(context).history.runs(edge=edge, job=job, limit=limit)
    rows = [row for row in found if not errors or row["errors"] or row["result"] != "success"]
    return Outcome({"schema": "edgesync.sync-history/1", "runs": rows})


def _render_lease(document: Document) -> Iterable[str]:
    for item in document["leases"]:
        yield from listing(item.items())


@operation(
    "sync", "lease", render=_render_lease, rows="leases", example="edgesync sync lease",
)  # fmt: skip
def lease(context: Context, *, edge: Annotated[tuple[str, ...], EDGES] = ()) -> Outcome:
    """Show which Hub holds each Edge: option or lock, until when, how often it changed hands."""
    from edgesync.organization.servers import read_server
    from edgesync.sync.report import instant

    lab = context.lab
    rows = []
    for name in subscribed_edges(context, edge):
        directory = lab.edge(name)
        own = read_server(lab.edge_port(name), directory.names, directory.name)
        found = _lease(own.lease if own else None)
        now = lab.clock.now()
        rows.append(
            {
                "edge": name,
                "holder": found.holder if found else None,
                "kind": found.kind.value if found else "none",
                "expires_at": instant(found.expires_at) if found else None,
                "option_expires_at": instant(found.option_expires_at) if found else None,
                "is_live": bool(found and now < found.expires_at),
                "generation": found.generation if found else 0,
            }
        )
    return Outcome({"schema": "edgesync.sync-lease/1", "leases": rows})
