"""Somebody copies EDGE01.xml on its way from the Edge to the Hub."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from directory.dsa.agent import DirectoryServiceAgent
from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Present
from directory.model.messages import AddRequest, ModifyRequest, SearchRequest
from directory.model.modification import replace
from edgesync.port.pinning import pinned_session
from edgesync.port.port import DirectoryPort, find
from edgesync.subscription.file import SubscriptionFile, format_subscription
from edgesync.subscription.renewal import complete_first_session
from tests.support.forest import EdgeMachine, Forest, small_forest


@pytest.fixture
def forest() -> Forest:
    return small_forest()


def log_on(file: SubscriptionFile, machine: EdgeMachine) -> DirectoryPort:
    """With all that the file says: the Edge's certificate, the account, the password."""
    return _bound(
        machine.agent, machine.presented, str(machine.names.account(file.user_name)), file
    )


def _bound(
    agent: DirectoryServiceAgent, presented: bytes, name: str, file: SubscriptionFile
) -> DirectoryPort:
    return pinned_session(
        agent, presented=presented, expected=presented, bind_name=name,
        password=file.password.encode(), peer="EDGE01",
    )  # fmt: skip


def test_the_file_holds_no_private_key(forest: Forest) -> None:
    file = forest.export()
    numbers = forest.edges["EDGE01"].key.private_numbers()
    text = format_subscription(file)
    assert "PRIVATE" not in str(text)
    for part in (numbers.d, numbers.p, numbers.q):
        assert part.to_bytes((part.bit_length() + 7) // 8, "big") not in file.certificate


@pytest.mark.fact("edgesync-facts 1.3")
def test_it_is_worth_nothing_after_a_day(forest: Forest) -> None:
    file, machine = forest.export(), forest.edges["EDGE01"]
    log_on(file, machine).close()
    forest.clock.advance(timedelta(days=1))
    with pytest.raises(LdapError) as refused:
        log_on(file, machine)
    assert refused.value.code is ResultCode.INVALID_CREDENTIALS


@pytest.mark.fact("edgesync-facts 3.3")
def test_it_is_worth_nothing_after_the_first_synchronization(forest: Forest) -> None:
    file, machine = forest.export(), forest.edges["EDGE01"]
    forest.import_(file)
    forest.sync()
    forest.credential_service()
    complete_first_session(forest.ad, forest.server("HUB01"), forest.server("EDGE01"))
    with pytest.raises(LdapError) as refused:
        log_on(file, machine)
    assert refused.value.code is ResultCode.INVALID_CREDENTIALS


def test_it_opens_nothing_in_active_directory(forest: Forest) -> None:
    file, machine = forest.export(), forest.edges["EDGE01"]
    names = (file.user_name, f"{file.user_name}@contoso.test", str(machine.names.account("x")))
    for name in names:
        with pytest.raises(LdapError) as refused:
            _bound(forest.agent, machine.presented, name, file)
        assert refused.value.code in {ResultCode.INVALID_CREDENTIALS, ResultCode.NO_SUCH_OBJECT}


def test_within_the_day_it_shows_no_password_and_makes_no_account(forest: Forest) -> None:
    """It may write what EdgeSync writes: that much the documented bootstrap account can do."""
    file, machine = forest.export(), forest.edges["EDGE01"]
    thief = log_on(file, machine)
    secret = ("userPassword", "unicodePwd", "ntPwdHistory", "supplementalCredentials")
    for base in (machine.names.configuration, machine.names.gateway):
        for entry in find(thief, base, Present("objectClass"), attributes=("*", *secret)):
            assert not any(entry.has(name) for name in secret), entry.dn
    another = machine.names.account("ESRA.EDGE01.THIEF.0")
    account = Entry(another, {"objectClass": (b"user",), "userPassword": (b"mine",)})
    own = machine.names.account(file.user_name)
    for forbidden in (
        partial(thief.add, AddRequest(account)),
        partial(thief.modify, ModifyRequest(own, (replace("userPassword", b"longer-lived"),))),
        partial(thief.search, SearchRequest(DN.parse(str(own.parent)))),
    ):
        with pytest.raises(LdapError) as refused:
            forbidden()
        assert refused.value.code in {
            ResultCode.INSUFFICIENT_ACCESS_RIGHTS, ResultCode.NO_SUCH_OBJECT,
        }  # fmt: skip
