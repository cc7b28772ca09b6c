from pathlib import Path

import pytest

from edgesync.cli.options import split
from edgesync.errors import UsageError


def test_global_options_may_stand_before_or_after_the_command() -> None:
    before, words_before = split(["-o", "json", "--lab", "x", "sync", "run"], {})
    after, words_after = split(["sync", "run", "--output=json", "--lab=x"], {})

    assert before == after
    assert words_before == words_after == ["sync", "run"]
    assert before.lab == Path("x")


def test_words_after_a_double_dash_are_left_alone() -> None:
    options, words = split(["trust", "whatif", "--", "-o", "json"], {})

    assert options.output == "table"
    assert words == ["trust", "whatif", "--", "-o", "json"]


def test_the_lab_comes_from_the_environment_when_not_named() -> None:
    assert split([], {"EDGESYNC_LAB": "/srv/lab"})[0].lab == Path("/srv/lab")
    assert split([], {})[0].lab == Path(".edgesync")


@pytest.mark.parametrize("argv", [["-o"], ["-o", "yaml"], ["--color", "blue"]])
def test_a_global_option_without_a_fitting_value_is_wrong_usage(argv: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        split(argv, {})

    assert caught.value.hint


def test_no_answer_is_given_unless_yes_or_no_was_said() -> None:
    assert split([], {})[0].answer is None
    assert split(["-y"], {})[0].answer is True
    assert split(["--no"], {})[0].answer is False
