"""Credentials are renewed in time; a subscription ends on either side."""

from __future__ import annotations

from datetime import timedelta

import pytest

from directory.errors import LdapError, ResultCode
from edgesync.organization.connectors import list_send_connectors
from edgesync.organization.servers import list_servers, read_server
from edgesync.port.port import find
from edgesync.subscription.accounts import list_accounts
from edgesync.subscription.remove import remove_in_organization, remove_on_edge
from edgesync.subscription.renewal import (
    Renewal,
    complete_first_session,
    next_credential,
    renew_credentials,
    try_next_credential,
)
from edgesync.sync.kinds import Job
from edgesync.sync.report import Result
from tests.support.forest import Forest, small_forest

DAY = timedelta(days=1)


@pytest.fixture
def forest() -> Forest:
    return small_forest()


# renewal -----------------------------------------------------------------------------------------


def renew(forest: Forest, hub: str = "HUB01") -> Renewal:
    return renew_credentials(
        forest.ad, forest.server(hub), forest.server("EDGE01"), now=forest.clock.now(),
        policy=forest.policy, entropy=forest.entropy, emit=forest.events.append,
    )  # fmt: skip


def settled(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    forest.sync()
    forest.credential_service()
    complete_first_session(forest.ad, forest.server("HUB01"), forest.server("EDGE01"))


@pytest.mark.fact("edgesync-facts 3.3")
def test_a_successor_is_made_seven_days_before_expiry_and_takes_over_three_days_before(
    forest: Forest,
) -> None:
    settled(forest)
    start = forest.clock.now()
    end = start + forest.policy.credential_lifetime
    forest.clock.set(end - 7 * DAY - timedelta(seconds=1))
    assert renew(forest).created == ()
    forest.clock.set(end - 7 * DAY)
    assert renew(forest).created == ("ESRA.EDGE01.HUB01.1",)
    assert renew(forest).created == ()
    coming = next_credential(forest.server("HUB01"), forest.server("EDGE01"), forest.clock.now())
    assert coming is not None
    assert coming.effective_at == end - 3 * DAY
    forest.sync(jobs=(Job.CONFIGURATION,))
    assert forest.credential_service().installed == ("ESRA.EDGE01.HUB01.1",)
    assert forest.open_session("HUB01", "EDGE01").credential.number == 0
    forest.clock.set(end - 3 * DAY)
    assert forest.open_session("HUB01", "EDGE01").credential.number == 1
    forest.clock.set(end)
    assert renew(forest).removed == ("ESRA.EDGE01.HUB01.0",)
    assert forest.open_session("HUB01", "EDGE01").credential.number == 1
    forest.sync(jobs=(Job.CONFIGURATION,))
    assert "ESRA.EDGE01.HUB01.0" in forest.credential_service().removed


@pytest.mark.fact("edgesync-facts 3.3")
def test_a_year_of_renewals_never_locks_the_hub_out(forest: Forest) -> None:
    settled(forest)
    for _ in range(365):
        forest.clock.advance(DAY)
        renew(forest, "HUB01")
        renew(forest, "HUB02")
        assert forest.sync(jobs=(Job.CONFIGURATION,)).runs[0].result is Result.SUCCESS
        assert not forest.credential_service().failed
    machine = forest.edges["EDGE01"]
    assert len(list_accounts(machine.port, machine.names)) <= 4


@pytest.mark.fact("edgesync-facts 9")
def test_the_next_credential_is_tried_ahead_and_a_failure_logs_1004(forest: Forest) -> None:
    settled(forest)
    forest.clock.advance(forest.policy.credential_lifetime - 7 * DAY)
    renew(forest)
    hub, edge = forest.server("HUB01"), forest.server("EDGE01")
    coming = next_credential(hub, edge, forest.clock.now())
    assert coming is not None

    def refused(_record: object) -> None:
        raise LdapError(ResultCode.INVALID_CREDENTIALS)

    now = forest.clock.now()
    assert not try_next_credential(coming, hub, edge, refused, now=now, emit=forest.events.append)
    assert forest.events[-1].kind.id == 1004
    assert try_next_credential(
        coming, hub, edge, lambda _record: None, now=now, emit=forest.events.append
    )


# removal -----------------------------------------------------------------------------------------


@pytest.mark.fact("edgesync-facts 1.6")
def test_removal_in_the_organisation_takes_credentials_connectors_and_accounts(
    forest: Forest,
) -> None:
    settled(forest)
    session = forest.open_session("HUB01", "EDGE01").port
    machine = forest.edges["EDGE01"]
    removed = remove_in_organization(
        forest.ad, forest.names, "EDGE01", now=forest.clock.now(), emit=forest.events.append,
        edge_port=session, edge_names=machine.names,
    )  # fmt: skip
    assert len(removed.connectors) == 2
    assert forest.credential_users("HUB01") == []
    assert read_server(forest.ad, forest.names, "EDGE01") is None
    assert list_send_connectors(forest.ad, forest.names) == ()
    forest.credential_service()
    assert list_accounts(machine.port, machine.names) == {}


@pytest.mark.fact("edgesync-facts 1.6")
def test_a_connector_with_another_source_stays(forest: Forest) -> None:
    forest.add_edge("EDGE02")
    forest.subscribe("EDGE01")
    forest.subscribe("EDGE02")
    removed = remove_in_organization(
        forest.ad, forest.names, "EDGE01", now=forest.clock.now(), emit=forest.events.append
    )
    assert removed.connectors == ()
    left = {c.source_transport_servers for c in list_send_connectors(forest.ad, forest.names)}
    assert left == {(forest.names.server("EDGE02"),)}
    assert forest.credential_users("HUB01") == ["ESRA.EDGE02", "ESRA.EDGE02.HUB01.0"]


@pytest.mark.fact("edgesync-facts 1.6")
def test_removal_on_the_edge_deletes_the_replica_and_leaves_its_own(forest: Forest) -> None:
    settled(forest)
    machine = forest.edges["EDGE01"]
    removed = remove_on_edge(
        machine.port, machine.names, "EDGE01", now=forest.clock.now(), emit=forest.events.append
    )
    assert removed.objects >= 5
    assert [s.name for s in list_servers(machine.port, machine.names)] == ["EDGE01"]
    assert len(find(machine.port, machine.names.recipients)) == 1
    own = machine.port
    server = read_server(own, machine.names, "EDGE01")
    assert server is not None
    assert server.internal_certificate == machine.presented
    assert (server.credentials, server.cookies, server.lease) == ((), (), None)
