import pytest

from edgesync.errors import UsageError
from edgesync.operations.commands import parse_command
from edgesync.operations.registry import all_operations


def test_a_command_is_read_with_or_without_the_program_name() -> None:
    bare = parse_command("directory search '(cn=EDGE01)' --server EDGE01 --attribute cn --limit=3")
    whole = parse_command(
        "edgesync directory search '(cn=EDGE01)' --server EDGE01 --attribute cn --limit 3"
    )

    assert bare == whole
    assert bare.parameters == {
        "filter_": "(cn=EDGE01)", "server": "EDGE01", "attribute": ("cn",), "limit": 3,
    }  # fmt: skip


def test_what_a_command_says_of_itself_reads_back_as_the_same_command() -> None:
    command = parse_command("directory tree 'CN=a b,DC=x' --depth 2")

    assert parse_command(command.text) == command


def test_cmdlets_are_commands_too() -> None:
    command = parse_command("Get-ExchangeServer -Identity HUB01")

    assert command.operation.name == "server.list"
    assert command.parameters == {"name": "HUB01"}


def test_yes_and_no_are_the_answer_and_no_parameter() -> None:
    assert parse_command("lab destroy --yes").answer is True
    assert parse_command("lab destroy").answer is None


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        ("fly away", "fly"),
        ("lab fly", "fly"),
        ("server list --sevrer x", "--sevrer"),
        ("server list a b", "'b'"),
        ("directory tree --depth two", "depth"),
        ("directory tree --depth", "--depth"),
        ("server list 'x", "quotation"),
        ("Get-Nothing", "Get-Nothing"),
    ],
)
def test_a_word_that_does_not_fit_is_named(text: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        parse_command(text)


def test_every_example_in_the_help_is_a_command_that_parses() -> None:
    for operation in all_operations():
        first = operation.example.split("&&")[0].split(" > ")[0]
        if "$(" not in first and "|" not in first.replace("(|", ""):
            assert parse_command(first).operation == operation, operation.name
