"""The lab's own machines meet the same faults while the lab is down, where nothing waits."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from edgesync import Lab
from edgesync.errors import Unreachable


@pytest.fixture(scope="module")
def original() -> Lab:
    lab = Lab.new(hubs=2, edges=1, recipients=3, sites=1)
    lab.subscribe("EDGE01")
    assert lab.sync.run(edge="EDGE01")
    return lab


@pytest.fixture
def lab(original: Lab) -> Iterator[Lab]:
    with original.fork() as twin:
        yield twin


def somebody(lab: Lab) -> str:
    found = lab.run("directory.search", filter_="(mail=*)", attribute=("mail",))
    return str(re.findall(r"[\w.]+@contoso\.test", str(found["entries"]))[0])


def sync(lab: Lab, **options: Any) -> list[str]:
    return [run["result"] for run in lab.sync.run(edge="EDGE01", hub="HUB01", **options)["runs"]]


@pytest.mark.parametrize(
    ("kind", "smtp", "ldaps"),
    [
        ("cut", "unreachable", "unreachable"),
        ("reset", "unreachable", "unreachable"),
        ("lose-ack", "unreachable", "unreachable"),
        ("strip-tls", "tls_not_offered", "trusted"),
        ("resign-tls", "stale_presenter", "stale_presenter"),
        ("refuse-bind", "trusted", "credential_expired"),
    ],
)
def test_trust_says_what_the_line_did(lab: Lab, kind: str, smtp: str, ldaps: str) -> None:
    lab.faults.add(kind, "EDGE01")
    found = {path: lab.trust.check("HUB01", "EDGE01", path=path) for path in ("smtp", "ldaps")}
    assert found["smtp"].reason == smtp
    assert bool(found["ldaps"]) is (ldaps == "trusted")
    if ldaps in {"unreachable", "stale_presenter"}:
        assert found["ldaps"].reason == ldaps
    lab.faults.clear()
    assert lab.trust.matrix()


def test_a_late_answer_is_none_when_nobody_waits_so_long(lab: Lab) -> None:
    number = lab.faults.add("delay", "EDGE01", seconds=30.0)
    assert lab.trust.check("HUB01", "EDGE01")
    assert set(sync(lab)) == {"success"}
    lab.faults.remove(number)
    lab.faults.add("delay", "EDGE01", seconds=600.0)
    assert not lab.trust.check("HUB01", "EDGE01")
    assert "failed" in sync(lab)


def test_a_lost_acknowledgement_is_made_good_by_the_next_run(lab: Lab) -> None:
    lab.faults.add("lose-ack", "EDGE01", service="ldaps", request="modify", at=1)
    assert "failed" in sync(lab, full=True)
    assert set(sync(lab)) == {"success"}
    assert lab.sync.verify(full=True)
    assert [fault["struck"] for fault in lab.faults.list()] == [1]


def test_one_hub_suffers_and_the_other_takes_over(lab: Lab) -> None:
    lab.faults.add("cut", "EDGE01", caller="HUB01")
    assert "failed" in sync(lab)
    lab.clock.advance(hours=2)  # until the lease of the first is over
    done = lab.sync.run(edge="EDGE01", hub="HUB02")
    assert [run["result"] for run in done["runs"]] == ["success"] * 3


def test_mail_whose_receipt_is_lost_comes_twice(lab: Lab) -> None:
    to = somebody(lab)
    lab.faults.add("lose-ack", "EDGE01", service="smtp", request="content", at=1)
    with pytest.raises(Unreachable):
        lab.run("mail.send", from_="bob@partner.test", to=(to,), subject="one")
    lab.run("mail.send", from_="bob@partner.test", to=(to,), subject="one")
    lab.clock.advance(minutes=30)
    assert [m["subject"] for m in lab.run("mail.inbox")["messages"]] == ["one", "one"]


def test_a_fault_between_the_edge_and_a_hub_leaves_mail_in_the_queue(lab: Lab) -> None:
    lab.faults.add("reset", "HUB01", service="smtp", caller="EDGE01")
    lab.faults.add("reset", "HUB02", service="smtp", caller="EDGE01")
    sent = lab.run("mail.send", from_="bob@partner.test", to=(somebody(lab),))
    assert sent["recipients"][0]["state"] == "queued"
    lab.faults.clear()
    lab.run("mail.queue", retry=True)
    assert len(lab.run("mail.inbox")["messages"]) == 1


def test_looking_at_the_matrix_in_the_console_counts_nothing(lab: Lab) -> None:
    """A page's matrix is asked of a fork: a script is not spent by being looked at."""
    lab.faults.add("reset", "EDGE01", at=1)
    with lab.fork() as looked_at:
        assert not looked_at.trust.matrix()
    assert lab.faults.list()[0]["seen"] == 0
