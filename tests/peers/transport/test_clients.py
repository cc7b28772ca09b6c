"""Other people's SMTP clients against our servers: swaks, openssl, smtplib."""

from __future__ import annotations

import smtplib
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from tests.support.mail_bench import SITE, Organization, subscribed
from tests.support.peers import require_tool
from tests.support.program import Program
from tests.support.smtp_listener import listening, wait_for, write_pem

pytestmark = pytest.mark.peers


@pytest.fixture
def organization() -> Organization:
    return subscribed()


def swaks(address: tuple[str, int], *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        require_tool("swaks"), "--server", f"{address[0]}:{address[1]}", "--helo", "client.test",
        "--from", "s@partner.test", "--to", "amy@contoso.test", *words,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("how", [(), ("--tls",), ("--pipeline",), ("--tls", "--pipeline")])
def test_swaks_delivers_to_an_edge(organization: Organization, how: tuple[str, ...]) -> None:
    edge = organization.machines["EDGE01"]
    with listening(edge) as address:
        done = swaks(address, "--body", "hello\n.\n..two\n", *how)
    assert done.returncode == 0, done.stdout
    content = edge.received[0].content
    assert b"hello\r\n.\r\n..two\r\n" in content
    assert (b"(TLS)" in content) is ("--tls" in how)


def test_swaks_with_a_servers_certificate_is_still_a_stranger_to_starttls(
    organization: Organization, tmp_path: Path
) -> None:
    edge, hub = organization.machines["EDGE01"], organization.machines["HUB01"]
    assert hub.identity is not None
    certificate, key = write_pem(hub.identity, tmp_path, "hub")
    with listening(edge) as address:
        done = swaks(address, "--tls", "--tls-cert", str(certificate), "--tls-key", str(key))
    assert done.returncode == 0, done.stdout
    record = edge.host.sessions[-1]
    assert record.handshake.peer == hub.identity.der
    assert record.trust is None  # direct trust is for X-ANONYMOUSTLS


def test_swaks_may_neither_relay_nor_reach_a_hub(organization: Organization) -> None:
    with listening(organization.machines["EDGE01"]) as address:
        done = swaks(address, "--to", "x@elsewhere.test")
    assert "550 5.7.1 Unable to relay" in done.stdout
    with listening(organization.machines["HUB01"]) as address:
        done = swaks(address)
    assert "530 5.7.1 Client was not authenticated" in done.stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_shows_a_client_certificate_and_sees_ours(
    organization: Organization, tmp_path: Path, version: str
) -> None:
    hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
    assert edge.identity is not None
    certificate, key = write_pem(edge.identity, tmp_path, "edge")
    with listening(hub) as (host, port):
        done = subprocess.run(
            [require_tool("openssl"), "s_client", "-starttls", "smtp", version,
             "-connect", f"{host}:{port}", "-cert", str(certificate), "-key", str(key)],
            input="EHLO me\r\nQUIT\r\n", capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert "CN = HUB01" in done.stdout
    wait_for(lambda: len(hub.host.sessions) == 1)
    assert hub.host.sessions[-1].handshake.peer == edge.identity.der


def test_smtplib_sends_over_starttls_and_in_clear(organization: Organization) -> None:
    edge = organization.machines["EDGE01"]
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with listening(edge) as (host, port):
        for secured in (False, True):
            with smtplib.SMTP(host, port, local_hostname="client.test", timeout=20) as client:
                if secured:
                    client.starttls(context=context)
                refused = client.sendmail(
                    "s@partner.test",
                    ["amy@contoso.test", "x@else.test"],
                    "Subject: hi\r\n\r\n.dot\r\n",
                )
                assert refused["x@else.test"][0] == 550
    assert [b"(TLS)" in m.content for m in edge.received] == [False, True]
    assert all(m.content.endswith(b"\r\n\r\n.dot\r\n") for m in edge.received)


def test_a_peer_that_breaks_tls_harms_nobody_else(organization: Organization) -> None:
    edge = organization.machines["EDGE01"]
    with listening(edge) as address:
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x10" + bytes(16), b""):
            with socket.create_connection(address, 10) as link:
                link.recv(200)
                link.sendall(b"EHLO x\r\nSTARTTLS\r\n")
                data = b""
                while b"220 2.0.0" not in data:
                    data += link.recv(4096)
                if garbage:
                    link.sendall(garbage)
        assert swaks(address).returncode == 0
        wait_for(lambda: edge.event_names.count("TlsNegotiationFailed") == 3)


def test_many_clients_at_once_are_all_served(organization: Organization) -> None:
    edge = organization.machines["EDGE01"]
    failures: list[Exception] = []

    def one(address: tuple[str, int]) -> None:
        try:
            with smtplib.SMTP(*address, timeout=30) as client:
                client.sendmail("s@p.test", ["amy@contoso.test"], "Subject: x\r\n\r\nhi\r\n")
        except (OSError, smtplib.SMTPException) as error:
            failures.append(error)

    with listening(edge) as address:
        threads = [threading.Thread(target=one, args=(address,)) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert failures == []
    assert len(edge.received) == 30


def test_a_client_that_connects_and_says_nothing_is_hung_up_on(organization: Organization) -> None:
    from datetime import timedelta

    edge = organization.machines["EDGE01"]
    edge.configure(connection_inactivity_timeout=timedelta(seconds=1))
    with listening(edge) as address, socket.create_connection(address, 10) as link:
        data = b""
        while chunk := link.recv(4096):
            data += chunk
    assert data.endswith(b"421 4.4.1 Connection timed out\r\n")


def test_mail_from_swaks_to_a_running_lab_reaches_its_mailbox(tmp_path: Path) -> None:
    program = Program(tmp_path / "lab")
    program.ok("lab", "new", "--recipients", "4")
    program.ok("subscription", "export", "EDGE01", "--file", str(tmp_path / "e.xml"))
    program.ok("subscription", "import", str(tmp_path / "e.xml"), "--site", SITE)
    program.ok("sync", "run")
    program.ok("lab", "up", "--detach")
    try:
        status = program.json("lab", "status")
        host, _, port = status["servers"]["EDGE01"]["smtp"].partition("://")[2].rpartition(":")
        done = swaks((host, int(port)), "--to", "alan.abbott@contoso.test", "--tls")
        assert done.returncode == 0, done.stdout
        mailbox = tmp_path / "lab" / "mailboxes" / "alan.abbott"
        wait_for(lambda: mailbox.is_dir() and list(mailbox.glob("*.eml")))
    finally:
        program.ok("lab", "down")
    content = next(mailbox.glob("*.eml")).read_bytes()
    assert b"by edge01.contoso.test (127.0.0.1) with Microsoft SMTP Server (TLS)" in content
    assert b"by hub0" in content
