"""A sender facing servers that do not behave."""

from __future__ import annotations

import pytest

from edgesync.transport.link import LinkFailed
from tests.support.mail_bench import Organization, subscribed

MESSAGE = b"Subject: hello\r\n\r\nhow are you\r\n"
HELLO = b"250-mx.test Hello\r\n250-PIPELINING\r\n250 "


class Script:
    """A server that says one thing after another, whatever it is told."""

    local, remote = "10.0.0.2:5000", "203.0.113.9:25"

    def __init__(self, *answers: bytes | LinkFailed) -> None:
        self._answers = list(answers)
        self.heard: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.heard.append(data)

    def receive(self) -> bytes:
        if not self._answers:
            return b""
        answer = self._answers.pop(0)
        if isinstance(answer, LinkFailed):
            raise answer
        return answer

    def close(self) -> None:
        pass


def attempt(organization: Organization, script: Script, body: bytes = MESSAGE) -> str:
    """One message through the script; the queue's error, ``gone`` when nothing waits."""
    organization.mx["partner.test"] = ("mx.partner.test",)
    organization.strangers["mx.partner.test"] = lambda _host, _port: script
    service = organization.services["EDGE01"]
    service.send("amy@contoso.test", ["zoe@partner.test"], body)
    service.run()
    waiting = [q for q in service.queues() if q.next_hop_domain == "partner.test"]
    return waiting[0].last_error if waiting else "gone"


@pytest.fixture
def organization() -> Organization:
    organization = subscribed()
    organization.start_mail()
    return organization


@pytest.mark.fact("certificate-facts 5.3")
@pytest.mark.parametrize(
    ("script", "error"),
    [
        (Script(), "421 4.4.2 Connection dropped due to SocketError"),
        (Script(b"SSH-2.0-OpenSSH\r\n"), "421 4.4.2 Connection dropped"),
        (Script(b"220 mx\r\n" + b"250-x\r\n" * 500), "421 4.4.2 Connection dropped"),
        (Script(b"220 " + b"x" * 10_000), "421 4.4.2 Connection dropped"),
        (Script(LinkFailed("slow", is_silent=True)), "421 4.4.1 Connection timed out"),
        (Script(LinkFailed("reset")), "421 4.4.2 Connection dropped due to SocketError"),
        (Script(b"421 busy\r\n"), "421 busy"),
        (Script(b"554 go away\r\n"), "554 go away"),
        (Script(b"220 mx\r\n", b"500 no\r\n", b"500 no\r\n"), "500 no"),
        (Script(b"220 mx\r\n", HELLO + b"STARTTLS\r\n", b"220 go\r\n", b"junk not tls at all\r\n"),
         "421 4.4.2 Connection dropped due to SocketError"),
        (Script(b"220 mx\r\n", HELLO + b"X\r\n", b"250 ok\r\n451 4.2.1 later\r\n"),
         "451 4.2.1 later"),
    ],
)  # fmt: skip
def test_every_way_a_server_can_fail_leaves_the_mail_in_the_queue(
    organization: Organization, script: Script, error: str
) -> None:
    assert error in attempt(organization, script)
    assert len(organization.services["EDGE01"].queue.messages) == 1


def test_a_broken_handshake_is_an_event(organization: Organization) -> None:
    script = Script(b"220 mx\r\n", HELLO + b"STARTTLS\r\n", b"220 go\r\n", b"junk\r\n" * 9)
    attempt(organization, script)
    assert "TlsNegotiationFailed" in organization.machines["EDGE01"].event_names


def test_replies_injected_before_the_handshake_are_thrown_away(organization: Organization) -> None:
    script = Script(
        b"220 mx\r\n", HELLO + b"STARTTLS\r\n",
        b"220 go\r\n250 injected\r\n250 injected\r\n354 injected\r\n250 injected\r\n",
    )  # fmt: skip
    assert "421 4.4.2" in attempt(organization, script)
    assert not any(b"MAIL FROM" in data for data in script.heard)


def test_a_refused_recipient_is_returned_and_the_other_is_not(organization: Organization) -> None:
    script = Script(
        b"220 mx\r\n", HELLO + b"SIZE 1000000\r\n",
        b"250 ok\r\n550 5.1.1 nobody\r\n", b"250 reset\r\n", b"221 bye\r\n",
    )  # fmt: skip
    assert attempt(organization, script) == "gone"
    assert b"SIZE=" in b"".join(script.heard)
    assert "MessageReturned" in organization.machines["EDGE01"].event_names


def test_a_message_larger_than_the_server_takes_is_not_sent(organization: Organization) -> None:
    script = Script(b"220 mx\r\n", HELLO + b"SIZE 50\r\n", b"221 bye\r\n")
    assert attempt(organization, script, MESSAGE + b"x" * 100) == "gone"
    assert not any(b"MAIL FROM" in data for data in script.heard)


@pytest.mark.fact("certificate-facts 5.3")
def test_bare_line_feeds_are_never_sent_on(organization: Organization) -> None:
    script = Script(b"220 mx\r\n", HELLO + b"CHUNKING\r\n", b"221 bye\r\n")
    attempt(organization, script, b"Subject: x\r\n\r\nbare\nline\n")
    errors = [e.data.get("error") for e in organization.machines["EDGE01"].events]
    assert any("SMTPSEND.BareLinefeedsAreIllegal" in str(error) for error in errors)
    assert not any(b"MAIL FROM" in data for data in script.heard)


def test_dots_are_doubled_and_the_end_is_unmistakable(organization: Organization) -> None:
    script = Script(
        b"220 mx\r\n", HELLO + b"8BITMIME\r\n", b"250 ok\r\n250 ok\r\n", b"354 go\r\n",
        b"250 taken\r\n", b"221 bye\r\n",
    )  # fmt: skip
    assert attempt(organization, script, b"Subject: x\r\n\r\n.\r\n..\r\nno end") == "gone"
    assert script.heard[-2].endswith(b"\r\n\r\n..\r\n...\r\nno end\r\n.\r\n")


def test_eight_bit_content_says_so(organization: Organization) -> None:
    script = Script(b"220 mx\r\n", HELLO + b"8BITMIME\r\n", b"250 ok\r\n550 5.1.1 x\r\n",
                    b"250 r\r\n", b"221 b\r\n")  # fmt: skip
    attempt(organization, script, b"Subject: x\r\n\r\n\xc3\xb8\r\n")
    assert b"BODY=8BITMIME" in b"".join(script.heard)
