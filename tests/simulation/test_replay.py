"""One seed, one trace: in any process, with any hash seed."""

import json
import os
import subprocess
import sys

import pytest

from edgesync.operations.performer import perform
from edgesync.simulation.play import play
from edgesync.simulation.scenario import read_scenario
from edgesync.simulation.world import world

SEEDS = (5, 6)


def _replayed(seed: int, hash_seed: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-m", "edgesync", "simulate", "replay", str(seed), "-o", "json"],
        capture_output=True, text=True, timeout=100, check=False,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_two_processes_with_two_hash_seeds_give_the_same_trace(seed: int) -> None:
    first, second = _replayed(seed, "1"), _replayed(seed, "4242")

    assert first == second
    assert first["seed"] == seed
    assert len(str(first["trace_hash"])) == 64


def test_the_same_process_gives_the_same_trace_line_by_line() -> None:
    first, second = (play(world(6), perform).trace.lines for _ in range(2))

    assert first == second


def test_other_seeds_are_other_worlds() -> None:
    assert len({world(seed).steps for seed in range(50)}) == 50


def test_a_world_written_as_a_scenario_is_the_same_world() -> None:
    story = world(11)
    again = read_scenario(story.document(), story.name)

    assert (again.steps, again.lab, again.seed) == (story.steps, story.lab, story.seed)
