"""Test-EdgeSynchronization: what it can see, and what it cannot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from directory.model.dn import DN
from directory.model.messages import DeleteRequest, ModifyRequest
from directory.model.modification import replace
from edgesync.organization.domains import TransportConfig, write_transport_config
from edgesync.subscription.credentials import describe_records
from edgesync.sync.kinds import Job
from edgesync.sync.verify import KINDS_REPORTED, EdgeVerification, document, verify
from tests.support.forest import Forest, small_forest


@pytest.fixture
def forest() -> Forest:
    made = small_forest()
    made.subscribe("EDGE01")
    made.sync()
    made.credential_service()
    return made


def look(forest: Forest, **options: Any) -> EdgeVerification:
    context = forest.context("HUB02", "EDGE01")
    return verify(context, now=forest.clock.now(), describe=describe_records, **options)


def spoil(forest: Forest) -> None:
    """Somebody edits a domain in ADAM by hand."""
    machine = forest.edges["EDGE01"]
    dn = machine.names.accepted_domains.child("CN", "contoso.test")
    machine.port.modify(ModifyRequest(dn, (replace("msExchAcceptedDomainName", b"evil.test"),)))


@pytest.mark.fact("edgesync-facts 8.3")
def test_without_full_a_difference_in_the_configuration_is_not_seen(forest: Forest) -> None:
    spoil(forest)
    assert look(forest).status == "Normal"
    found = look(forest, full=True)
    assert found.status == "Failed"
    report = found.kinds["accepted_domain"]
    assert report.status == "NotSynchronized"
    assert [c["attribute"] for c in report.conflicts] == ["msExchAcceptedDomainName"]


@pytest.mark.fact("edgesync-facts 8.3")
def test_objects_are_counted_where_they_are(forest: Forest) -> None:
    machine = forest.edges["EDGE01"]
    forest.add_recipients(1, first=50)
    replica = machine.names.accepted_domains.child("CN", "contoso.test")
    machine.port.delete(DeleteRequest(replica))
    found = look(forest, full=True)
    recipient, domain = found.kinds["recipient"], found.kinds["accepted_domain"]
    assert recipient.synchronized == 5
    assert recipient.org_only == ["CN=User 0050,CN=Users,DC=contoso,DC=test"]
    assert len(domain.org_only) == 1
    forest.ad.delete(DeleteRequest(forest.names.users.child("CN", "User 0000")))
    assert len(look(forest).kinds["recipient"].edge_only) == 1


@pytest.mark.fact("edgesync-facts 8.3")
def test_recipients_can_be_left_out(forest: Forest) -> None:
    forest.add_recipients(1, first=50)
    found = look(forest, full=True, exclude_recipients=True)
    assert found.status == "Normal"
    assert found.kinds["recipient"].status == "Skipped"


@pytest.mark.fact("edgesync-facts 8.3")
@pytest.mark.parametrize(
    ("address", "status"),
    [("user0@contoso.test", "Normal"), ("SMTP:USER0@CONTOSO.TEST", "Normal"),
     ("nobody@contoso.test", "Failed")],
)  # fmt: skip
def test_one_recipient_is_looked_up_on_both_sides(
    forest: Forest, address: str, status: str
) -> None:
    found = look(forest, recipient=address)
    assert found.status == status
    assert {n for n, k in found.kinds.items() if k.status != "Skipped"} == {"recipient"}


def test_a_recipient_that_only_ad_knows_is_org_only(forest: Forest) -> None:
    forest.add_recipients(1, first=50)
    report = look(forest, recipient="user50@contoso.test").kinds["recipient"]
    assert len(report.org_only) == 1


@pytest.mark.fact("edgesync-facts 8.3")
def test_before_the_first_run_nothing_is_started() -> None:
    forest = small_forest()
    forest.subscribe("EDGE01")
    found = look(forest, exclude_recipients=True)
    assert found.status == "Failed"
    assert found.kinds["accepted_domain"].status == "NotStarted"


@pytest.mark.fact("edgesync-facts 8.3")
def test_an_expired_cookie_is_urgent(forest: Forest) -> None:
    forest.clock.advance(timedelta(days=21))
    found = look(forest)
    assert found.status == "FailedUrgent"
    assert found.kinds["send_connector"].status == "Expired"


def test_a_sync_that_is_late_is_a_warning(forest: Forest) -> None:
    forest.clock.advance(timedelta(minutes=11))
    assert look(forest).status == "Warning"


def test_an_edge_that_cannot_be_reached_is_inconclusive(forest: Forest) -> None:
    forest.edges["EDGE01"].renew()
    found = look(forest, full=True)
    assert found.status == "Inconclusive"
    assert "presented certificate" in found.failure
    assert found.error is not None


def test_who_changed_it_is_told_when_the_change_log_can_be_read(forest: Forest) -> None:
    spoil(forest)
    asked: list[tuple[DN, str]] = []

    def blame(dn: DN, attribute: str) -> dict[str, str]:
        asked.append((dn, attribute))
        return {"by": "somebody"}

    found = look(forest, full=True, blame=blame)
    assert found.kinds["accepted_domain"].conflicts[0]["changed"] == {"by": "somebody"}
    assert len(asked) == 1


def test_the_document_is_the_contracts(forest: Forest) -> None:
    machine = forest.edges["EDGE01"]
    own = TransportConfig(machine.names.transport_settings, ("10.0.0.1",))
    write_transport_config(machine.port, own)
    edge = document([look(forest, full=True)], 1)["edges"][0]
    assert set(edge) == {
        "edge", "sync_status", "lease_holder", "lease_type", "lease_expiry_utc",
        "last_synchronized_utc", "failure_detail", "kinds", "credential_records", "cookie_records",
    }  # fmt: skip
    assert tuple(edge["kinds"]) == KINDS_REPORTED
    assert set(edge["kinds"]["transport_config"]) == {
        "sync_status", "synchronized_objects", "org_only_objects", "edge_only_objects",
        "conflict_objects",
    }  # fmt: skip
    assert len(edge["kinds"]["transport_config"]["conflict_objects"]) == 1
    assert (edge["lease_holder"], edge["lease_type"]) == ("HUB01", "Option")
    assert {c["job"] for c in edge["cookie_records"]} == {
        Job.CONFIGURATION.value, Job.RECIPIENTS.value,
    }  # fmt: skip
    assert all("password" not in str(record).lower() for record in edge["credential_records"])
