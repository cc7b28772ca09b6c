"""What a receiving server says: replies, order of commands, capabilities, limits."""

from __future__ import annotations

import pytest

from edgesync.config import Version
from edgesync.organization.connectors import AuthMechanism, PermissionGroups
from edgesync.transport.command import COMMAND_LINE_MAX
from tests.support.mail_bench import Machine, Organization, subscribed
from tests.unit.transport.conversation import Caller, as_server, greeted

OUTSIDER = "MAIL FROM:<someone@partner.test>"
TOO_LARGE = "552 5.3.4 Message size exceeds fixed maximum message size"
BEFORE_TLS_HUB = [
    "SIZE 10485760", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS", "X-ANONYMOUSTLS",
    "AUTH NTLM", "X-EXPS GSSAPI NTLM", "8BITMIME", "BINARYMIME", "CHUNKING",
]  # fmt: skip
AFTER_TLS_HUB = [
    "SIZE 10485760", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "AUTH NTLM LOGIN",
    "X-EXPS EXCHANGEAUTH GSSAPI NTLM", "X-EXCHANGEAUTH SHA256", "8BITMIME", "BINARYMIME",
    "CHUNKING",
]  # fmt: skip
BEFORE_TLS_EDGE = [
    "SIZE 10485760", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "STARTTLS", "X-ANONYMOUSTLS",
    "X-EXPS NTLM", "8BITMIME", "BINARYMIME", "CHUNKING",
]  # fmt: skip
TAILS = {
    Version.EXCHANGE_2007: (["XEXCH50"], ["XEXCH50"]),
    Version.EXCHANGE_2010: (["XEXCH50", "XRDST", "XSHADOW"], ["XEXCH50", "XSHADOW"]),
    Version.EXCHANGE_2013: (["XRDST"], []),
    Version.EXCHANGE_2016: (["SMTPUTF8", "XRDST"], ["SMTPUTF8"]),
    Version.EXCHANGE_2019: (["SMTPUTF8", "XRDST"], ["SMTPUTF8"]),
}


@pytest.fixture
def organization() -> Organization:
    return subscribed()


@pytest.fixture
def hub(organization: Organization) -> Machine:
    return organization.machines["HUB01"]


@pytest.fixture
def edge(organization: Organization) -> Machine:
    return organization.machines["EDGE01"]


@pytest.mark.fact("certificate-facts 5.1")
@pytest.mark.parametrize("version", TAILS)
def test_the_ehlo_list_is_exchanges_for_the_version_and_state(version: Version) -> None:
    organization = subscribed(version)
    hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
    hub_tail, edge_tail = TAILS[version]
    assert Caller(hub).hello() == BEFORE_TLS_HUB + hub_tail
    assert Caller(edge).hello() == BEFORE_TLS_EDGE + edge_tail
    caller = greeted(hub)
    caller.start_tls("X-ANONYMOUSTLS", edge.identity)
    assert caller.hello() == AFTER_TLS_HUB + hub_tail
    caller = greeted(edge)
    caller.start_tls("STARTTLS")
    without_verbs = [k for k in BEFORE_TLS_EDGE if k not in ("STARTTLS", "X-ANONYMOUSTLS")]
    assert caller.hello() == without_verbs + edge_tail


@pytest.mark.fact("certificate-facts 5.1")
def test_exchangeauth_appears_after_anonymous_tls_only(hub: Machine) -> None:
    caller = greeted(hub)
    caller.start_tls("STARTTLS")
    assert "X-EXPS GSSAPI NTLM" in caller.hello()


@pytest.mark.fact("certificate-facts 5.1")
def test_banner_and_greeting_name_the_connectors_fqdn(edge: Machine) -> None:
    edge.configure(fqdn="mail.contoso.test")
    caller = Caller(edge, ip="192.0.2.7")
    banner = "220 mail.contoso.test Microsoft ESMTP MAIL Service ready at"
    assert caller.banner == [f"{banner} Mon, 23 Nov 2026 09:00:00 +0000"]
    assert caller.say("EHLO client.test")[0] == "250-mail.contoso.test Hello [192.0.2.7]"


@pytest.mark.fact("certificate-facts 5.3")
@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("NOOP", "250 2.0.0 OK"),
        ("RSET", "250 2.0.0 Resetting"),
        ("QUIT", "221 2.0.0 Service closing transmission channel"),
        ("VRFY amy", "252 2.1.5 Cannot VRFY user"),
        ("EXPN all", "500 5.3.3 Unrecognized command"),
        ("EHLO under_score..dot", "501 5.5.4 Invalid domain name"),
        ("EHLO", "501 5.5.4 Invalid domain name"),
        ("RCPT TO:<amy@contoso.test>", "503 5.5.2 Need mail command"),
        ("DATA", "503 5.5.2 Need mail command"),
        ("MAIL FROM <a@b.test>", "501 5.5.4 Invalid arguments"),
        ("MAIL FROM:<not an address>", "501 5.1.7 Invalid address"),
        ("MAIL FROM:<a@b.test> WHAT=EVER", "501 5.5.4 Unrecognized parameter"),
        ("MAIL FROM:<a@b.test> SIZE=99999999999", TOO_LARGE),
        ("STARTTLS now", "501 5.5.4 Invalid arguments"),
        ("AUTH CRAM-MD5", "504 5.7.4 Unrecognized authentication type"),
    ],
)  # fmt: skip
def test_replies_have_exchanges_words(edge: Machine, command: str, reply: str) -> None:
    assert greeted(edge).say(command) == [reply]


def test_commands_before_ehlo_are_out_of_order(edge: Machine) -> None:
    assert Caller(edge).say(OUTSIDER) == ["503 5.5.2 Send hello first"]
    assert Caller(edge).say("STARTTLS") == ["503 5.5.2 Send hello first"]


def test_a_pipelined_transaction_is_answered_in_order(edge: Machine) -> None:
    lines = greeted(edge).say(
        OUTSIDER, "RCPT TO:<amy@contoso.test>", "RCPT TO:<x@elsewhere.test>", "DATA"
    )
    assert lines == [
        "250 2.1.0 Sender OK",
        "250 2.1.5 Recipient OK",
        "550 5.7.1 Unable to relay",
        "354 Start mail input; end with <CRLF>.<CRLF>",
    ]


def test_a_whole_message_is_taken_and_stamped(edge: Machine) -> None:
    caller = greeted(edge)
    caller.say(OUTSIDER, "RCPT TO:<amy@contoso.test>", "DATA")
    answer = caller.say("Message-ID: <1@partner.test>", "", "..dotted", ".")
    assert answer == ["250 2.6.0 <1@partner.test> Queued mail for delivery"]
    taken = edge.received[0]
    assert taken.envelope.sender == "someone@partner.test"
    assert taken.content.startswith(
        b"Received: from client.test (10.9.9.9) by edge01.contoso.test (10.0.0.2)"
        b" with Microsoft SMTP Server id 8.3.83.6; "
    )
    assert taken.content.endswith(b"\r\n\r\n.dotted\r\n")
    assert b"X-MS-Exchange-Organization-AuthAs: Anonymous\r\n" in taken.content


@pytest.mark.fact("certificate-facts 5.3")
@pytest.mark.parametrize(
    ("version", "reply"),
    [
        (Version.EXCHANGE_2007, "530 5.7.1 Client was not authenticated"),
        (
            Version.EXCHANGE_2016,
            "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
        ),
    ],
)
def test_a_hub_takes_no_mail_from_strangers(version: Version, reply: str) -> None:
    hub = subscribed(version).machines["HUB01"]
    assert greeted(hub).say(OUTSIDER) == [reply]


@pytest.mark.fact("certificate-facts 6.2")
def test_require_tls_refuses_mail_in_clear_and_takes_it_after_starttls(edge: Machine) -> None:
    edge.configure(require_tls=True)
    caller = greeted(edge)
    assert caller.say(OUTSIDER) == ["451 5.7.3 Must issue a STARTTLS command first"]
    caller.start_tls("STARTTLS")
    caller.hello()
    assert caller.say(OUTSIDER) == ["250 2.1.0 Sender OK"]


def test_tls_forgets_everything_said_before_it(edge: Machine) -> None:
    caller = greeted(edge)
    caller.say(OUTSIDER)
    caller.start_tls("STARTTLS")
    assert caller.say("RCPT TO:<amy@contoso.test>") == ["503 5.5.2 Need mail command"]
    assert caller.say(OUTSIDER) == ["503 5.5.2 Send hello first"]
    caller.hello()
    assert caller.say("STARTTLS") == [
        "503 5.5.2 Only one STARTTLS command can be issued per session"
    ]


def test_commands_injected_behind_starttls_never_run(edge: Machine) -> None:
    caller = greeted(edge)
    assert caller.say("STARTTLS", OUTSIDER, "RCPT TO:<amy@contoso.test>") == [
        "220 2.0.0 SMTP server ready"
    ]
    assert "SmtpProtocolError" in edge.event_names
    assert not any("someone@partner.test" in row for row in edge.log_rows())


@pytest.mark.fact("certificate-facts 3.2")
def test_starttls_is_offered_only_where_the_connector_has_tls(edge: Machine) -> None:
    edge.configure(auth_mechanism=AuthMechanism.EXCHANGE_SERVER)
    assert "STARTTLS" not in Caller(edge).hello()
    assert greeted(edge).say("STARTTLS") == ["454 4.7.0 TLS not available"]


@pytest.mark.fact("certificate-facts 3.4")
def test_anonymous_tls_is_offered_only_where_the_connector_has_exchange_server(
    edge: Machine,
) -> None:
    edge.configure(auth_mechanism=AuthMechanism.TLS)
    assert "X-ANONYMOUSTLS" not in Caller(edge).hello()


@pytest.mark.fact("certificate-facts 0")
def test_suppressing_anonymous_tls_means_nothing_in_2007_and_works_from_2010() -> None:
    for version, offered in ((Version.EXCHANGE_2007, True), (Version.EXCHANGE_2010, False)):
        hub = subscribed(version).machines["HUB01"]
        hub.configure(suppress_x_anonymous_tls=True)
        assert ("X-ANONYMOUSTLS" in Caller(hub).hello()) is offered


@pytest.mark.fact("certificate-facts 5.5")
def test_a_trusted_server_may_relay_and_bypass_the_size_limit(organization: Organization) -> None:
    hub, edge = organization.machines["HUB01"], organization.machines["EDGE01"]
    caller = as_server(edge, hub)
    assert caller.say("MAIL FROM:<a@contoso.test> SIZE=20000000") == ["250 2.1.0 Sender OK"]
    assert caller.say("RCPT TO:<x@elsewhere.test>") == ["250 2.1.5 Recipient OK"]


@pytest.mark.fact("certificate-facts 5.5")
def test_the_connector_with_the_most_specific_range_answers(edge: Machine) -> None:
    from dataclasses import replace

    from edgesync.organization.connectors import write_connector

    base = edge.connector
    special = replace(
        base, dn=base.dn.parent.child("CN", "Partner"), name="Partner",
        fqdn="partner.contoso.test", remote_ip_ranges=("10.9.9.0/24",),
    )  # fmt: skip
    write_connector(edge.directory, special)
    assert "partner.contoso.test" in Caller(edge, ip="10.9.9.9").banner[0]
    assert "edge01.contoso.test" in Caller(edge, ip="10.9.8.9").banner[0]


def test_a_line_without_end_is_refused_once_and_the_session_goes_on(edge: Machine) -> None:
    caller = greeted(edge)
    assert caller.send(b"A" * (COMMAND_LINE_MAX + 2)) == ["500 5.5.2 Line too long"]
    assert caller.send(b"A" * 100_000) == []
    assert caller.send(b"\r\nNOOP\r\n") == ["250 2.0.0 OK"]
    assert "SmtpProtocolError" in edge.event_names


def test_a_command_with_a_bare_line_feed_is_refused(edge: Machine) -> None:
    lines = greeted(edge).send(b"NOOP\nMAIL FROM:<a@b.test>\r\n")
    assert lines == ["500 5.5.2 Lines end with CRLF"]


def test_too_many_errors_end_the_session(edge: Machine) -> None:
    caller = greeted(edge)
    lines = [caller.say("NONSENSE")[-1] for _ in range(6)]
    assert lines[-1].startswith("421 4.7.0 Too many errors")
    assert caller.receiver.is_over


def test_silence_is_answered_with_a_timeout(edge: Machine) -> None:
    caller = greeted(edge)
    caller.receiver.time_out()
    assert caller.receiver.data_to_send() == b"421 4.4.1 Connection timed out\r\n"
    assert caller.receiver.is_over


def test_a_lost_directory_ends_the_session_with_421(edge: Machine, hub: Machine) -> None:
    caller = greeted(edge)
    edge.directory.down = True
    assert caller.say(OUTSIDER) == ["421 4.3.2 Service not available"]
    assert caller.receiver.is_over


def test_garbage_in_place_of_a_handshake_is_logged_and_reported(edge: Machine) -> None:
    caller = greeted(edge)
    caller.say("STARTTLS")
    caller.receiver.receive_data(b"EHLO again\r\n")
    assert caller.receiver.is_over
    assert edge.events[-1].kind.name == "TlsNegotiationFailed"
    rows = edge.log_rows()
    assert any("TLS negotiation failed with error IllegalMessage" in row for row in rows)
    assert rows[-1].endswith("-,,Remote(SocketError)")


def test_too_many_recipients_are_put_off(edge: Machine) -> None:
    edge.configure(max_recipients_per_message=2)
    lines = greeted(edge).say(OUTSIDER, *["RCPT TO:<amy@contoso.test>"] * 3)
    assert lines[1:] == ["250 2.1.5 Recipient OK"] * 2 + ["452 4.5.3 Too many recipients"]


def test_an_address_with_letters_beyond_ascii_needs_smtputf8() -> None:
    old, new = subscribed().machines["EDGE01"], subscribed(Version.EXCHANGE_2019).machines["EDGE01"]
    command = "MAIL FROM:<søren@partner.test>"
    assert greeted(old).say(command) == ["553 5.6.7 Address needs SMTPUTF8"]
    assert greeted(new).say(command + " SMTPUTF8") == ["250 2.1.0 Sender OK"]
    assert greeted(old).say(command + " SMTPUTF8") == ["501 5.5.4 Unrecognized parameter"]


def test_a_stranger_may_not_send_as_the_organisation_without_the_right(edge: Machine) -> None:
    edge.configure(permission_groups=PermissionGroups.PARTNERS)
    assert greeted(edge).say("MAIL FROM:<ceo@contoso.test>") == [
        "530 5.7.1 Client was not authenticated"
    ]


@pytest.mark.fact("certificate-facts 4.4")
def test_an_externally_secured_connector_trusts_whoever_reaches_it(edge: Machine) -> None:
    edge.configure(
        auth_mechanism=AuthMechanism.TLS | AuthMechanism.EXTERNAL_AUTHORITATIVE,
        permission_groups=PermissionGroups.EXCHANGE_SERVERS,
    )
    caller = greeted(edge)
    assert caller.say(OUTSIDER, "RCPT TO:<x@elsewhere.test>", "DATA")[:2] == [
        "250 2.1.0 Sender OK",
        "250 2.1.5 Recipient OK",
    ]
    caller.say("X-MS-Exchange-Organization-SCL: -1", "X-MS-Exchange-Forest-A: b", "", "hi", ".")
    content = edge.received[0].content
    assert b"SCL" not in content  # everything but headers of organisation and forest
    assert b"Forest" not in content
    assert b"AuthAs: Internal" in content
