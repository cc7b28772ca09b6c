"""Scenarios and campaigns in virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from edgesync.errors import ExitCode
from edgesync.operations.performer import perform
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.operations.context import Context


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


@operation(
    "simulate", "replay", render=_render_play, needs_lab=False,
    example="edgesync simulate replay 4711",
)  # fmt: skip
def replay(
    context: Context,
    seed: Annotated[int, Help("seed of a campaign")],
    *,
    steps: Annotated[bool, Help("print the story as a scenario instead of playing it")] = False,
) -> Outcome:
    """Play the world of one seed again: the same trace on any machine, in any process.

    Exit code 3 when a checker fails.
    """
    from edgesync.simulation.play import play
    from edgesync.simulation.world import world

    del context
    scenario = world(seed)
    if steps:
        document = {
            "schema": "edgesync.simulate-replay/1", "seed": seed, "scenario": scenario.document(),
        }  # fmt: skip
        return Outcome(document)
    played = play(scenario, perform)
    document = {"schema": "edgesync.simulate-replay/1", **played.document()}
    return Outcome(document, ExitCode.OK if played.passed else ExitCode.NO)


def _render_campaign(document: Document) -> Iterable[str]:
    failed = document["failed"]
    yield f"{document['seeds']} worlds, {len(failed)} failed"
    for row in failed:
        yield f"  seed {row['seed']}  {row['checker']}: {row['detail']}"
        yield f"    {row['replay']}"
    yield ""
    rows = [
        (
            m["kind"],
            str(m["worlds"]),
            str(m["times"]),
            "" if m["struck"] is None else str(m["struck"]),
        )
        for m in document["coverage"]
    ]
    yield from columns(("Met", "Worlds", "Times", "Struck"), rows)
    if document["shortest"]:
        yield ""
        yield "The first failure, shrunk:"
        yield document["shortest"]


@operation(
    "simulate", "campaign", render=_render_campaign, needs_lab=False, rows="failed", remote=False,
    example="edgesync simulate campaign --seeds 0..99 --workers 2",
)  # fmt: skip
def campaign(
    context: Context,
    *,
    seeds: Annotated[str, Help("first and last seed", metavar="A..B")],
    workers: Annotated[int, Help("processes; 0: one per processor")] = 0,
    dask: Annotated[str | None, Help("scheduler of a Dask cluster", metavar="ADDRESS")] = None,
    results: Annotated[str | None, Help("SQLite file to keep results in", metavar="FILE")] = None,
    picture: Annotated[str | None, Help("SVG file for the summary", metavar="FILE")] = None,
) -> Outcome:
    """Play the worlds of many seeds on many processes and report what failed.

    Exit code 3 when any seed failed; the first one is shrunk to a short scenario.
    """
    from edgesync.operations.campaign_workers import play_one, pool
    from edgesync.simulation.campaign import (
        ResultFile,
        coverage_of,
        run_campaign,
        shortest,
    )
    from edgesync.simulation.picture import summary

    chosen = _seeds(seeds)
    with pool(workers, dask) as (executor, size):
        found = sorted(
            run_campaign(chosen, play_one, executor, size, context.progress), key=lambda r: r.seed
        )
    if results is not None:
        ResultFile(Path(results)).keep(found)
    if picture is not None:
        Path(picture).write_text(summary(found), encoding="utf-8")
    failed = [result for result in found if result.failed]
    document = {
        "schema": "edgesync.simulate-campaign/1",
        "seeds": len(found),
        "failed": [
            {"seed": r.seed, "checker": r.checker, "detail": r.detail, "replay": r.replay}
            for r in failed
        ],
        "shortest": shortest(failed[0], perform).document() if failed else "",
        "coverage": [asdict(met) for met in coverage_of(found)],
        "virtual_s": sum(r.virtual_s for r in found),
        "events": sum(r.events for r in found),
    }
    return Outcome(document, ExitCode.NO if failed else ExitCode.OK)


def _seeds(text: str) -> range:
    from edgesync.errors import UsageError
    from edgesync.simulation.campaign import SEEDS_MAX

    first, dots, last = text.partition("..")
    if not first.isdecimal() or (dots and not last.isdecimal()):
        raise UsageError(f"{text!r} is no range of seeds", "for example: --seeds 0..99")
    chosen = range(int(first), int(last or first) + 1)
    if not 0 < len(chosen) <= SEEDS_MAX:
        raise UsageError(f"{text} has {len(chosen)} seeds", f"1 to {SEEDS_MAX}, the smaller first")
    return chosen
