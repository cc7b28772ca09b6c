"""Reports to attach to a change request, or for a CI to judge."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

from edgesync.errors import ExitCode, UsageError
from edgesync.operations.registry import Document, Help, Outcome, operation

if TYPE_CHECKING:
    from edgesync.operations.context import Context

_WIDTH = 78


def _render_health(document: Document) -> Iterable[str]:
    counts = document["summary"]
    yield (
        f"{document['lab']}, {document['version']}: {counts['error']} errors, "
        f"{counts['warning']} warnings, {counts['ok']} in order"
    )
    for finding in document["findings"]:
        if finding["status"] == "ok":
            continue
        text = (
            f"{finding['status'].upper()} {finding['check']}, {finding['subject']}: "
            f"{finding['detail']}"
        )
        yield from wrap(text, _WIDTH, subsequent_indent="    ")
        yield from (f"    {command}" for command in finding["fix"])
    if document["assumptions"]:
        yield ""
        yield "The lab was imported and assumes:"
    for line in document["assumptions"]:
        yield from wrap(f"- {line}", _WIDTH, subsequent_indent="  ")


@operation(
    "report", "health", render=_render_health, rows="findings",
    example="edgesync report health -o html > health.html",
)  # fmt: skip
def health(context: Context) -> Outcome:
    """Check everything Hub and Edge rest on: trust, certificates, credentials, replicas.

    ``-o html`` is one printable file, ``-o junit`` for a CI. Exit code 3 when something is wrong.
    """
    from directory.clock import SystemClock
    from edgesync.planning.report import health_document, health_html, health_junit

    document = health_document(context.lab, SystemClock())
    document["texts"] = {"html": health_html(document), "junit": health_junit(document)}
    return Outcome(document, ExitCode.NO if document["summary"]["error"] else ExitCode.OK)


def _render_rehearsal(document: Document) -> Iterable[str]:
    from edgesync.operations.trust_plan import render_stages

    yield from render_stages(document)


@operation(
    "report", "rehearsal", on_copy=True, render=_render_rehearsal, rows="stages",
    example="edgesync report rehearsal --renew EDGE01 -o html > rehearsal.html",
)  # fmt: skip
def rehearsal(
    context: Context,
    *,
    renew: Annotated[tuple[str, ...], Help("plan and rehearse a renewal", completes="server")] = (),
    do: Annotated[tuple[str, ...], Help("a command to rehearse, as typed", metavar="CMD")] = (),
    pace: Annotated[float, Help("seconds from one command to the next", metavar="SECONDS")] = 60.0,
) -> Outcome:
    """Rehearse commands, or a planned renewal, on a fork and report every stage.

    ``-o html`` is one printable file with plan, proof and stages; ``-o junit`` for a CI. Exit
    code 3 when trust is broken or mail lost in the end.
    """
    from directory.clock import SystemClock
    from edgesync.lab.folder import fork_lab
    from edgesync.operations.runner import workshop
    from edgesync.planning.planner import pace_of, plan_renewal
    from edgesync.planning.report import rehearsal_document, rehearsal_html, rehearsal_junit
    from edgesync.planning.whatif import rehearse

    if bool(renew) == bool(do):
        raise UsageError(
            "rehearse what?", "give --renew SERVER, or commands with --do, and not both"
        )
    lab, clock, speed = context.lab, SystemClock(), pace_of(context.lab, pace)
    plan = None
    commands = do
    with workshop() as runner:
        if renew:
            found = plan_renewal(lab, renew, fork=fork_lab, runner=runner, clock=clock, pace=speed)
            plan, commands = found.document(), tuple(step.command for step in found.steps)
        done = rehearse(lab, commands, fork=fork_lab, runner=runner, clock=clock, pace=speed)
    document = rehearsal_document(lab, done.document(), plan)
    document["texts"] = {"html": rehearsal_html(document), "junit": rehearsal_junit(document)}
    good = document["trusted"] and not document["mail_lost"] and done.failed is None
    return Outcome(document, ExitCode.OK if good else ExitCode.NO)
