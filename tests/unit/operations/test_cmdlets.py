import pytest

from edgesync.errors import UsageError
from edgesync.operations import cmdlets


def test_a_cmdlet_is_found_in_any_case() -> None:
    operation, cmdlet = cmdlets.find_cmdlet("get-exchangeserver")

    assert operation.name == "server.list"
    assert cmdlet.name == "Get-ExchangeServer"


def test_parameters_may_be_positional_abbreviated_or_joined_by_a_colon() -> None:
    operation, cmdlet = cmdlets.find_cmdlet("Set-SendConnector")

    given, answer = cmdlets.parse(
        operation, cmdlet, ["Internet", "-RequireTLS:$true", "-Proto", "Verbose", "-Force"]
    )

    assert given["name"] == "Internet"
    assert given["require_tls"] == "$true"
    assert given["protocol_logging_level"] == "Verbose"
    assert answer is True


def test_lists_are_separated_by_commas_as_in_powershell() -> None:
    operation, cmdlet = cmdlets.find_cmdlet("Set-ReceiveConnector")

    given, _ = cmdlets.parse(operation, cmdlet, ["X", "-AuthMechanism", "TLS,ExchangeServer"])

    assert given["auth_mechanism"] == ["TLS", "ExchangeServer"]


def test_confirm_false_answers_yes() -> None:
    operation, cmdlet = cmdlets.find_cmdlet("Set-SendConnector")

    assert cmdlets.parse(operation, cmdlet, ["X", "-Confirm:$false"])[1] is True
    assert cmdlets.parse(operation, cmdlet, ["X"])[1] is None


@pytest.mark.parametrize(
    "words", [["X", "-NoSuch", "1"], ["X", "Y"], ["X", "-Fqdn"], ["X", "-R", "true"]]
)
def test_unknown_ambiguous_or_incomplete_parameters_are_wrong_usage(words: list[str]) -> None:
    operation, cmdlet = cmdlets.find_cmdlet("Set-ReceiveConnector")

    with pytest.raises(UsageError) as caught:
        cmdlets.parse(operation, cmdlet, words)

    assert "Set-ReceiveConnector" in caught.value.hint


def test_an_unknown_cmdlet_names_those_that_exist() -> None:
    with pytest.raises(UsageError) as caught:
        cmdlets.find_cmdlet("Get-Nothing")

    assert "Get-ExchangeServer" in caught.value.hint
