"""POP3 and IMAP4: which certificate, when a password may be said, what is in the mailbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edgesync.client_access.mail_access import MailSession
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from tests.support.access_lab import PASSWORD, do, enable_user, fresh_lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with fresh_lab() as made:
        enable_user(made, tmp_path)
        yield made


def said(lab: Lab, protocol: str, *lines: str) -> list[str]:
    """Answers on a plain connection, the greeting first."""
    session = lab.service(ClientAccess).accept("CAS01", protocol)
    assert isinstance(session, MailSession)
    session.start()
    session.receive_data("".join(f"{line}\r\n" for line in lines).encode())
    return session.data_to_send().decode().splitlines()


@pytest.mark.fact("certificate-facts 3.7")
def test_the_certificate_is_chosen_by_name(lab: Lab) -> None:
    access = lab.service(ClientAccess).mail_access("CAS01")
    first = access.selection("pop").chosen
    assert first is not None
    do(lab, "cert new CAS01 --domain-name mail.contoso.test --services POP --services IMAP --yes")
    assert access.selection("pop").chosen == first
    do(lab, "Set-PopSettings -Server CAS01 -X509CertificateName mail.contoso.test")
    chosen = access.selection("pop").chosen
    assert chosen is not None
    assert chosen.names("mail.contoso.test")
    assert access.selection("imap").chosen == first


@pytest.mark.fact("certificate-facts 3.7")
def test_without_a_certificate_no_tls_is_offered(lab: Lab) -> None:
    assert "STLS" in said(lab, "pop", "CAPA")
    do(lab, "Set-PopSettings -Server CAS01 -X509CertificateName absent.contoso.test")
    assert "STLS" not in said(lab, "pop", "CAPA")
    assert lab.service(ClientAccess).accept("CAS01", "pops") is None


@pytest.mark.fact("certificate-facts 3.7")
def test_a_password_waits_for_tls_unless_plain_text_is_allowed(lab: Lab) -> None:
    log_on = ("USER user0", f"PASS {PASSWORD}", "STAT")
    assert all(line.startswith("-ERR") for line in said(lab, "pop", *log_on)[1:])
    assert "LOGINDISABLED" in said(lab, "imap", "a CAPABILITY")[1]
    assert "PRIVACYREQUIRED" in said(lab, "imap", f"a LOGIN user0 {PASSWORD}")[1]
    do(lab, "client protocol CAS01 pop --login-type PlainTextLogin")
    assert said(lab, "pop", *log_on)[-1] == "+OK 0 0"


def test_commands_sent_before_tls_are_forgotten(lab: Lab) -> None:
    answers = said(lab, "pop", "STLS", "USER user0", f"PASS {PASSWORD}")
    assert answers[1].startswith("+OK Begin TLS")
    assert len(answers) == 2


def test_a_mailbox_holds_what_was_delivered(lab: Lab) -> None:
    do(lab, "client protocol CAS01 pop --login-type PlainTextLogin")
    do(lab, "client protocol CAS01 imap --login-type PlainTextLogin")
    mail = lab.service(Network).mail()
    content = b"Subject: one\r\n\r\nbody\r\n.dot\r\n"
    mail.services["HUB01"].send("x@contoso.test", ["alan.abbott@contoso.test"], content)
    mail.run()
    popped = said(lab, "pop", "USER user0", f"PASS {PASSWORD}", "RETR 1", "RETR 2", "TOP 1 0")
    assert "..dot" in popped
    assert any(line.startswith("-ERR The specified message") for line in popped)
    fetched = said(lab, "imap", f"a LOGIN user0 {PASSWORD}", "b SELECT INBOX", "c FETCH 1 RFC822")
    assert "* 1 EXISTS" in fetched
    assert ".dot" in fetched


def test_too_many_wrong_log_ons_end_the_connection(lab: Lab) -> None:
    do(lab, "client protocol CAS01 pop --login-type PlainTextLogin")
    session = lab.service(ClientAccess).accept("CAS01", "pop")
    assert session is not None
    for _ in range(20):
        session.receive_data(b"USER user0\r\nPASS wrong\r\n")
    assert session.is_over
