"""What crosses to an Edge, what follows, and what comes back after edits by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
)
from directory.model.modification import replace as replace_values
from edgesync.config import Policy
from edgesync.organization.address_hash import hash_with_type, hash_without_type
from edgesync.organization.domains import (
    TransportConfig,
    list_accepted_domains,
    read_transport_config,
    write_transport_config,
)
from edgesync.organization.servers import list_servers, publish_certificate, read_server
from edgesync.port.port import find, read
from edgesync.subscription.credentials import readable_records
from edgesync.sync.kinds import KINDS, Job
from edgesync.sync.report import Mode, Result
from tests.support.certificates import server_certificate
from tests.support.forest import Forest, small_forest
from tests.support.runs import edge_recipients, guid_of, one, synchronized, user


@pytest.fixture
def forest() -> Forest:
    return synchronized()


# what crosses ------------------------------------------------------------------------------------


@pytest.mark.fact("edgesync-facts 5.3")
def test_recipients_are_named_by_guid_and_their_addresses_are_hashed(forest: Forest) -> None:
    entry = next(e for e in edge_recipients(forest) if e.text("cn") == guid_of(
        forest, user(forest, 0)))  # fmt: skip
    assert entry.values("proxyAddresses") == (hash_with_type("SMTP:user0@contoso.test"),)
    assert len(edge_recipients(forest)) == 5


@pytest.mark.fact("edgesync-facts 5.3")
def test_no_address_stands_in_clear_anywhere_in_adam(forest: Forest) -> None:
    machine = forest.edges["EDGE01"]
    for entry in find(machine.port, machine.names.recipients):
        for values in entry.attributes.values():
            assert not any(b"contoso.test" in value.lower() for value in values)


@pytest.mark.fact("edgesync-facts 5.3")
def test_the_hash_is_swappable() -> None:
    forest = small_forest(1)
    forest.policy = Policy(recipient_hash="sha256-address")
    forest.subscribe("EDGE01")
    forest.sync()
    entry = edge_recipients(forest)[0]
    assert entry.values("proxyAddresses") == (hash_without_type("smtp:user0@contoso.test"),)
    assert hash_without_type("smtp:a@b") != hash_with_type("smtp:a@b")


@pytest.mark.fact("edgesync-facts 5.3")
def test_who_refuses_mail_from_outside_is_not_replicated(forest: Forest) -> None:
    change = replace_values("msExchRequireAuthToSendTo", b"TRUE")
    forest.ad.modify(ModifyRequest(user(forest, 0), (change,)))
    report = one(forest)
    assert (report.mode, report.tally.deleted) == (Mode.INCREMENTAL, 1)
    assert len(edge_recipients(forest)) == 4
    back = replace_values("msExchRequireAuthToSendTo", b"FALSE")
    forest.ad.modify(ModifyRequest(user(forest, 0), (back,)))
    assert one(forest).tally.added == 1


@pytest.mark.fact("edgesync-facts 5.3")
def test_a_rename_or_move_in_ad_is_no_new_object(forest: Forest) -> None:
    names = {entry.text("cn") for entry in edge_recipients(forest)}
    forest.ad.modify_dn(
        ModifyDnRequest(user(forest, 1), DN.parse("CN=Renamed"), new_superior=forest.names.domain)
    )
    report = one(forest)
    assert report.result is Result.SUCCESS
    assert (report.tally.added, report.tally.deleted, report.tally.moved) == (0, 0, 0)
    assert {entry.text("cn") for entry in edge_recipients(forest)} == names


@pytest.mark.fact("edgesync-facts 5.3")
def test_a_deleted_mailbox_leaves_the_edge(forest: Forest) -> None:
    gone = guid_of(forest, user(forest, 2))
    forest.ad.delete(DeleteRequest(user(forest, 2)))
    report = one(forest)
    assert (report.mode, report.tally.deleted) == (Mode.INCREMENTAL, 1)
    assert gone not in {entry.text("cn") for entry in edge_recipients(forest)}


@pytest.mark.fact("edgesync-facts 5.1")
def test_hubs_of_the_site_and_their_certificates_cross(forest: Forest) -> None:
    machine = forest.edges["EDGE01"]
    servers = {s.name: s for s in list_servers(machine.port, machine.names)}
    assert set(servers) == {"EDGE01", "HUB01", "HUB02"}
    assert servers["HUB01"].internal_certificate == server_certificate("HUB01")[0]
    new = server_certificate("HUB01", 1)[0]
    publish_certificate(forest.ad, forest.names.server("HUB01"), new)
    report = one(forest, Job.CONFIGURATION)
    assert (report.mode, report.tally.updated) == (Mode.INCREMENTAL, 1)
    replica = read_server(machine.port, machine.names, "HUB01")
    assert replica is not None
    assert replica.internal_certificate == new


@pytest.mark.fact("certificate-facts 4.2")
def test_policy_may_replicate_every_hub_of_the_organisation() -> None:
    forest = small_forest(1)
    forest.policy = Policy(hub_certificates="organization")
    forest.subscribe("EDGE01")
    forest.sync()
    machine = forest.edges["EDGE01"]
    assert "HUB03" in {s.name for s in list_servers(machine.port, machine.names)}


@pytest.mark.fact("edgesync-facts 3.2")
def test_credentials_cross_only_in_the_edges_own_copy(forest: Forest) -> None:
    machine = forest.edges["EDGE01"]
    servers = {s.name: s for s in list_servers(machine.port, machine.names)}
    assert servers["HUB01"].credentials == ()
    assert forest.server("HUB01").credentials
    crossed = {r.user_name for _, r in readable_records(servers["EDGE01"].credentials)}
    assert crossed == {"ESRA.EDGE01.HUB01.0", "ESRA.EDGE01.HUB02.0"}  # the bootstrap one stays


def test_the_table_lists_no_attribute_that_is_secret() -> None:
    secret = {"unicodepwd", "userpassword", "msexchsmtpoutboundsecuritypassword"}
    for kind in KINDS:
        crossing = {rule.target.lower() for rule in kind.rules}
        assert not crossing & secret
        if kind.name != "edge_subscription":
            assert "msexchedgesynccredential" not in crossing


@pytest.mark.fact("edgesync-facts 4.7")
def test_the_three_lists_are_the_organisations(forest: Forest) -> None:
    machine = forest.edges["EDGE01"]
    own = TransportConfig(machine.names.transport_settings, ("10.0.0.1",), ("a.test",), ("b.test",))
    write_transport_config(machine.port, own)
    wanted = TransportConfig(forest.names.transport_settings, ("192.0.2.1",), ("partner.test",))
    write_transport_config(forest.ad, wanted)
    assert one(forest, Job.CONFIGURATION).tally.updated == 1
    now = read_transport_config(machine.port, machine.names)
    assert replace(now, dn=wanted.dn) == wanted


def test_a_renamed_accepted_domain_is_moved(forest: Forest) -> None:
    domain = forest.names.accepted_domains.child("CN", "contoso.test")
    forest.ad.modify_dn(ModifyDnRequest(domain, DN.parse("CN=Main")))
    report = one(forest, Job.CONFIGURATION)
    assert (report.tally.moved, report.tally.added, report.tally.deleted) == (1, 0, 0)
    machine = forest.edges["EDGE01"]
    assert [d.name for d in list_accepted_domains(machine.port, machine.names)] == ["Main"]


# full runs, hand edits ---------------------------------------------------------------------------


@pytest.mark.fact("edgesync-facts 4.7")
def test_what_was_edited_by_hand_comes_back(forest: Forest) -> None:
    machine = forest.edges["EDGE01"]
    spoiled = edge_recipients(forest)[0].dn
    machine.port.modify(ModifyRequest(spoiled, (replace_values("proxyAddresses", b"x"),)))
    machine.port.delete(DeleteRequest(edge_recipients(forest)[1].dn))
    stranger = machine.names.recipients.child("CN", "stranger")
    machine.port.add(
        AddRequest(Entry(stranger, {"objectClass": (b"top", b"contact"), "cn": (b"stranger",)}))
    )
    assert one(forest).tally.written == 0
    report = one(forest, full=True)
    tally = report.tally
    assert (tally.added, tally.updated, tally.deleted) == (1, 1, 1)
    assert len(edge_recipients(forest)) == 5


def test_an_object_of_that_name_made_by_hand_is_taken_over(forest: Forest) -> None:
    machine = forest.edges["EDGE01"]
    forest.add_domain("new.test")
    source = read(forest.ad, forest.names.accepted_domains.child("CN", "new.test"))
    assert source is not None
    by_hand = machine.names.accepted_domains.child("CN", "new.test")
    classes = (b"top", b"msExchAcceptedDomain")
    machine.port.add(
        AddRequest(Entry(by_hand, {"objectClass": classes, "cn": (b"new.test",),
                                   "msExchAcceptedDomainName": (b"old.test",)}))
    )  # fmt: skip
    report = one(forest, Job.CONFIGURATION)
    assert report.result is Result.SUCCESS, report.reason
    names = [d.domain for d in list_accepted_domains(machine.port, machine.names)]
    assert sorted(names) == ["contoso.test", "new.test"]


def test_an_object_deleted_and_made_anew_under_its_name_survives_a_full_run(
    forest: Forest,
) -> None:
    domain = forest.names.accepted_domains.child("CN", "contoso.test")
    forest.ad.delete(DeleteRequest(domain))
    forest.add_domain("contoso.test")
    assert one(forest, Job.CONFIGURATION, full=True).result is Result.SUCCESS
    machine = forest.edges["EDGE01"]
    assert [d.name for d in list_accepted_domains(machine.port, machine.names)] == ["contoso.test"]
    assert one(forest, Job.CONFIGURATION, full=True).tally.written == 0


def test_objects_that_swapped_their_names_are_not_lost(forest: Forest) -> None:
    for name in ("one", "two", "three"):
        forest.add_domain(f"{name}.test")
    one(forest, Job.CONFIGURATION)
    container = forest.names.accepted_domains

    def rename(old: str, new: str) -> None:
        dn = container.child("CN", old)
        forest.ad.modify_dn(ModifyDnRequest(dn, DN.parse(f"CN={new}")))

    rename("one.test", "aside")
    rename("two.test", "one.test")
    rename("three.test", "two.test")
    rename("aside", "three.test")
    report = one(forest, Job.CONFIGURATION)
    assert report.result is Result.SUCCESS, report.reason
    assert report.tally.moved == 3
    machine = forest.edges["EDGE01"]
    have = {d.name: d.domain for d in list_accepted_domains(machine.port, machine.names)}
    assert have == {
        "contoso.test": "contoso.test", "one.test": "two.test", "two.test": "three.test",
        "three.test": "one.test",
    }  # fmt: skip
    assert one(forest, Job.CONFIGURATION, full=True).tally.written == 0
