"""What-if on a fork, and plans that are searched and proved."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

from edgesync.errors import ExitCode, UsageError
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.operations.context import Context

_WIDTH = 78
_PACE = Help("seconds from one command to the next", metavar="SECONDS")


def render_stages(document: Document) -> Iterable[str]:
    """What a rehearsal came to, stage by stage."""
    from edgesync.planning.matrix import in_short

    for number, stage in enumerate(document["stages"]):
        yield from wrap(f"{number} {stage['what']}", _WIDTH, subsequent_indent="    ")
        if stage["exit_code"] not in {None, 0}:
            yield from _indented(f"exit {stage['exit_code']} {stage['message']}")
        words = "; ".join(in_short(stage["matrix"]["cells"]))
        yield from _indented(f"{stage['at'][11:19]}  trust: {words or 'every cell trusted'}")
        held = ", ".join(f"{m['flow']} {m['state']}" for m in stage["mail"] if m["state"] != "ok")
        yield from _indented(f"          mail:  {held or 'flows'}")
    yield ""
    loss = "; MAIL IS LOST" if document["mail_lost"] else ", none lost"
    yield f"Longest mail delay {document['mail_delay_s']:.0f} s{loss}."
    yield "Nothing was changed: all of this happened on a fork."


def _indented(text: str) -> Iterable[str]:
    return wrap(text, _WIDTH, initial_indent="    ", subsequent_indent="      ")


@operation(
    "trust", "whatif", on_copy=True, render=render_stages, rows="stages",
    example="edgesync trust whatif --do 'cert renew EDGE01 --yes'",
)  # fmt: skip
def whatif(
    context: Context,
    *,
    do: Annotated[tuple[str, ...], Help("a command, as typed; again for the next", metavar="CMD")],
    pace: Annotated[float, _PACE] = 60.0,
) -> Outcome:
    """Try commands on a fork in virtual time: trust and mail after each, nothing changed.

    Exit code 3 when trust is broken or mail lost at the end, 6 when a command is refused. An
    unknown command, or one about a server the lab has not, is refused before anything runs.
    """
    from directory.clock import SystemClock
    from edgesync.lab.folder import fork_lab
    from edgesync.operations.runner import workshop
    from edgesync.planning.planner import pace_of
    from edgesync.planning.whatif import rehearse

    if not do:
        raise UsageError("what if what?", "for example: --do 'cert renew EDGE01 --yes'")
    with workshop() as runner:
        rehearsal = rehearse(
            context.lab, do, fork=fork_lab, runner=runner, clock=SystemClock(),
            pace=pace_of(context.lab, pace),
        )  # fmt: skip
    failed = rehearsal.failed
    if failed is not None:
        notes = (f"{failed.command}: {failed.message}", "the steps after it were left out")
        return Outcome(rehearsal.document(), failed.exit_code, notes)
    bad = rehearsal.last.matrix.bad or rehearsal.last.lost
    return Outcome(rehearsal.document(), ExitCode.NO if bad else ExitCode.OK)


def _render_plan(document: Document) -> Iterable[str]:
    yield f"Renew {', '.join(document['servers'])}"
    yield ""
    for number, step in enumerate(document["steps"], 1):
        yield f"{number:>2}  {step['command']}"
        yield from wrap(step["why"], _WIDTH, initial_indent="    ", subsequent_indent="    ")
    yield ""
    proof = (
        f"{document['states_explored']} states explored, {document['cases_played']} courses played"
    )
    worst = document["worst_case"] if document["worst_case_s"] else "whatever it is"
    rows = [
        ("Longest mail delay", f"{document['mail_delay_s']:.0f} s"),
        ("With one fault", f"{document['worst_case_s']:.0f} s ({worst})"),
        ("Mail lost", document["mail_lost"]),
        ("Proof", proof),
    ]
    yield from columns(("", ""), rows)
    yield from _render_assumptions(document)
    if document["rejected"]:
        yield ""
        yield "Not taken:"
    for other in document["rejected"]:
        cost = other["mail_delay_s"]
        delay = f"{cost:.0f} s" if cost is not None else "until mended"
        yield from wrap(f"- {other['why']} (delay {delay})", _WIDTH, subsequent_indent="  ")


def _render_assumptions(document: Document) -> Iterable[str]:
    assumed = document["assumptions"]
    text = (
        f"Assumed: {assumed['command_s']:.0f} s between commands; a fault takes the administrator "
        f"away for {assumed['interruption_s']:.0f} s; queues try again every "
        f"{assumed['hub_retry_s']:.0f} s (Hub) and {assumed['edge_retry_s']:.0f} s (Edge); "
        f"EdgeSync runs every {assumed['sync_interval_s']:.0f} s."
    )
    yield from wrap(text, _WIDTH)
    if document["rehearsed"]:
        yield "The commands were run on a fork and left every cell trusted."


@operation(
    "trust", "plan", on_copy=True, render=_render_plan, rows="steps",
    example="edgesync trust plan renew EDGE01",
)  # fmt: skip
def plan(
    context: Context,
    what: Annotated[str, Help("what to plan: renew")],
    server: Annotated[tuple[str, ...], Help("Hub or Edge to renew", completes="server")],
    *,
    pace: Annotated[float, _PACE] = 60.0,
    certificate: Annotated[
        str | None, Help("one from an authority, in the store already", completes="thumbprint")
    ] = None,
    keep_old: Annotated[bool, Help("leave the old certificate in the store")] = False,
) -> Outcome:
    """Find the order of steps that renews a certificate with the least mail delay and no loss.

    Every order of the primitive steps is searched, under the sync schedule and with one fault at
    every place; the plan is run on a fork before it is printed. The commands run as they stand.
    """
    from directory.clock import SystemClock
    from edgesync.lab.folder import fork_lab
    from edgesync.operations.runner import workshop
    from edgesync.planning.planner import pace_of, plan_renewal

    if what != "renew":
        raise UsageError(f"cannot plan {what!r}", "edgesync trust plan renew SERVER")
    lab = context.lab
    mark = lab.store(server[0]).find(certificate).thumbprint if certificate else ""
    with workshop() as runner:
        found = plan_renewal(
            lab, server, fork=fork_lab, runner=runner, clock=SystemClock(),
            pace=pace_of(lab, pace), certificate=mark, remove_old=not keep_old,
        )  # fmt: skip
    return Outcome(found.document())
