"""Delivered mail, read back: whose, from whom, how it came and how safe each hop was."""

from __future__ import annotations

import re
from typing import Any

import pytest

from edgesync import Lab
from edgesync.errors import NoSuchThing, UsageError
from edgesync.operations.mail_inbox import _hop, _parsed, _summary
from edgesync.transport.headers import received_line

SMALL: dict[str, Any] = {"hubs": 1, "edges": 1, "recipients": 3, "sites": 1}


@pytest.fixture(scope="module")
def lab() -> Lab:
    made = Lab.new(**SMALL)
    made.subscribe("EDGE01")
    made.sync.run(edge="EDGE01")
    for row in made.run("connector.list", kind="receive")["connectors"]:
        made.run("connector.set", name=row["name"], protocol_logging_level="Verbose")
    return made


def addresses(lab: Lab) -> tuple[str, ...]:
    found = lab.run("directory.search", filter_="(mail=*)", attribute=("mail",))
    return tuple(dict.fromkeys(re.findall(r"[\w.]+@contoso\.test", str(found["entries"]))))


def address(lab: Lab) -> str:
    return addresses(lab)[0]


def test_nothing_came_yet(lab: Lab) -> None:
    assert lab.fork().run("mail.inbox")["messages"] == []


def test_mail_from_outside_is_read_with_its_path(lab: Lab) -> None:
    to = address(lab)
    lab.run("mail.send", from_="bob@partner.test", to=(to,), subject="Täglich", body="hello")
    mailbox = to.partition("@")[0]
    rows = lab.run("mail.inbox", mailbox=to)["messages"]
    assert [(r["mailbox"], r["subject"], r["auth_as"], r["hops"]) for r in rows] == [
        (mailbox, "Täglich", "Anonymous", 2)
    ]
    answer = lab.run("mail.inbox", mailbox=mailbox, number=1)
    message = answer["message"]
    assert message["text"].strip() == "hello"
    assert [(hop["by"].partition(".")[0], hop["tls"]) for hop in message["path"]] == [
        ("edge01", True), ("hub01", True),
    ]  # fmt: skip
    facts = " ".join(message["path"][1]["facts"])
    assert "CN=EDGE01" in facts  # the Hub saw the Edge's certificate
    assert "Set Session Permissions" in facts
    assert "Subject" in [name for name, _ in message["headers"]]
    assert "hello" in str(answer)


def test_a_message_or_mailbox_that_is_not_there_is_named(lab: Lab) -> None:
    to = address(lab)
    lab.run("mail.send", from_=to, to=addresses(lab)[:2])
    with pytest.raises(NoSuchThing, match="nobody"):
        lab.run("mail.inbox", mailbox="nobody")
    with pytest.raises(NoSuchThing, match="99"):
        lab.run("mail.inbox", mailbox=to, number=99)
    with pytest.raises(UsageError):
        lab.run("mail.inbox", number=1)


@pytest.mark.fact("certificate-facts 5.4")
@pytest.mark.parametrize("tls", [True, False])
def test_a_received_line_of_ours_is_read_back(lab: Lab, *, tls: bool) -> None:
    line = received_line(
        helo="a.test", peer_ip="10.0.0.1", own_fqdn="edge01.contoso.test", own_ip="10.0.0.2",
        tls=tls, build="8.3.83.6", at=lab.clock.now,
    ).decode()  # fmt: skip
    hop = _hop(line.removeprefix("Received: ").strip())
    assert (hop["from"], hop["by"], hop["tls"]) == ("a.test", "edge01.contoso.test", tls)


def test_hostile_headers_do_not_break_the_list() -> None:
    content = b"From: \xff\xfe<\r\nSubject: =?x-none?b?!!!?=\r\nDate: never\r\nTo: <<>>,\r\n\r\nx"
    assert set(_summary(_parsed(content))) >= {"from", "subject", "date"}
