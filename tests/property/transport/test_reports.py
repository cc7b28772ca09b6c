"""Delivery reports can be written for any sender and any message."""

from __future__ import annotations

import email
from datetime import UTC, datetime

from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgesync.transport.command import CommandRefused, RcptTo, parse_mail_from
from edgesync.transport.dsn import Action, report
from edgesync.transport.message import Envelope, Submission
from edgesync.transport.reply import Reply
from tests.support.mail_bench import subscribed

HOST = subscribed().machines["HUB01"].host
AT = datetime(2026, 11, 23, tzinfo=UTC)


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=30).map(lambda local: f'"{local}"@x.test') | st.text(max_size=40),
    st.binary(max_size=200),
    st.text(max_size=60),
)
@example("søren@x.test", "Subject: ø\r\n b\r\n\r\n".encode(), "550 5.1.1 \r\nInjected: yes")
@example('"a,b;c:<d>"@x.test', b"Subject: =?utf-8?q?x?=\r\n", "x")
@example("a@x.test", b"Subject: " + b"x" * 5000 + b"\r\n\r\n", "x" * 3000)
def test_a_report_is_always_a_message_to_the_sender(
    sender: str, content: bytes, diagnostic: str
) -> None:
    try:
        sender = parse_mail_from(f"FROM:<{sender}> SMTPUTF8", utf8_offered=True).sender
    except CommandRefused:
        return
    submission = Submission(Envelope(sender, (RcptTo("a@b.test"),)), content, "<1@x>", AT)
    said = [(RcptTo("a@b.test"), Reply(550, "5.1.1", (diagnostic,)))]
    told = report(HOST, submission, Action.FAILED, said)
    if not sender:
        assert told is None
        return
    assert told is not None
    assert told.envelope.sender == ""
    assert told.envelope.recipients == (RcptTo(sender),)
    message = email.message_from_bytes(told.content)
    assert message.get_content_type() == "multipart/report"
    assert [part["Injected"] for part in message.walk() if part["Injected"]] == []
    assert b"\n" not in told.content.replace(b"\r\n", b"")
