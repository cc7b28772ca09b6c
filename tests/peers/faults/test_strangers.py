"""Programs other people wrote meet the faults of a running lab: each sees what it should.

Every listener keeps the address it had, and is well again once its faults are gone.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator

import pytest

from edgesync import Lab
from tests.support.peers import require_tool

pytestmark = pytest.mark.peers

SECRET = "administrator.password"


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
    """A subscribed Edge, in sync, up."""
    with Lab.new(hubs=2, edges=1, recipients=3, sites=1) as lab, lab.up():
        lab.subscribe("EDGE01")
        assert lab.sync.run(edge="EDGE01")
        yield lab


@pytest.fixture
def lab(running: Lab, caplog: pytest.LogCaptureFixture) -> Iterator[Lab]:
    yield running
    running.faults.clear()
    assert running.trust.matrix()
    assert [r.getMessage() for r in caplog.records if r.name == "asyncio"] == []


def test_a_client_that_says_all_at_once_and_half_closes_gets_its_answers(lab: Lab) -> None:
    lab.faults.add("delay", "EDGE01", service="smtp", request="EHLO", seconds=0.05)
    host, port = lab.address("EDGE01", "smtp").removeprefix("smtp://").split(":")
    with socket.create_connection((host, int(port)), 10) as sock:
        assert sock.recv(1000).startswith(b"220 ")
        sock.sendall(b"EHLO a.test\r\nQUIT\r\n")
        sock.shutdown(socket.SHUT_WR)
        said = b""
        while data := sock.recv(1000):
            said += data
    assert said.startswith(b"250-")
    assert b"221 " in said


def run(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    program = require_tool(words[0])
    return subprocess.run(
        [program, *words[1:]], capture_output=True, text=True, timeout=60, check=False, input=text
    )


def ldapsearch(lab: Lab, service: str, *words: str) -> subprocess.CompletedProcess[str]:
    edge = lab.edge("EDGE01")
    return subprocess.run(
        [require_tool("ldapsearch"), "-x", "-LLL", "-s", "base", "-H",
         lab.address("EDGE01", service), "-D", edge.admin_dn, "-w", edge.password, *words,
         "-b", edge.admin_dn, "dn"],
        capture_output=True, text=True, timeout=60, check=False, env={"LDAPTLS_REQCERT": "never"},
    )  # fmt: skip


def swaks(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    address = lab.address("EDGE01", "smtp").removeprefix("smtp://")
    to = next(r["mail"] for r in people(lab))
    return run("swaks", "--server", address, "--from", "s@partner.test", "--to", to, *words)


def people(lab: Lab) -> list[dict[str, str]]:
    found = lab.run(
        "directory.search", filter_="(&(objectClass=user)(mail=*))", attribute=("mail",)
    )
    return [{"mail": re.findall(r"[\w.+-]+@[\w.-]+", str(found.document))[0]}]


def shown(lab: Lab, service: str, *words: str) -> str:
    """The certificate a stranger is shown, as openssl prints it."""
    address = lab.address("EDGE01", service).partition("//")[2]
    done = run("openssl", "s_client", "-connect", address, *words)
    return run("openssl", "x509", "-noout", "-subject", "-fingerprint", text=done.stdout).stdout


def test_ldapsearch_is_refused_once_and_then_let_in(lab: Lab) -> None:
    lab.faults.add("refuse-bind", "EDGE01", times=1)
    assert ldapsearch(lab, "ldaps").returncode == 49
    assert ldapsearch(lab, "ldaps").returncode == 0


@pytest.mark.parametrize("how", [("ldap",), ("ldap", "-ZZ"), ("ldaps",)])
def test_requests_are_struck_inside_tls_too(lab: Lab, how: tuple[str, ...]) -> None:
    lab.faults.add("reset", "EDGE01", request="search")
    done = ldapsearch(lab, *how)
    assert done.returncode != 0
    assert "Can't contact LDAP server" in done.stderr
    lab.faults.clear()
    assert ldapsearch(lab, *how).returncode == 0


def test_starttls_is_stripped_and_nobody_gets_it_by_asking(lab: Lab) -> None:
    lab.faults.add("strip-tls", "EDGE01")
    assert "Protocol error" in ldapsearch(lab, "ldap", "-ZZ").stderr
    done = swaks(lab, "--tls")
    assert done.returncode == 29  # swaks: STARTTLS is not offered
    assert "STARTTLS" not in done.stdout.replace("STARTTLS attempted", "")
    host, port = lab.address("EDGE01", "smtp").removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.ehlo()
        assert client.docmd("STARTTLS")[0] == 500
    assert not lab.trust.check("HUB01", "EDGE01")
    assert lab.trust.check("HUB01", "EDGE01").reason == "tls_not_offered"


@pytest.mark.parametrize(("service", "words"), [("ldaps", ()), ("smtp", ("-starttls", "smtp"))])
def test_tls_is_re_signed_by_a_look_alike(lab: Lab, service: str, words: tuple[str, ...]) -> None:
    before = shown(lab, service, *words)
    lab.faults.add("resign-tls", "EDGE01", service=service)
    during = shown(lab, service, *words)
    assert before.splitlines()[0] == during.splitlines()[0]  # the subject
    assert before.splitlines()[1] != during.splitlines()[1]  # the fingerprint
    lab.faults.clear()
    assert shown(lab, service, *words) == before


def test_the_labs_own_servers_do_not_fall_for_the_look_alike(lab: Lab) -> None:
    lab.faults.add("resign-tls", "EDGE01")
    for path in ("smtp", "ldaps"):
        result = lab.trust.check("HUB01", "EDGE01", path=path)
        assert result.verdict == "untrusted"
    assert not lab.sync.run(edge="EDGE01")


def test_swaks_never_hears_that_its_mail_was_taken(lab: Lab) -> None:
    lab.faults.add("lose-ack", "EDGE01", service="smtp", request="content", at=1)
    before = len(lab.run("mail.inbox")["messages"])
    assert swaks(lab, "--header", "Subject: twice").returncode != 0
    assert swaks(lab, "--header", "Subject: twice").returncode == 0
    lab.clock.advance(minutes=1)
    taken = [m for m in lab.run("mail.inbox")["messages"][before:] if m["subject"] == "twice"]
    assert len(taken) == 2  # RFC 5321 section 4.5.3.2.6: who hears nothing sends again


def test_an_answer_that_is_late_is_given_up_by_who_does_not_wait(lab: Lab) -> None:
    lab.faults.add("delay", "EDGE01", service="ldap", request="search", seconds=30.0)
    done = ldapsearch(lab, "ldap", "-o", "nettimeout=1", "-o", "TIMEOUT=1")
    assert done.returncode != 0


def test_a_cut_line_hangs_up_on_everybody(lab: Lab) -> None:
    lab.faults.add("cut", "EDGE01", service="smtp")
    host, port = lab.address("EDGE01", "smtp").removeprefix("smtp://").split(":")
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection((host, int(port)), 10) as sock,
    ):
        sock.recv(100)
    assert lab.trust.check("HUB01", "EDGE01").verdict == "unreachable"


def test_a_connection_made_before_stays_as_it_is(lab: Lab) -> None:
    host, port = lab.address("EDGE01", "smtp").removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.ehlo()
        lab.faults.add("reset", "EDGE01", service="smtp")
        assert client.noop()[0] == 250
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionResetError)):
        smtplib.SMTP(host, int(port)).ehlo()


def test_receive_connectors_go_on_knowing_who_called(lab: Lab) -> None:
    lab.faults.add("reset", "EDGE01", service="smtp", request="VRFY")
    host, port = lab.address("EDGE01", "smtp").removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port)) as client:
        assert client.sock is not None
        ours = client.sock.getsockname()[1]
        client.starttls(context=ssl._create_unverified_context())
        client.ehlo()
    from edgesync.lab.network import Network

    sessions = lab.lab.service(Network).host("EDGE01").sessions
    assert sessions[-1].remote == f"127.0.0.1:{ours}"


def test_only_one_machine_of_the_lab_suffers(lab: Lab) -> None:
    lab.faults.add("refuse-bind", "EDGE01", caller="HUB01")
    assert ldapsearch(lab, "ldaps").returncode == 0
    assert not lab.trust.check("HUB01", "EDGE01", path="ldaps")
    assert lab.trust.check("HUB02", "EDGE01", path="ldaps")


def test_https_of_a_client_access_server_breaks_for_curl() -> None:
    require_tool("curl")
    with Lab.new(hubs=1, edges=1, recipients=3, sites=1) as lab, lab.up():
        url = lab.address("CAS01", "https")
        assert run("curl", "-ksS", "-o", "/dev/null", url).returncode == 0
        lab.faults.add("reset", "CAS01", service="https", at=1)
        assert run("curl", "-ksS", "-o", "/dev/null", url).returncode == 56  # curl: receive failed
        assert run("curl", "-ksS", "-o", "/dev/null", url).returncode == 0


def test_lab_status_says_what_lies_on_the_lines(lab: Lab) -> None:
    assert lab.run("lab.status")["faults"] == []
    number = lab.faults.add("delay", "EDGE01", seconds=0.01, probability=0.5)
    status = lab.run("lab.status")
    assert [row["id"] for row in status["faults"]] == [number]
    assert "edgesync fault list" in str(status)
    lab.faults.remove(number)
    assert lab.run("lab.status")["faults"] == []
