from typing import Annotated, Literal

import pytest

from edgesync.errors import UsageError
from edgesync.operations import registry
from edgesync.operations.registry import (
    Document,
    Help,
    Operation,
    Outcome,
    all_operations,
    nouns,
    operation,
)


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Operation:
    monkeypatch.setattr(registry, "_REGISTRY", {})

    @operation("trial", "run", render=lambda _: (), example="edgesync trial run HUB01")
    def run(
        context: object,
        server: Annotated[str, Help("a server")],
        *,
        edge: Annotated[tuple[str, ...], Help("edges")] = (),
        full: Annotated[bool, Help("everything")] = False,
        kind: Annotated[Literal["a", "b"], Help("which")] = "a",
        limit: Annotated[int | None, Help("most")] = None,
    ) -> Outcome:
        """Try something.

        With more words.
        """
        document: Document = {"server": server, "edge": list(edge), "full": full, "kind": kind}
        return Outcome({**document, "limit": limit})

    return registry._REGISTRY["trial.run"]


def test_positional_parameters_are_arguments_and_keyword_ones_options(declared: Operation) -> None:
    kinds = {p.name: (p.is_argument, p.is_list, p.is_required) for p in declared.parameters}

    assert kinds["server"] == (True, False, True)
    assert kinds["edge"] == (False, True, False)
    assert declared.summary == "Try something."
    assert declared.details == "With more words."


def test_parameters_from_json_are_checked_by_name_type_and_choice(declared: Operation) -> None:
    assert declared.bind({"server": "HUB01", "edge": ["A"]}) == {"server": "HUB01", "edge": ("A",)}
    wrong: list[dict[str, object]] = [
        {},
        {"server": 1},
        {"server": "x", "full": "yes"},
        {"server": "x", "limit": True},
        {"server": "x", "kind": "c"},
        {"server": "x", "sevrer": "y"},
    ]
    for given in wrong:
        with pytest.raises(UsageError):
            declared.bind(given)


@pytest.mark.parametrize("number", [-1, 2**63])
def test_a_whole_number_counts_from_zero_to_what_can_be_kept(
    declared: Operation, number: int
) -> None:
    with pytest.raises(UsageError, match="limit must be from 0 to"):
        declared.bind({"server": "HUB01", "limit": number})
    [limit] = [p for p in declared.parameters if p.name == "limit"]
    assert {"minimum": 0, "maximum": 2**63 - 1}.items() <= limit.schema().items()


def test_a_call_can_be_written_down_as_the_command_that_does_it(declared: Operation) -> None:
    given = declared.bind({"server": "HUB 01", "edge": ["A", "B"], "full": True, "limit": 3})

    line = declared.command_line(given)

    assert line == "edgesync trial run 'HUB 01' --edge A --edge B --full --limit 3"


def test_every_operation_says_what_it_does_and_gives_an_example_that_starts_it() -> None:
    for item in all_operations():
        assert item.summary.endswith("."), item.name
        names = (item.command, *(cmdlet.name for cmdlet in item.cmdlets))
        assert any(name in item.example for name in names), item.name
        for parameter in item.parameters:
            assert parameter.help.text, f"{item.name} {parameter.name}"


def test_every_noun_with_operations_has_a_line_of_help() -> None:
    assert all(line for line in nouns().values())
    assert {item.noun for item in all_operations()} == set(nouns())


def test_no_two_operations_answer_to_one_cmdlet_with_the_same_fixed_words() -> None:
    seen: set[str] = set()
    for item in all_operations():
        for cmdlet in item.cmdlets:
            assert cmdlet.name.lower() not in seen, cmdlet.name
            seen.add(cmdlet.name.lower())
            targets = {p.name for p in item.parameters}
            assert set(cmdlet.parameters.values()) <= targets, cmdlet.name
            assert set(cmdlet.fixed) <= targets, cmdlet.name
