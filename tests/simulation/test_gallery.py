"""Every shipped scenario is a test: its expectations hold and no checker complains."""

import pytest

from edgesync.operations.performer import perform
from edgesync.simulation.play import play
from edgesync.simulation.scenario import gallery
from edgesync.trust.verdict import Reason

SCENARIOS = gallery()


@pytest.mark.slow
@pytest.mark.fact("edgesync-facts 10")
@pytest.mark.fact("certificate-facts 9")
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenario_ends_as_it_says(name: str) -> None:
    played = play(SCENARIOS[name], perform)

    assert [f"step {f.step} {f.checker}: {f.detail}" for f in played.failures] == []


@pytest.mark.parametrize("name", ["first-day", "tls-stripped", "lost-acknowledgement"])
def test_a_few_of_them_also_end_well_in_a_quick_run(name: str) -> None:
    assert play(SCENARIOS[name], perform).passed


def test_at_least_thirty_are_shipped_each_with_its_story() -> None:
    assert len(SCENARIOS) >= 30
    assert all(scenario.title and scenario.story for scenario in SCENARIOS.values())
    assert len({scenario.title for scenario in SCENARIOS.values()}) == len(SCENARIOS)


def test_every_reason_word_that_a_lab_can_make_is_in_the_gallery() -> None:
    told = " ".join(step for scenario in SCENARIOS.values() for step in scenario.steps)
    missing = {reason.value for reason in Reason if f" {reason.value}" not in told}

    # keys below 1024 bits cannot be made by any cmdlet; unit tests of direct trust have them
    assert missing - {"trusted"} == {"weak_certificate"}
