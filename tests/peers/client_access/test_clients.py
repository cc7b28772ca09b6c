"""Other people's clients against a Client Access server: curl, openssl, poplib, imaplib."""

from __future__ import annotations

import imaplib
import poplib
import re
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from tests.support.access_lab import PASSWORD, USER, do, enable_user, fresh_lab, port_of, up
from tests.support.peers import require_tool


@dataclass
class Running:
    """A lab whose listeners are up."""

    lab: Lab
    urls: dict[str, str]
    folder: Path


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with fresh_lab() as lab:
        enable_user(lab, tmp_path)
        with up(lab) as addresses:
            yield Running(lab, addresses["CAS01"], tmp_path)


def curl(*words: str) -> str:
    """What curl prints; the status code last."""
    command = [require_tool("curl"), "-s", "-w", "\n%{http_code}", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


def presented(url: str, *words: str) -> str:
    """Thumbprint of the certificate openssl sees."""
    address = url.partition("://")[2]
    command = [require_tool("openssl"), "s_client", "-connect", address, *words]
    shown = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    digest = subprocess.run(
        [require_tool("openssl"), "x509", "-noout", "-fingerprint", "-sha1"],
        input=shown.stdout, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    return digest.stdout.decode().strip().partition("=")[2].replace(":", "")


@pytest.mark.fact("certificate-facts 7.1")
def test_curl_meets_require_ssl_as_the_directories_have_it(running: Running) -> None:
    plain, secure = running.urls["http"], running.urls["https"]
    refused = curl(f"{plain}/owa")
    assert refused.endswith("\n403")
    assert "HTTP Error 403.4" in refused
    assert curl(f"{plain}/OAB/oab.xml").endswith("\n200")
    assert "Outlook Web Access" in curl("-kL", f"{secure}/owa")
    assert curl(f"{secure}/owa").endswith("\n000")  # self-signed: curl does not trust it


def test_curl_trusts_the_certificate_once_it_is_given_it(running: Running) -> None:
    file = running.folder / "cas01.pem"
    file.write_bytes(next(iter(running.lab.store("CAS01").certificates)).certificate_pem())
    port = port_of(running.urls["https"])
    told = ("--cacert", str(file), "--resolve", f"cas01.contoso.test:{port}:127.0.0.1")
    assert curl(*told, f"https://cas01.contoso.test:{port}/owa").endswith("\n302")


def test_curl_logs_on_with_a_password_and_with_a_form(running: Running) -> None:
    secure, user = running.urls["https"], f"{USER}:{PASSWORD}"
    assert curl("-k", f"{secure}/EWS").endswith("\n401")
    assert curl("-k", "-u", user, f"{secure}/EWS").endswith("\n200")
    form = f"username={USER}&password={PASSWORD}"
    jar = str(running.folder / "cookies")
    page = curl("-kL", "-c", jar, "--data", form, f"{secure}/owa/auth/owaauth.dll")
    assert "Alan Abbott" in page
    assert "Alan Abbott" in curl("-k", "-b", jar, f"{secure}/owa/")


@pytest.mark.fact("certificate-facts 7.1")
def test_curl_gets_iis_number_for_each_kind_of_certificate(running: Running) -> None:
    lab, folder = running.lab, running.folder
    do(lab, "client ntauth --add enterprise")
    do(lab, "client directory CAS01 Microsoft-Server-ActiveSync --client-certificates require")
    enrolments = {
        "right": "user0", "nobody": "user1", "wrong": "user0 --authority public",
        "expired": "user0 --days 10 --backdate 30", "revoked": "user0",
    }  # fmt: skip
    for name, options in enrolments.items():
        do(lab, f"client enroll {options} --file {folder / name}.pem")
    do(lab, f"client revoke {folder / 'revoked'}.pem")
    subprocess.run(
        [require_tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
         "/CN=stranger", "-keyout", folder / "own.key", "-out", folder / "own.crt"],
        capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    own = (folder / "own.crt").read_text() + (folder / "own.key").read_text()
    (folder / "stranger.pem").write_text(own)
    url = f"{running.urls['https']}/Microsoft-Server-ActiveSync"
    found = {}
    for name in (*enrolments, "stranger"):
        answer = curl("-k", "-X", "OPTIONS", "--cert", str(folder / f"{name}.pem"), url)
        number = re.search(r"HTTP Error ([\d.]+)", answer)
        found[name] = number[1] if number else answer.strip()
    answer = curl("-k", "-X", "OPTIONS", url)
    assert "HTTP Error 403.7" in answer
    assert found == {
        "right": "200", "nobody": "403.12", "wrong": "403.16", "expired": "403.17",
        "revoked": "403.13", "stranger": "403.16",
    }  # fmt: skip


@pytest.mark.fact("certificate-facts 2.3")
def test_openssl_sees_a_moved_service_at_once(running: Running) -> None:
    lab, urls = running.lab, running.urls
    (first,) = [c.thumbprint for c in lab.store("CAS01").certificates]
    for url, words in (
        (urls["https"], ()), (urls["pops"], ()), (urls["imaps"], ()),
        (urls["pop"], ("-starttls", "pop3")), (urls["imap"], ("-starttls", "imap")),
    ):  # fmt: skip
        assert presented(url, *words) == first
    do(lab, "cert new CAS01 --domain-name cas01.contoso.test --services IIS --services POP --yes")
    (second,) = [c.thumbprint for c in lab.store("CAS01").certificates if c.thumbprint != first]
    assert presented(urls["https"]) == second
    assert presented(urls["pop"], "-starttls", "pop3") == second
    assert presented(urls["imap"], "-starttls", "imap") == first
    assert curl(f"{urls['http']}/").endswith("\n403")


def test_the_standard_librarys_mail_clients_read_a_mailbox(running: Running) -> None:
    mail = running.lab.service(Network).mail()
    content = b"Subject: one\r\n\r\nbody\r\n.dot\r\n"
    mail.services["HUB01"].send("x@contoso.test", ["alan.abbott@contoso.test"], content)
    mail.run()
    trusting = ssl.create_default_context()
    certificate = next(iter(running.lab.store("CAS01").certificates))
    trusting.load_verify_locations(cadata=certificate.certificate_pem().decode())
    trusting.check_hostname = False  # the socket goes to 127.0.0.1
    pop = poplib.POP3("127.0.0.1", port_of(running.urls["pop"]), timeout=30)
    with pytest.raises(poplib.error_proto):
        pop.user("user0")  # SecureLogin: TLS first
    pop.stls(trusting)
    assert "STLS" not in pop.capa()
    pop.user("user0")
    pop.pass_(PASSWORD)
    assert b".dot" in pop.retr(1)[1]
    pop.quit()
    imap = imaplib.IMAP4("127.0.0.1", port_of(running.urls["imap"]), timeout=30)
    assert "LOGINDISABLED" in imap.capabilities
    imap.starttls(trusting)
    with pytest.raises(imaplib.IMAP4.error):
        imap.login("user0", "wrong")
    imap.login("user0", PASSWORD)
    assert imap.select("INBOX", readonly=True)[1] == [b"1"]
    fetched = imap.fetch("1", "(RFC822)")[1][0]
    assert isinstance(fetched, tuple)
    assert b".dot" in fetched[1]
    imap.logout()


def test_curl_logs_on_with_ntlm_on_one_connection(running: Running) -> None:
    secure, user = running.urls["https"], f"{USER}:{PASSWORD}"
    assert "WWW-Authenticate: NTLM" in curl("-k", "-i", f"{secure}/EWS")
    assert curl("-k", "--ntlm", "-u", user, f"{secure}/EWS").endswith("\n200")
    assert "Alan Abbott" in curl(
        "-k", "--ntlm", "-u", user, f"{secure}/Autodiscover/Autodiscover.xml"
    )
    assert curl("-k", "--ntlm", "-u", f"{USER}:wrong", f"{secure}/EWS").endswith("\n401")
    assert curl("-k", "--ntlm", "-u", user, f"{secure}/Microsoft-Server-ActiveSync").endswith("401")
