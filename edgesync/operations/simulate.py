"""Scenarios and campaigns in virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from edgesync.errors import EdgeSyncError, ExitCode
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns
from edgesync.simulation.perform import Performed

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context


def perform(lab: Lab, command: str, folder: Path) -> Performed:
    """Run a command of a scenario as the command line does; what it refuses is an answer."""
    from edgesync.operations.runner import OperationRunner

    try:
        outcome = OperationRunner(folder).outcome(lab, command)
    except EdgeSyncError as error:
        return Performed(int(error.exit_code), {}, error.message)
    return Performed(int(outcome.exit_code), outcome.document, " ".join(outcome.notes))


def _render_list(document: Document) -> Iterable[str]:
    rows = [(s["name"], s["kind"], s["title"]) for s in document["scenarios"]]
    yield from columns(("Name", "Kind", "Title"), rows)


@operation(
    "simulate", "list", render=_render_list, rows="scenarios", needs_lab=False,
    example="edgesync simulate list",
)  # fmt: skip
def list_(_context: Context) -> Outcome:
    """List the shipped scenarios."""
    from edgesync.simulation.scenario import gallery

    rows = [{"name": s.name, "title": s.title, "kind": s.kind} for s in gallery().values()]
    return Outcome({"schema": "edgesync.simulate-list/1", "scenarios": rows})


def _render_play(document: Document) -> Iterable[str]:
    yield f"{document['title']}: {document['result']}"
    days = document["virtual_s"] / 86400
    yield (
        f"  {document['steps']} steps, {days:.1f} virtual days, {document['events']} events, "
        f"seed {document['seed']}, trace {document['trace_hash'][:16]}"
    )
    for failure in document["failures"]:
        yield f"  step {failure['step']} at {failure['at']}  {failure['checker']}"
        yield f"    {failure['detail']}"


@operation(
    "simulate", "run", render=_render_play, needs_lab=False,
    example="edgesync simulate run renewed-edge-breaks-trust",
)  # fmt: skip
def run(
    context: Context,
    scenario: Annotated[str, Help("a shipped scenario, or a TOML file", completes="scenario")],
) -> Outcome:
    """Play a scenario in a lab of its own, with every checker looking on.

    Exit code 3 when a checker or an expectation fails. The lab of --lab is not touched.
    """
    from edgesync.simulation.play import play
    from edgesync.simulation.scenario import find_scenario

    del context
    played = play(find_scenario(scenario), perform)
    document = {"schema": "edgesync.simulate-run/1", **played.document()}
    return Outcome(document, ExitCode.OK if played.passed else ExitCode.NO)
