"""docs/scenarios: a page and a timeline for each shipped scenario, and the list of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from edgesync.operations.performer import perform
from edgesync.simulation.acts import ACTS
from edgesync.simulation.expect import USAGE
from edgesync.simulation.fault_table import FAULTS
from edgesync.simulation.picture import timeline
from edgesync.simulation.play import play
from edgesync.simulation.scenario import Scenario, gallery
from scripts.generators.document import DOCS, NOTICE, document


@document("scenarios/README.md")
def index() -> str:
    """The list of scenarios, and the words they are written in."""
    lines = [
        "# Scenarios",
        "",
        "Each plays with `edgesync simulate run NAME` in a lab of its own, in virtual time, with",
        "every checker looking on; each is also a test. [Simulation](../simulation.md) says how,",
        "[what each tells](troubles.md) lists documented failures and reasons.",
    ]
    scenarios = sorted(gallery().values(), key=lambda s: (s.kind, s.name))
    for kind, members in groupby(scenarios, key=lambda s: s.kind):
        lines += ["", f"## {kind.capitalize()}", ""]
        lines += [f"- [{s.title}]({s.name}.md) (`{s.name}`)" for s in members]
    lines += ["", "## Faults", "", "| fault | what goes wrong |", "|---|---|"]
    lines += [f"| `fault {fault.usage}` | {fault.gist} |" for fault in FAULTS]
    lines += ["", "## Acts", "", "| act | what happens |", "|---|---|"]
    lines += [f"| `{usage}` | {gist} |" for usage, gist, _ in ACTS.values()]
    lines += ["", "## Expectations", ""]
    for usage in USAGE.values():
        words, _, gist = usage.partition(": ")
        lines.append(f"- `{words}`" + (f": {gist}" if gist else ""))
    return "\n".join(lines)


def _page(scenario: Scenario) -> Callable[[], str]:
    def page() -> str:
        return "\n".join(
            [
                f"# {scenario.title}",
                "",
                scenario.story,
                "",
                f"![Timeline of a play]({scenario.name}.svg)",
                "",
                "```sh",
                f"edgesync simulate run {scenario.name}",
                "```",
                "",
                "```text",
                *scenario.steps,
                "```",
            ]
        )

    return page


def drawings() -> Iterator[tuple[Path, str]]:
    """Each scenario's timeline, drawn from the trace of a play: that takes a minute for all.

    ``scripts/docs`` writes them; the test that plays a scenario compares.
    """
    for scenario in gallery().values():
        yield drawing_of(scenario.name), NOTICE + timeline(play(scenario, perform))


def drawing_of(name: str) -> Path:
    """Where a scenario's timeline is."""
    return DOCS / "scenarios" / f"{name}.svg"


for _scenario in gallery().values():
    document(f"scenarios/{_scenario.name}.md")(_page(_scenario))
