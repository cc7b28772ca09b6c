"""Somebody in the middle who does nothing is not noticed, however the bytes come in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.model.dn import DN
from directory.model.messages import (
    AddRequest,
    BindRequest,
    DeleteRequest,
    LdapMessage,
    Request,
    SearchRequest,
    SimpleCredentials,
    UnbindRequest,
)
from directory.wire.messages import encode_message
from edgesync import Lab
from edgesync.lab.faults.book import FaultBook, Wire
from edgesync.lab.faults.dialect import NOT_COUNTED
from edgesync.lab.faults.fault import Fault, FaultKind
from edgesync.lab.faults.keys import keys_of
from edgesync.lab.faults.middle import Middle
from edgesync.lab.faults.smtp_dialect import SmtpDialect

LAB = Lab.new(hubs=1, edges=1, recipients=3, sites=1).lab
BOOK = LAB.service(FaultBook)
BOOK.add(Fault(0, FaultKind.RESET, "EDGE01", request="never"))
KEYS = keys_of(LAB)

Cuts = st.lists(st.integers(0, 400), max_size=12)
RDNS = st.integers(0, 9)
MESSAGES = st.lists(
    st.one_of(
        st.just(BindRequest(3, "CN=a", SimpleCredentials(b"secret"))),
        st.builds(lambda n: DeleteRequest(DN.parse(f"CN=x{n},DC=test")), RDNS),
        st.builds(lambda n: SearchRequest(DN.parse(f"CN=x{n},DC=test")), RDNS),
    ),
    max_size=6,
)
LINES = st.lists(
    st.sampled_from(
        [
            b"EHLO a.test\r\n", b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<c@d.test>\r\n",
            b"DATA\r\n", b"hello\r\n.\r\n", b".\r\n", b"..\r\n", b"BDAT 5 LAST\r\nhel\r\n",
            b"BDAT x\r\n", b"AUTH LOGIN\r\n", b"QUIT\r\n", b"\r\n", b"\x00\xff\r\n",
        ]
    ),
    max_size=12,
)  # fmt: skip
REPLIES = st.lists(
    st.sampled_from(
        [b"220 hi\r\n", b"250-a\r\n250 b\r\n", b"354 go\r\n", b"334 dXNlcg==\r\n", b"250 ok\r\n",
         b"500 what\r\n", b"2", b"50 late\r\n", b"nonsense\r\n"]
    ),
    max_size=12,
)  # fmt: skip


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    at = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(at)]


def passed(
    middle: Middle, asked: list[bytes], answered: list[bytes], order: Callable[[], bool]
) -> tuple[bytes, bytes]:
    to_server = to_client = b""
    asked, answered = list(asked), list(answered)
    while asked or answered:
        if asked and (not answered or order()):
            middle.from_client(asked.pop(0))
        else:
            middle.from_server(answered.pop(0))
        to_server += middle.to_server()
        to_client += b"".join(item.data for item in middle.to_client())
    return to_server, to_client


@settings(max_examples=150, deadline=None)
@given(MESSAGES, Cuts, st.randoms(use_true_random=False))
def test_ldap_passes_unchanged(messages: list[Request], cuts: list[int], random: Random) -> None:
    numbered: list[Request] = [*messages, UnbindRequest()]
    data = b"".join(encode_message(LdapMessage(n, m)) for n, m in enumerate(numbered, 1))
    middle = Middle(Wire("EDGE01", "ldap"), BOOK, KEYS)
    got, back = passed(
        middle, pieces(data, cuts), pieces(data, cuts[::2]), lambda: random.random() < 0.5
    )
    assert (got, back) == (data, data)


@settings(max_examples=200, deadline=None)
@given(LINES, REPLIES, Cuts, st.randoms(use_true_random=False))
def test_smtp_passes_unchanged_as_far_as_it_is_whole(
    lines: list[bytes], replies: list[bytes], cuts: list[int], random: Random
) -> None:
    asked, answered = b"".join(lines), b"".join(replies)
    middle = Middle(Wire("EDGE01", "smtp"), BOOK, KEYS)
    got, back = passed(
        middle, pieces(asked, cuts), pieces(answered, cuts[::2]), lambda: random.random() < 0.5
    )
    assert asked.startswith(got)
    assert answered.startswith(back)
    held = asked[len(got) :]
    # a line that has not ended, or what may be the beginning of a content's end
    assert b"\r\n" not in held or (b"DATA" in asked and len(held) < len(b"\r\n.\r\n"))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(max_size=300), max_size=6),
    st.sampled_from(["smtp", "ldap", "gc", "http", "sip"]),
)
def test_any_bytes_do_no_harm(chunks: list[bytes], service: str) -> None:
    middle = Middle(Wire("EDGE01", service), BOOK, KEYS)
    for chunk in filter(None, chunks):
        middle.from_client(chunk)
        middle.from_server(chunk)
    assert b"".join(chunks).startswith(middle.to_server())


def test_an_add_is_an_add() -> None:
    from directory.model.entry import Entry
    from edgesync.lab.faults.ldap_dialect import LdapDialect

    add = AddRequest(Entry(DN.parse("CN=a,DC=test"), {"cn": (b"a",)}))
    passages = list(LdapDialect().requests(encode_message(LdapMessage(9, add))))
    assert [(p.key, p.operation) for p in passages] == [(9, "add")]


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ([b"EHLO a\r\nMAIL FROM:<a@b>\r\n"], ["EHLO", "MAIL"]),
        ([b"BDAT 3\r\nabcBDAT 4 LAST\r\nQUIT"], ["BDAT", "content"]),
        ([b"BDAT 0 LAST\r\nQUIT\r\n"], ["content", "QUIT"]),
        ([b"STARTTLS\r\n"], ["STARTTLS"]),
    ],
)
def test_smtp_requests_have_names(said: list[bytes], names: list[str]) -> None:
    dialect = SmtpDialect()
    found = [p.operation for data in said for p in dialect.requests(data) if p.key != NOT_COUNTED]
    assert found == names


def test_the_dot_that_ends_a_content_is_found_in_pieces() -> None:
    dialect = SmtpDialect()
    list(dialect.answers(b"220 hi\r\n"))
    list(dialect.requests(b"DATA\r\n"))
    list(dialect.answers(b"354 go\r\n"))
    passages = [p for c in b"a\r\n..\r\nb\r\n.\r\nQUIT\r\n" for p in dialect.requests(bytes((c,)))]
    assert b"".join(p.data for p in passages) == b"a\r\n..\r\nb\r\n.\r\nQUIT\r\n"
    assert [p.operation for p in passages if p.key != NOT_COUNTED] == ["content", "QUIT"]


@pytest.mark.fact("certificate-facts 9")
def test_an_offer_of_tls_is_overwritten_and_keeps_its_length() -> None:
    answer = b"250-a\r\n250-STARTTLS\r\n250-X-ANONYMOUSTLS\r\n250 8BITMIME\r\n"
    stripped = SmtpDialect().stripped(answer)
    assert b"TLS" not in stripped
    assert stripped.count(b"\r\n") == answer.count(b"\r\n")
