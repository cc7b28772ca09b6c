"""Scenario files: what is read, what is refused, and with which words."""

from datetime import timedelta
from pathlib import Path

import pytest

from edgesync.errors import ConfigurationError, EdgeSyncError, InputInvalid, NoSuchThing
from edgesync.operations.commands import parse_command
from edgesync.operations.context import Context
from edgesync.operations.performer import perform
from edgesync.simulation.play import play
from edgesync.simulation.scenario import (
    LabOptions,
    Scenario,
    find_scenario,
    parse_span,
    read_scenario,
)

WHOLE = 'title = "t"\nkind = "k"\n[play]\nsteps = """\nadvance 5m # a while\n\n# nothing\n"""\n'


def test_comments_and_empty_lines_are_no_steps() -> None:
    assert read_scenario(WHOLE, "x").steps == ("advance 5m",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title = ", "x:"),
        (WHOLE.replace("title", "titel"), "title"),
        (WHOLE + "[lab]\nhubz = 3\n", "hubz"),
        (WHOLE + '[lab]\nversion = "exchange-1999"\n', "exchange-1999"),
        ("seed = inf\n" + WHOLE, "infinity"),
        ("a = " + "[" * 5000, "brackets"),
        ("a" + ".a" * 500 + " = 1", "dots"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused_by_its_element(text: str, says: str) -> None:
    with pytest.raises(InputInvalid, match=says):
        read_scenario(text, "x")


@pytest.mark.parametrize("size", ["hubs", "sites", "edges"])
def test_a_lab_of_a_thousand_million_is_refused_before_it_is_made(size: str) -> None:
    with pytest.raises(ConfigurationError, match="at most"):
        read_scenario(f"{WHOLE}[lab]\n{size} = 1_000_000_000\n", "x")


def test_an_unknown_name_is_no_such_thing_and_a_file_is_taken(tmp_path: Path) -> None:
    with pytest.raises(NoSuchThing, match="no scenario"):
        find_scenario("nobody-wrote-this")
    path = tmp_path / "own.toml"
    path.write_text(WHOLE, encoding="utf-8")

    assert find_scenario(str(path)).name == "own"


def test_a_span_without_a_unit_is_refused() -> None:
    with pytest.raises(InputInvalid, match="no span"):
        parse_span("5")
    with pytest.raises(InputInvalid, match="too long"):
        parse_span("9999999999999d")
    assert parse_span("-1.5h") == timedelta(hours=-1.5)
    assert parse_span("2h") == timedelta(hours=2)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("fault earthquake EDGE01", "there is no fault"),
        ("fault cut HUB01", "fault cut HUB01"),
        ("fault crash HUB01 EDGE01", "in memory"),
        ("fault crash-write AD 0", "in memory"),
        ("expect miracles", "miracles"),
        ("expect queue many", "queue many"),
        ("plant EDGE01 potatoes", "potatoes"),
        ("restore EDGE01", "no backup"),
        ("cert renew NOBODY --yes", "NOBODY"),
        ("sing", "sing"),
        ("cert list EDGE01 => 3", "exit 0, not 3"),
    ],
)
def test_a_step_that_cannot_be_taken_fails_the_play_and_says_why(step: str, says: str) -> None:
    lab = LabOptions(sites=1, hubs=1, edges=1, recipients=1)
    played = play(Scenario("s", "s", "s", (step,), lab=lab), perform)

    assert [says in failure.detail for failure in played.failures] == [True]


def test_a_failed_expectation_is_exit_code_3_with_step_and_instant(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(WHOLE.replace("advance 5m", "expect queue 7"), encoding="utf-8")

    outcome = parse_command(f"simulate run {path}").run(Context())

    assert int(outcome.exit_code) == 3
    assert outcome.document["result"] == "failed"
    assert outcome.document["failures"][0]["step"] == 1
    assert set(outcome.document) >= {"seed", "trace_hash", "result", "failures"}


def test_the_list_has_name_title_and_kind() -> None:
    rows = parse_command("simulate list").run(Context()).document["scenarios"]

    assert len(rows) >= 30
    assert all(set(row) == {"name", "title", "kind"} for row in rows)


def test_an_operation_that_refuses_is_an_answer_not_a_crash() -> None:
    with pytest.raises(EdgeSyncError):
        parse_command("simulate run").run(Context())
