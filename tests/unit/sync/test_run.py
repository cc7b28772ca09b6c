"""Runs of EdgeSync on embedded directories: what crosses, what follows, what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from directory.errors import ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    SearchRequest,
)
from directory.model.modification import replace as replace_values
from edgesync.config import Policy
from edgesync.errors import ExitCode
from edgesync.organization.address_hash import hash_with_type, hash_without_type
from edgesync.organization.domains import (
    TransportConfig,
    list_accepted_domains,
    read_transport_config,
    write_transport_config,
)
from edgesync.organization.servers import list_servers, publish_certificate, read_server
from edgesync.port.port import DirectoryPort, find, read
from edgesync.subscription.credentials import readable_records
from edgesync.sync.history import History
from edgesync.sync.kinds import KINDS, Job
from edgesync.sync.lease import Lease, parse_lease
from edgesync.sync.report import JobReport, Mode, Result
from edgesync.sync.run import run_sync
from tests.support.certificates import server_certificate
from tests.support.faulty_port import Fault, FaultyPort
from tests.support.forest import Forest, small_forest


@pytest.fixture
def forest() -> Forest:
    """Subscribed and synchronized once."""
    made = small_forest()
    made.subscribe("EDGE01")
    made.sync()
    made.credential_service()
    return made


def one(forest: Forest, job: Job = Job.RECIPIENTS, **options: Any) -> JobReport:
    return forest.sync(jobs=(job,), **options).runs[0]


def edge_recipients(forest: Forest) -> list[Entry]:
    machine = forest.edges["EDGE01"]
    found = find(machine.port, machine.names.recipients, Equality("objectClass", b"contact"))
    return list(found)


def user(forest: Forest, number: int) -> DN:
    return forest.names.users.child("CN", f"User {number:04}")


def guid_of(forest: Forest, dn: DN) -> str:
    entry = read(forest.ad, dn, ("objectGUID",))
    assert entry is not None
    return str(entry.guid("objectGUID"))


def through(forest: Forest, port: DirectoryPort, **options: Any) -> JobReport:
    """A run whose target is the given port."""
    context = forest.context("HUB01", "EDGE01")
    context.open_target = lambda _edge: port
    jobs = (Job.RECIPIENTS,)
    run = run_sync(context, now=forest.clock.now(), jobs=jobs, **options)
    return run.runs[0]


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


# cookies -----------------------------------------------------------------------------------------


@pytest.mark.fact("edgesync-facts 4.5")
def test_the_first_run_is_full_and_the_next_incremental(forest: Forest) -> None:
    report = one(forest)
    assert (report.mode, report.tally.scanned) == (Mode.INCREMENTAL, 0)
    assert one(forest, full=True).mode is Mode.FULL


@pytest.mark.fact("edgesync-facts 4.2")
def test_an_old_cookie_leads_to_a_full_run_that_says_why(forest: Forest) -> None:
    forest.clock.advance(timedelta(days=21))
    report = one(forest)
    assert (report.mode, report.result) == (Mode.FULL, Result.SUCCESS)
    assert "CookieValidDuration" in report.reason


@pytest.mark.fact("edgesync-facts 4.2")
def test_an_error_keeps_the_cookie_and_the_next_run_heals(forest: Forest) -> None:
    before = one(forest).cookie_after
    forest.add_recipients(3, first=100)

    def first(request: object) -> bool:
        return isinstance(request, AddRequest)

    port = FaultyPort(forest.open_session("HUB01", "EDGE01").port, at=1, fault=Fault.REFUSED,
                      code=ResultCode.OBJECT_CLASS_VIOLATION, hits=first)  # fmt: skip
    report = through(forest, port)
    assert report.result is Result.PARTIAL
    assert report.tally.added == 2
    assert [error.code for error in report.tally.errors] == ["objectClassViolation"]
    assert report.cookie_after == before
    assert forest.event_names().count("EntryFailed") == 1
    again = one(forest)
    assert (again.result, again.tally.added) == (Result.SUCCESS, 1)
    assert again.cookie_after != before


@pytest.mark.fact("edgesync-facts 4.2")
def test_force_update_cookie_advances_it_in_spite_of_errors(forest: Forest) -> None:
    before = one(forest).cookie_after
    forest.add_recipients(1, first=100)
    port = FaultyPort(forest.open_session("HUB01", "EDGE01").port, at=0, fault=Fault.REFUSED,
                      hits=lambda r: isinstance(r, AddRequest))  # fmt: skip
    report = through(forest, port, force_cookie=True)
    assert report.result is Result.PARTIAL
    assert report.cookie_after != before
    assert one(forest).tally.written == 0  # lost until the next full run
    assert one(forest, full=True).tally.added == 1


def test_a_target_that_refuses_everything_ends_the_run(forest: Forest) -> None:
    forest.add_recipients(150, first=100)
    port = FaultyPort(forest.open_session("HUB01", "EDGE01").port, fault=Fault.REFUSED,
                      hits=lambda r: isinstance(r, AddRequest), always=True)  # fmt: skip
    report = through(forest, port)
    assert report.result is Result.FAILED
    assert report.tally.failed == 100
    assert "read-only" in report.failure.hint if report.failure else False


def test_a_source_that_cannot_be_read_deletes_nothing(forest: Forest) -> None:
    context = forest.context("HUB01", "EDGE01")
    context.source = FaultyPort(
        forest.ad, at=1, fault=Fault.LOST_BEFORE, hits=lambda r: isinstance(r, SearchRequest)
    )
    run = run_sync(context, now=forest.clock.now(), jobs=(Job.RECIPIENTS,), full=True)
    assert run.runs[0].result is Result.FAILED
    assert len(edge_recipients(forest)) == 5


# threshold, what-if ------------------------------------------------------------------------------


def test_the_delete_threshold_stops_before_anything_is_written(forest: Forest) -> None:
    for number in range(4):
        forest.ad.delete(DeleteRequest(user(forest, number)))
    forest.add_recipients(1, first=100)
    run = forest.sync(jobs=(Job.RECIPIENTS,), delete_threshold=3)
    assert run.exit_code is ExitCode.REFUSED
    assert "threshold" in run.runs[0].reason
    assert len(edge_recipients(forest)) == 5
    assert one(forest, full=True, delete_threshold=3).result is Result.FAILED
    assert one(forest, delete_threshold=4).tally.deleted == 4


def test_what_if_says_what_and_why_and_writes_nothing(forest: Forest) -> None:
    forest.add_recipients(1, first=100)
    forest.ad.delete(DeleteRequest(user(forest, 0)))
    machine = forest.edges["EDGE01"]
    before = machine.agent.store.committed_usn
    run = forest.sync(what_if=True)
    assert machine.agent.store.committed_usn == before
    changes = [c for report in run.runs for c in report.changes]
    assert sorted(c.change for c in changes) == ["add", "delete"]
    assert all(c.reason for c in changes)
    assert "changes" in run.document()["runs"][2]


# lease -------------------------------------------------------------------------------------------


def lease_of(forest: Forest) -> Lease:
    machine = forest.edges["EDGE01"]
    server = read_server(machine.port, machine.names, "EDGE01")
    assert server is not None
    assert server.lease is not None
    return parse_lease(server.lease)


@pytest.mark.fact("edgesync-facts 4.4")
def test_the_first_hub_keeps_the_option_and_a_manual_run_overrides_it(forest: Forest) -> None:
    lease = lease_of(forest)
    assert (lease.holder, lease.kind) == ("HUB01", "option")
    scheduled = forest.sync("HUB02", manual=False)
    assert {run.result for run in scheduled.runs} == {Result.SKIPPED}
    assert scheduled.exit_code is ExitCode.REFUSED
    assert forest.sync("HUB02").runs[0].result is Result.SUCCESS
    assert (lease_of(forest).holder, lease_of(forest).generation) == ("HUB02", 2)


@pytest.mark.fact("edgesync-facts 4.4")
def test_after_the_option_another_hub_takes_over_by_itself(forest: Forest) -> None:
    forest.clock.advance(timedelta(minutes=30))
    assert forest.sync("HUB02", manual=False).runs[0].result is Result.SUCCESS
    assert lease_of(forest).holder == "HUB02"


@pytest.mark.fact("edgesync-facts 4.4")
def test_a_lock_stops_even_a_manual_run_until_it_runs_out(forest: Forest) -> None:
    port = FaultyPort(forest.open_session("HUB01", "EDGE01").port, at=1)
    forest.add_recipients(1, first=100)
    assert through(forest, port).result is Result.FAILED  # the holder died with its lock
    assert lease_of(forest).kind == "lock"
    assert forest.sync("HUB02").runs[0].result is Result.SKIPPED
    forest.clock.advance(timedelta(minutes=6))
    assert forest.sync("HUB02").runs[2].tally.added == 1


def test_a_holder_that_lost_the_lease_writes_no_cookie(forest: Forest) -> None:
    forest.add_recipients(1, first=100)
    inner = forest.open_session("HUB01", "EDGE01").port
    port = FaultyPort(inner)
    stolen: list[bool] = []

    def steal(request: object) -> None:
        if isinstance(request, AddRequest) and not stolen:
            stolen.append(True)
            forest.clock.advance(timedelta(minutes=7))  # slower than its lock
            assert forest.sync("HUB02").runs[2].result is Result.SUCCESS

    port.before = steal
    report = through(forest, port)
    assert report.result is Result.FAILED
    assert "lease_lost" in report.reason
    assert lease_of(forest).holder == "HUB02"
    assert forest.sync("HUB02").runs[2].result is Result.SUCCESS
    assert len(edge_recipients(forest)) == 6


# bookkeeping -------------------------------------------------------------------------------------


def test_every_run_stands_in_the_history_until_it_is_too_old(forest: Forest) -> None:
    history = History()
    forest.sync(history=history)
    rows = history.runs(edge="edge01", job="recipients")
    assert [row["result"] for row in rows] == ["success"]
    assert len(history.runs()) == 3
    assert history.prune(forest.clock.now() + timedelta(days=31)) == 3
    assert history.runs() == []
    history.close()


def test_an_unreachable_edge_is_a_report_with_exit_code_five(forest: Forest) -> None:
    forest.edges["EDGE01"].renew()
    run = forest.sync()
    assert {report.result for report in run.runs} == {Result.FAILED}
    assert run.exit_code is ExitCode.UNREACHABLE
    assert "pin_mismatch" in run.runs[0].reason


def test_an_edge_that_is_no_longer_subscribed_fails_the_topology_job(forest: Forest) -> None:
    context = forest.context("HUB01", "EDGE01")
    port = forest.open_session("HUB01", "EDGE01").port
    context.open_target = lambda _edge: port
    context.site = "Branch"
    run = run_sync(context, now=forest.clock.now(), jobs=(Job.TOPOLOGY,))
    assert run.runs[0].result is Result.FAILED
    assert "no longer subscribed" in run.runs[0].reason
