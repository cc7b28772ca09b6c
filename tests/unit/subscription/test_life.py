"""The life of an Edge Subscription on embedded directories, step by step as documented."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from directory.errors import LdapError, ResultCode
from directory.model.messages import ModifyRequest
from directory.model.modification import replace as replace_values
from edgesync.config import PROFILES, Version
from edgesync.errors import (
    CredentialUndecryptable,
    NoSuchThing,
    RefusedByRule,
    UsageError,
)
from edgesync.organization.connectors import list_send_connectors, write_connector
from edgesync.organization.domains import list_accepted_domains
from edgesync.organization.names import DEFAULT_SITE
from edgesync.organization.servers import read_server
from edgesync.port.pinning import PinMismatch, pinned_session
from edgesync.port.port import DirectoryPort
from edgesync.subscription.accounts import list_accounts
from edgesync.subscription.channel import (
    CredentialRefused,
    HubIdentity,
    open_edge_session,
    usable_credentials,
)
from edgesync.subscription.connectors import internet_connector
from edgesync.subscription.credentials import Secret
from edgesync.subscription.listing import list_subscriptions
from edgesync.subscription.renewal import (
    complete_first_session,
)
from edgesync.subscription.replicated import disabled_cmdlets
from edgesync.sync.kinds import Job
from edgesync.sync.report import Result
from tests.support.certificates import server_certificate
from tests.support.forest import Forest, small_forest

DAY = timedelta(days=1)


@pytest.fixture
def forest() -> Forest:
    return small_forest()


# export ------------------------------------------------------------------------------------------


@pytest.mark.fact("edgesync-facts 1.2")
def test_export_makes_an_account_that_lives_for_a_day(forest: Forest) -> None:
    file = forest.export()
    machine = forest.edges["EDGE01"]
    accounts = list_accounts(machine.port, machine.names)
    assert accounts == {"ESRA.EDGE01": forest.clock.now() + DAY}
    assert file.user_name == "ESRA.EDGE01"
    assert file.certificate == machine.presented
    assert file.serial_number == forest.profile.serial_number


@pytest.mark.fact("edgesync-facts 1.2")
def test_export_deletes_what_edgesync_will_manage(forest: Forest) -> None:
    machine = forest.edges["EDGE01"]
    by_hand = internet_connector(machine.names, "by hand", machine.names.server("EDGE01"))
    write_connector(machine.port, by_hand)
    forest.export()
    assert list_send_connectors(machine.port, machine.names) == ()
    assert list_accepted_domains(machine.port, machine.names) == ()


@pytest.mark.fact("edgesync-facts 1.2")
def test_message_classifications_are_disabled_until_2013() -> None:
    assert "Set-SendConnector" in disabled_cmdlets(Version.EXCHANGE_2019)
    assert "New-MessageClassification" in disabled_cmdlets(Version.EXCHANGE_2013)
    assert "New-MessageClassification" not in disabled_cmdlets(Version.EXCHANGE_2016)


@pytest.mark.fact("edgesync-facts 0.1")
def test_only_later_versions_choose_the_accounts_life(forest: Forest) -> None:
    assert forest.export(account_expiry=timedelta(hours=2)).duration == timedelta(hours=2)
    with pytest.raises(UsageError, match="00:02:00"):
        forest.export(account_expiry=timedelta(minutes=1))
    old = small_forest(version=Version.EXCHANGE_2007)
    with pytest.raises(UsageError, match="24 hours"):
        old.export(account_expiry=timedelta(hours=2))


# import ------------------------------------------------------------------------------------------


@pytest.mark.fact("edgesync-facts 1.3")
def test_import_writes_the_edge_its_certificate_and_two_copies_of_each_credential(
    forest: Forest,
) -> None:
    imported = forest.subscribe("EDGE01")
    edge = forest.server("EDGE01")
    assert imported.hubs == ("HUB01", "HUB02")
    assert edge.internal_certificate == forest.edges["EDGE01"].presented
    assert edge.site == forest.names.site(DEFAULT_SITE)
    assert forest.credential_users("HUB01") == ["ESRA.EDGE01", "ESRA.EDGE01.HUB01.0"]
    assert forest.credential_users("EDGE01") == [
        "ESRA.EDGE01", "ESRA.EDGE01.HUB01.0", "ESRA.EDGE01.HUB02.0"
    ]  # fmt: skip
    assert forest.credential_users("HUB03") == []


@pytest.mark.fact("edgesync-facts 6")
def test_import_makes_the_two_connectors(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    edge = forest.names.server("EDGE01")
    inbound, internet = list_send_connectors(forest.ad, forest.names)[::-1]
    if inbound.name.endswith("Internet"):
        inbound, internet = internet, inbound
    assert inbound.name == f"EdgeSync - Inbound to {DEFAULT_SITE}"
    assert inbound.address_spaces == ("SMTP:--;1",)
    assert inbound.smart_hosts == ("--",)
    assert not inbound.dns_routing_enabled
    assert inbound.smart_host_auth_mechanism == "ExchangeServer"
    assert internet.name == f"EdgeSync - {DEFAULT_SITE} to Internet"
    assert internet.address_spaces == ("SMTP:*;100",)
    assert internet.dns_routing_enabled
    assert internet.domain_secure_enabled
    assert internet.source_transport_servers == (edge,)


@pytest.mark.fact("edgesync-facts 6")
def test_both_connectors_can_be_switched_off(forest: Forest) -> None:
    forest.subscribe("EDGE01", create_internet_connector=False, create_inbound_connector=False)
    assert list_send_connectors(forest.ad, forest.names) == ()


@pytest.mark.fact("edgesync-facts 1.4")
def test_a_second_edge_becomes_a_source_of_the_same_connectors(forest: Forest) -> None:
    forest.add_edge("EDGE02")
    forest.subscribe("EDGE01")
    forest.subscribe("EDGE02")
    connectors = list_send_connectors(forest.ad, forest.names)
    assert len(connectors) == 2
    edges = {forest.names.server("EDGE01"), forest.names.server("EDGE02")}
    assert all(set(c.source_transport_servers) == edges for c in connectors)


@pytest.mark.fact("edgesync-facts 1.4")
def test_an_edge_belongs_to_one_site(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    with pytest.raises(RefusedByRule, match=DEFAULT_SITE):
        forest.subscribe("EDGE01", site="Branch")


@pytest.mark.fact("edgesync-facts 1.3")
def test_a_file_older_than_the_account_is_refused(forest: Forest) -> None:
    file = forest.export()
    forest.clock.advance(DAY)
    with pytest.raises(RefusedByRule, match="expired"):
        forest.import_(file)
    assert forest.credential_users("HUB01") == []
    assert read_server(forest.ad, forest.names, "EDGE01") is None


def test_import_refuses_what_cannot_be(forest: Forest) -> None:
    file = forest.export()
    with pytest.raises(NoSuchThing, match="Nowhere"):
        forest.import_(file, site="Nowhere")
    with pytest.raises(RefusedByRule, match="not an Edge"):
        forest.import_(replace(file, edge_server_name="HUB01"))
    empty = Forest()
    empty.add_edge("EDGE01")
    with pytest.raises(RefusedByRule, match="no Hub"):
        empty.subscribe("EDGE01")


# first session, credentials ----------------------------------------------------------------------


@pytest.mark.fact("edgesync-facts 3.3")
def test_the_first_session_is_the_bootstrap_accounts_the_next_the_hubs_own(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    assert forest.open_session("HUB01", "EDGE01").credential.user_name == "ESRA.EDGE01"
    forest.sync()
    report = forest.credential_service()
    assert report.installed == ("ESRA.EDGE01.HUB01.0", "ESRA.EDGE01.HUB02.0")
    assert report.removed == ("ESRA.EDGE01",)
    complete_first_session(forest.ad, forest.server("HUB01"), forest.server("EDGE01"))
    assert forest.open_session("HUB01", "EDGE01").credential.user_name == "ESRA.EDGE01.HUB01.0"
    assert forest.open_session("HUB02", "EDGE01").credential.user_name == "ESRA.EDGE01.HUB02.0"


@pytest.mark.fact("edgesync-facts 1.3")
def test_the_bootstrap_account_is_refused_after_a_day(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    machine = forest.edges["EDGE01"]
    forest.clock.advance(DAY)
    with pytest.raises(CredentialRefused):
        forest.open_session("HUB01", "EDGE01")
    file = forest.export()
    bind_name = str(machine.names.account(file.user_name))

    def bind() -> None:
        pinned_session(
            machine.agent, presented=machine.presented, expected=machine.presented,
            bind_name=bind_name, password=file.password.encode(), peer="EDGE01",
        )  # fmt: skip

    bind()
    forest.clock.advance(DAY)
    with pytest.raises(LdapError) as refused:
        bind()
    assert refused.value.code is ResultCode.INVALID_CREDENTIALS


@pytest.mark.fact("edgesync-facts 1.4")
def test_a_late_hub_does_not_sync_until_resubscribed(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    forest.sync()
    forest.add_hub("HUB04")
    assert usable_credentials(forest.server("HUB04"), forest.server("EDGE01"),
                              forest.clock.now()) == ()  # fmt: skip
    with pytest.raises(RefusedByRule, match="no valid credential"):
        forest.open_session("HUB04", "EDGE01")
    assert list_subscriptions(forest.ad, forest.names)[0].late_hubs((forest.server("HUB04"),)) == (
        "HUB04",
    )
    assert forest.sync(jobs=(Job.CONFIGURATION,)).runs[0].tally.added == 1  # a smart host at once
    again = forest.subscribe("EDGE01")
    assert again.resubscribed
    assert "HUB04" in again.hubs
    assert forest.open_session("HUB04", "EDGE01")


@pytest.mark.fact("edgesync-facts 1.5")
def test_resubscribing_makes_new_credentials_under_new_names(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    forest.sync()
    forest.credential_service()
    forest.subscribe("EDGE01")
    assert forest.credential_users("HUB01") == ["ESRA.EDGE01", "ESRA.EDGE01.HUB01.1"]
    assert forest.sync().runs[1].result is Result.SUCCESS
    report = forest.credential_service()
    assert set(report.installed) == {"ESRA.EDGE01.HUB01.1", "ESRA.EDGE01.HUB02.1"}
    assert {"ESRA.EDGE01.HUB01.0", "ESRA.EDGE01.HUB02.0"} <= set(report.removed)


@pytest.mark.fact("edgesync-facts 1.5")
def test_the_edges_version_is_that_of_the_export(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    old = forest.server("EDGE01").serial_number
    forest.version = Version.EXCHANGE_SE
    machine = forest.edges["EDGE01"]
    serial = PROFILES[Version.EXCHANGE_SE].serial_number.encode()
    change = replace_values("serialNumber", serial)
    machine.port.modify(ModifyRequest(machine.names.server("EDGE01"), (change,)))
    forest.sync(full=True)
    assert forest.server("EDGE01").serial_number == old
    forest.subscribe("EDGE01")
    assert forest.server("EDGE01").serial_number == serial.decode()


@pytest.mark.fact("edgesync-facts 3.4")
def test_a_new_certificate_on_the_edge_ends_the_sessions_before_any_bind(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    forest.edges["EDGE01"].renew()
    with pytest.raises(PinMismatch):
        forest.open_session("HUB01", "EDGE01")
    assert forest.event_names()[-2:] == ["FailedDirectTrustMatch", "CannotConnectToEdge"]
    forest.subscribe("EDGE01")
    assert forest.open_session("HUB01", "EDGE01")


@pytest.mark.fact("edgesync-facts 3.4")
def test_a_new_certificate_on_the_hub_makes_its_credentials_unreadable(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    forest.hub_keys["HUB01"] = server_certificate("HUB01", 1)[1]
    with pytest.raises(CredentialUndecryptable, match="no longer uses"):
        forest.open_session("HUB01", "EDGE01")
    assert forest.open_session("HUB02", "EDGE01")


@pytest.mark.fact("edgesync-facts 3.4")
def test_a_cng_key_on_the_hub_logs_1035(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    hub = HubIdentity(forest.server("HUB01"), forest.hub_keys["HUB01"], key_is_capi=False)

    def never(_expected: bytes, _user: str, _secret: Secret) -> DirectoryPort:
        raise AssertionError("nothing may be tried")

    with pytest.raises(CredentialUndecryptable, match="CNG"):
        open_edge_session(
            hub, forest.server("EDGE01"), never, now=forest.clock.now(), emit=forest.events.append
        )
    assert forest.events[-1].kind.id == 1035


@pytest.mark.fact("edgesync-facts 3.4")
def test_records_for_the_edges_old_key_log_1006(forest: Forest) -> None:
    forest.subscribe("EDGE01")
    forest.sync()
    forest.edges["EDGE01"].renew()
    report = forest.credential_service()
    assert report.failed == ("ESRA.EDGE01.HUB01.0", "ESRA.EDGE01.HUB02.0")
    assert forest.event_names().count("CredentialRenewalFailed") == 2
