"""Whatever comes in, sessions answer by the rules and nothing else."""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from edgesync.transport.command import (
    CommandRefused,
    is_address,
    parse_command,
    parse_mail_from,
    parse_rcpt_to,
)
from edgesync.transport.headers import filtered, split
from edgesync.transport.inbound_content import DotContent, has_bare_line_ends
from edgesync.transport.log_reader import parse_log
from edgesync.transport.permissions import NO_RIGHTS, SERVERS
from edgesync.transport.protocol_log import FIELDS, LogRow
from edgesync.transport.reply import Reply, ReplyMalformed, ReplyReader
from edgesync.trust.channel import Channel
from edgesync.trust.tls import NeedData, TlsFailed, TlsIdentity, TlsSession
from tests.support.mail_bench import Machine, subscribed
from tests.unit.transport.conversation import Caller, greeted

_ORGANIZATION = subscribed()
EDGE = _ORGANIZATION.machines["EDGE01"]

WORDS = st.sampled_from(
    [
        b"EHLO a.test\r\n", b"HELO a\r\n", b"MAIL FROM:<a@b.test>\r\n", b"MAIL FROM:<>\r\n",
        b"RCPT TO:<amy@contoso.test>\r\n", b"DATA\r\n", b".\r\n", b"\r\n.\r\n", b"BDAT 5\r\n",
        b"BDAT 3 LAST\r\n", b"RSET\r\n", b"STARTTLS\r\n", b"X-ANONYMOUSTLS\r\n", b"NOOP\r\n",
        b"AUTH LOGIN\r\n", b"X-EXPS NTLM\r\n", b"Subject: x\r\n", b"\r\n", b"\n", b"\r", b".",
        b"hello", b"\x16\x03\x01\x00\x05abcde",
    ]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS | st.binary(max_size=40), max_size=30))
def test_a_receiver_survives_any_bytes_and_speaks_smtp(parts: list[bytes]) -> None:
    caller = Caller(EDGE)
    reader = ReplyReader()
    for part in parts:
        for line in caller.send(part) if not _is_tls(caller) else []:
            answer = reader.line(line.encode())
            assert answer is None or 200 <= answer.code < 600
        if caller.receiver.is_over:
            break
    caller.receiver.receive_data(b"")
    assert caller.receiver.is_over


def _is_tls(caller: Caller) -> bool:
    """Once a TLS verb was taken, what comes back is not lines."""
    return caller.receiver._channel.is_negotiating


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=6))
def test_how_input_is_cut_changes_nothing(data: bytes, cuts: list[int]) -> None:
    def answers(parts: list[bytes]) -> list[str]:
        caller = greeted(EDGE)
        return [line for part in parts for line in caller.send(part)]

    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges) if b > a]
    assert answers([data] if data else []) == answers(pieces)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b"\r\n")))
def test_dot_stuffing_round_trips(content: bytes) -> None:
    content += b"\r\n"
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    channel = Channel()
    channel.receive_data(stuffed + b".\r\nNOOP\r\n")
    got = DotContent(10_000).feed(channel)
    assert got == content
    assert channel.take(100) == b"NOOP\r\n"


@given(st.binary(max_size=200))
def test_bare_line_ends_are_those_that_are_left_without_pairs(content: bytes) -> None:
    left = content.replace(b"\r\n", b"")
    assert has_bare_line_ends(content) == (b"\r" in left or b"\n" in left)


@given(st.binary(max_size=300))
def test_parsers_refuse_and_never_break(data: bytes) -> None:
    text = data.decode("latin-1")
    for parse in (
        lambda: parse_command(data),
        lambda: parse_mail_from(text, utf8_offered=True),
        lambda: parse_mail_from("FROM:" + text, utf8_offered=False),
        lambda: parse_rcpt_to("TO:<" + text, utf8=True),
    ):
        with contextlib.suppress(CommandRefused):
            parse()


@given(
    st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,2}@[a-z]{1,8}(\.[a-z]{1,5}){0,2}", fullmatch=True)
)
def test_plain_addresses_are_addresses(address: str) -> None:
    assert is_address(address)
    assert parse_mail_from(f"FROM:<{address}> SIZE=10", utf8_offered=False).sender == address


@given(
    st.integers(200, 599),
    st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40), min_size=1),
)
def test_replies_round_trip(code: int, lines: list[str]) -> None:
    sent = Reply(code, "", tuple(lines))
    reader, got = ReplyReader(), None
    try:
        for line in sent.encode().split(b"\r\n")[:-1]:
            got = reader.line(line)
    except ReplyMalformed:
        assert len(lines) > 128
        return
    assert got is not None
    assert got.lines == sent.lines


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=40)


@given(_TEXT, _TEXT, st.sampled_from("+-><*"))
def test_log_rows_round_trip(data: str, context: str, event: str) -> None:
    row = LogRow(
        datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=UTC), "c", "0" * 16, 7, "l:1", "r:2", event,
        data, context,
    )  # fmt: skip
    text = f"#Fields: {','.join(FIELDS)}\r\n{row.render()}\r\n"
    assert list(parse_log(text)) == [row]


@given(st.binary(max_size=300))
def test_headers_and_body_put_together_are_the_message(content: bytes) -> None:
    fields, body = split(content)
    joined = b"".join(fields) + body
    assert joined.replace(b"\r\n", b"") == content.replace(b"\r\n", b"")
    assert filtered(fields, SERVERS) == fields
    assert set(filtered(fields, NO_RIGHTS)) <= set(fields)


@settings(max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=400), st.booleans())
def test_tls_fails_or_waits_on_any_bytes(data: bytes, end: bool) -> None:
    identity = _identity(EDGE)
    session = TlsSession.server(identity)
    session.receive_data(data)
    if end:
        session.receive_data(b"")
    event = session.next_event()
    assert isinstance(event, TlsFailed | NeedData)
    if end:
        assert isinstance(event, TlsFailed)


def _identity(machine: Machine) -> TlsIdentity:
    assert machine.identity is not None
    return machine.identity
