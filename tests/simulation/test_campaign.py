"""Campaigns: many seeds on processes or on Dask, one file of results, failures made short."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edgesync.errors import EdgeSyncError, ExitCode
from edgesync.operations.campaign_workers import play_one, pool
from edgesync.operations.commands import parse_command
from edgesync.operations.context import Context
from edgesync.simulation import campaign
from edgesync.simulation.campaign import Result, ResultFile, run_campaign
from edgesync.simulation.scenario import Scenario
from edgesync.simulation.shrink import shrink

QUICK = range(6, 8)
"""Worlds that take a second or two."""


def result(seed: int, checker: str = "") -> Result:
    return Result(seed, f"{seed:064x}", checker, "", 10, 20, 3600.0)


@pytest.mark.slow
def test_two_processes_play_the_same_worlds_as_one() -> None:
    found = []
    for workers in (1, 2):
        with pool(workers, None) as (executor, size):
            results = run_campaign(QUICK, play_one, executor, size)
            found.append(sorted(results, key=lambda r: r.seed))

    assert found[0] == found[1]
    assert [r.seed for r in found[0]] == list(QUICK)


@pytest.fixture
def scheduler() -> Iterator[str]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_of_two_workers_plays_them_too(scheduler: str) -> None:
    with pool(0, scheduler) as (executor, size):
        found = sorted(run_campaign(QUICK, play_one, executor, size), key=lambda r: r.seed)

    assert size == 2
    assert found == [play_one(seed) for seed in QUICK]


@pytest.mark.filterwarnings("ignore")
def test_no_scheduler_at_an_address_is_said_with_what_to_do() -> None:
    with pytest.raises(EdgeSyncError) as refused, pool(0, "tcp://127.0.0.1:1"):
        pass

    assert refused.value.hint
    assert refused.value.exit_code in {ExitCode.UNREACHABLE, ExitCode.FAILED}


def test_worlds_are_handed_out_a_few_at_a_time_and_progress_is_told() -> None:
    told: list[int] = []
    with ThreadPoolExecutor(2) as executor:
        found = list(
            run_campaign(range(30), result, executor, 2, lambda step: told.append(step["done"]))
        )

    assert sorted(r.seed for r in found) == list(range(30))
    assert told == list(range(1, 31))


def test_results_are_kept_in_a_file_that_sqlite_reads(tmp_path: Path) -> None:
    path = tmp_path / "results.db"
    ResultFile(path).keep([result(1), result(2, "one-way")])
    ResultFile(path).keep([result(2)])

    assert ResultFile(path).results() == [result(1), result(2)]
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT count(*) FROM result WHERE checker = ''").fetchone() == (2,)
    db.close()


def test_shrinking_keeps_only_the_steps_that_matter() -> None:
    story = Scenario("s", "s", "s", tuple(f"step {n}" for n in range(40)))

    def fails(scenario: Scenario) -> bool:
        return {"step 7", "step 31"} <= set(scenario.steps)

    assert shrink(story, fails).steps == ("step 7", "step 31")


def test_a_failed_seed_comes_with_the_command_that_replays_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def judged(scenario: Scenario, _perform: object) -> Result:
        bad = any(step.startswith("send") for step in scenario.steps)
        return result(scenario.seed, "mail-lost" if bad else "")

    monkeypatch.setattr(campaign, "judge", judged)
    monkeypatch.setattr("edgesync.operations.campaign_workers.play_one", play_judged)
    monkeypatch.setattr("edgesync.operations.campaign_workers.ProcessPoolExecutor", in_threads)
    picture = tmp_path / "summary.svg"
    command = parse_command(f"simulate campaign --seeds 0..9 --workers 2 --picture {picture}")

    outcome = command.run(Context())

    assert outcome.exit_code is ExitCode.NO
    first = outcome.document["failed"][0]
    assert first["replay"] == f"edgesync simulate replay {first['seed']}"
    assert outcome.document["shortest"].count("\nsend ") == 1
    assert picture.read_text("utf-8").count("<rect") == 11


def play_judged(seed: int) -> Result:
    return campaign.play_seed(seed, lambda *_: None)  # type: ignore[arg-type]  # unused


def in_threads(workers: int, **_: object) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers)


@pytest.mark.parametrize("seeds", ["x", "5..", "9..3", "0..99999999"])
def test_a_senseless_range_of_seeds_is_refused(seeds: str) -> None:
    with pytest.raises(EdgeSyncError, match="seeds"):
        parse_command(f"simulate campaign --seeds {seeds}").run(Context())
