"""An Edge knows recipients by hash and refuses those that are not there."""

from __future__ import annotations

import pytest

from tests.support.mail_bench import Organization, subscribed
from tests.unit.transport.conversation import as_server, greeted

FROM = "MAIL FROM:<s@partner.test>"


@pytest.fixture
def organization() -> Organization:
    organization = subscribed()
    organization.start_mail()
    organization.mailbox("amy")
    return organization


@pytest.mark.fact("edgesync-facts 5.3")
def test_known_recipients_are_taken_and_unknown_ones_refused(organization: Organization) -> None:
    lines = greeted(organization.machines["EDGE01"]).say(
        FROM, "RCPT TO:<AMY@Contoso.Test>", "RCPT TO:<nobody@contoso.test>"
    )
    assert lines[1:] == ["250 2.1.5 Recipient OK", "550 5.1.1 User unknown"]


@pytest.mark.fact("edgesync-facts 5.3")
def test_no_address_stands_in_the_edges_directory(organization: Organization) -> None:
    edge = organization.machines["EDGE01"]
    for entry in edge.directory.entries.values():
        assert b"amy@contoso.test" not in b"".join(entry.values("proxyAddresses")).lower()


def test_a_trusted_hub_bypasses_the_filter(organization: Organization) -> None:
    caller = as_server(organization.machines["EDGE01"], organization.machines["HUB01"])
    assert caller.say(FROM, "RCPT TO:<nobody@contoso.test>")[1] == "250 2.1.5 Recipient OK"


def test_postmaster_is_always_there(organization: Organization) -> None:
    caller = greeted(organization.machines["EDGE01"])
    assert caller.say(FROM, "RCPT TO:<postmaster>")[1] == "250 2.1.5 Recipient OK"


def test_a_hub_leaves_unknown_recipients_to_the_bounce(organization: Organization) -> None:
    caller = as_server(organization.machines["HUB01"], organization.machines["EDGE01"])
    assert caller.say(FROM, "RCPT TO:<nobody@contoso.test>")[1] == "250 2.1.5 Recipient OK"
