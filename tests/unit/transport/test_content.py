"""DATA and BDAT: real ends, limits, and nothing smuggled."""

from __future__ import annotations

import pytest

from edgesync.transport.headers import HOPS_MAX
from tests.support.mail_bench import Machine, subscribed
from tests.unit.transport.conversation import Caller, greeted

FROM, TO = "MAIL FROM:<s@partner.test>", "RCPT TO:<amy@contoso.test>"
BARE = ["550 5.6.11 Invalid characters: message contains bare carriage returns or line feeds"]
TOO_LARGE = ["552 5.3.4 Message size exceeds fixed maximum message size"]


@pytest.fixture
def edge() -> Machine:
    return subscribed().machines["EDGE01"]


def in_data(edge: Machine) -> Caller:
    caller = greeted(edge)
    assert caller.say(FROM, TO, "DATA")[-1].startswith("354")
    return caller


@pytest.mark.parametrize(
    "fake_end",
    [
        b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n.\r", b"\r.\n", b"\r.\r\n",
        b"\r\n\x00.\r\n",
    ],
)  # fmt: skip
def test_no_other_end_than_crlf_dot_crlf_lets_commands_through(
    edge: Machine, fake_end: bytes
) -> None:
    """The SMTP smuggling of 2023 (CVE-2023-51764 and its kin)."""
    caller = in_data(edge)
    smuggled = b"Subject: a\r\n\r\nhello" + fake_end + f"{FROM}\r\n{TO}\r\nDATA\r\nevil".encode()
    answers = caller.send(smuggled + b"\r\n.\r\n")
    assert len(answers) == 1
    if b"\x00" in fake_end:
        assert answers[0].startswith("250")
        assert len(edge.received) == 1
    else:
        assert answers == BARE
        assert edge.received == []
        assert "SmtpProtocolError" in edge.event_names
    assert caller.say("NOOP") == ["250 2.0.0 OK"]


def test_content_split_at_every_byte_is_the_same(edge: Machine) -> None:
    wire = b"Subject: x\r\nMessage-ID: <1@p>\r\n\r\n..\r\nhello\r\n...three\r\n.\r\nNOOP\r\n"
    whole = in_data(edge)
    whole.send(wire)
    for cut in range(1, len(wire)):
        caller = in_data(edge)
        lines = caller.send(wire[:cut]) + caller.send(wire[cut:])
        assert lines == ["250 2.6.0 <1@p> Queued mail for delivery", "250 2.0.0 OK"]
    assert len({message.content for message in edge.received}) == 1
    assert edge.received[0].content.endswith(b"\r\n\r\n.\r\nhello\r\n..three\r\n")


def test_an_empty_message_is_taken(edge: Machine) -> None:
    assert in_data(edge).say(".")[0].startswith("250 2.6.0 ")


def test_what_is_too_large_is_thrown_away_while_it_comes_and_refused_at_its_end(
    edge: Machine,
) -> None:
    edge.configure(max_message_size=2000)
    caller = in_data(edge)
    for _ in range(100):
        assert caller.send(b"x" * 998 + b"\r\n") == []
    assert caller.say(".") == TOO_LARGE
    assert edge.received == []
    assert caller.say(FROM) == ["250 2.1.0 Sender OK"]


def test_a_header_section_has_its_own_limit(edge: Machine) -> None:
    edge.configure(max_header_size=100)
    answer = in_data(edge).say("Subject: " + "x" * 200, "", "hi", ".")
    assert answer == ["552 5.3.4 Header size exceeds fixed maximum size"]


def test_a_message_that_has_been_everywhere_is_a_loop(edge: Machine) -> None:
    answer = in_data(edge).say(*["Received: by a; b"] * HOPS_MAX, "", "hi", ".")
    assert answer == ["554 5.4.6 Hop count exceeded - possible mail loop"]


def test_chunks_are_counted_and_joined(edge: Machine) -> None:
    caller = greeted(edge)
    caller.say(FROM, TO)
    first, second = b"Message-ID: <1@p>\r\n\r\nfirst ", b"second\r\n.\r\nnot the end\r\n"
    assert caller.send(b"BDAT %d\r\n" % len(first) + first) == ["250 2.6.0 CHUNK received OK"]
    answer = caller.send(b"BDAT %d LAST\r\n" % len(second) + second)
    assert answer == ["250 2.6.0 <1@p> Queued mail for delivery"]
    assert edge.received[0].content.endswith(first.partition(b"\r\n\r\n")[2] + second)


def test_an_empty_last_chunk_ends_the_message(edge: Machine) -> None:
    caller = greeted(edge)
    caller.say(FROM, TO)
    caller.send(b"BDAT 4\r\nhi\r\n")
    assert caller.say("BDAT 0 LAST")[0].startswith("250 2.6.0 ")


def test_a_chunk_nobody_asked_for_is_passed_over_and_not_run(edge: Machine) -> None:
    lines = greeted(edge).send(b"BDAT 6\r\nQUIT\r\nNOOP\r\n")
    assert lines == ["503 5.5.2 Need mail command", "250 2.0.0 OK"]


def test_binary_content_is_taken_only_as_binarymime(edge: Machine) -> None:
    content = b"Subject: b\r\n\r\nline\nwith\rbare ends"
    for body, answer in (("", BARE[0]), (" BODY=BINARYMIME", "250 2.6.0 ")):
        caller = greeted(edge)
        caller.say(FROM + body, TO)
        lines = caller.send(b"BDAT %d LAST\r\n" % len(content) + content)
        assert lines[0].startswith(answer)
    caller = greeted(edge)
    caller.say(FROM + " BODY=BINARYMIME", TO)
    assert caller.say("DATA") == ["503 5.5.2 Bad sequence of commands"]


def test_data_and_bdat_do_not_mix(edge: Machine) -> None:
    caller = greeted(edge)
    caller.say(FROM, TO)
    caller.send(b"BDAT 2\r\nhi")
    assert caller.say("DATA") == ["503 5.5.2 Bad sequence of commands"]
    assert caller.say(TO) == ["503 5.5.2 Need mail command"]


def test_too_large_chunks_are_refused_at_the_last_one(edge: Machine) -> None:
    edge.configure(max_message_size=1000)
    caller = greeted(edge)
    caller.say(FROM, TO)
    assert caller.send(b"BDAT 5000\r\n" + bytes(5000)) == ["250 2.6.0 CHUNK received OK"]
    assert caller.say("BDAT 0 LAST") == TOO_LARGE


def test_a_peer_that_hangs_up_in_the_middle_leaves_no_message(edge: Machine) -> None:
    caller = in_data(edge)
    caller.send(b"Subject: half\r\n\r\nhal")
    caller.hang_up()
    assert caller.receiver.is_over
    assert edge.received == []
    assert edge.log_rows()[-1].endswith("-,,Remote")


@pytest.mark.parametrize(
    "field", [b"Message-ID: <a\r\n 250 b@c>", b"Message-ID: <a b>", b"Message-ID: a", b"X: y"]
)
def test_a_message_id_that_would_break_a_reply_is_not_repeated(edge: Machine, field: bytes) -> None:
    answers = in_data(edge).send(field + b"\r\n\r\nhi\r\n.\r\n")
    assert len(answers) == 1
    assert "@edge01.contoso.test> Queued mail for delivery" in answers[0]
