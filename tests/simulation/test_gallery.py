"""Every shipped scenario is a test: its expectations hold and no checker complains."""

import re

import pytest

from edgesync.operations.performer import perform
from edgesync.simulation.picture import timeline
from edgesync.simulation.play import play
from edgesync.simulation.scenario import gallery
from edgesync.trust.verdict import Reason
from scripts.generators.document import NOTICE, ROOT
from scripts.generators.scenarios import drawing_of
from scripts.generators.troubles_told import CERTIFICATE_FACTS_9, EDGESYNC_FACTS_10, Row, telling

SCENARIOS = gallery()


@pytest.mark.slow
@pytest.mark.fact("edgesync-facts 10")
@pytest.mark.fact("certificate-facts 9")
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenario_ends_as_it_says(name: str) -> None:
    played = play(SCENARIOS[name], perform)

    assert [f"step {f.step} {f.checker}: {f.detail}" for f in played.failures] == []
    drawn = NOTICE + timeline(played)
    assert drawn == drawing_of(name).read_text("utf-8"), "run scripts/docs and commit the result"


@pytest.mark.parametrize("name", ["first-day", "tls-stripped", "lost-acknowledgement"])
def test_a_few_of_them_also_end_well_in_a_quick_run(name: str) -> None:
    assert play(SCENARIOS[name], perform).passed


def test_at_least_thirty_are_shipped_each_with_its_story() -> None:
    assert len(SCENARIOS) >= 30
    assert all(scenario.title and scenario.story for scenario in SCENARIOS.values())
    assert len({scenario.title for scenario in SCENARIOS.values()}) == len(SCENARIOS)


def test_every_reason_word_is_told_by_a_scenario() -> None:
    assert [reason for reason in Reason if not telling(reason, SCENARIOS)] == []


@pytest.mark.parametrize(
    ("rows", "count"), [(EDGESYNC_FACTS_10, 19), (CERTIFICATE_FACTS_9, 14)], ids=("sync", "tls")
)
def test_every_documented_failure_is_told_by_scenarios_or_says_where_else(
    rows: tuple[Row, ...], count: int
) -> None:
    assert [row.number for row in rows] == list(range(1, count + 1))
    for row in rows:
        assert all(name in SCENARIOS for name in row.scenarios), row
        assert bool(row.scenarios) != bool(row.elsewhere), row
        if row.elsewhere:
            (path,) = re.findall(r"tests/\S+\.py", row.elsewhere)
            assert (ROOT / path).is_file(), path
