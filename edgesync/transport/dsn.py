"""Delivery reports (RFC 3464): what a sender is told about its message, and when (RFC 3461)."""

from __future__ import annotations

from email.header import Header
from email.utils import format_datetime
from enum import StrEnum

from edgesync.transport.command import RcptTo
from edgesync.transport.headers import outgoing, split, value_of
from edgesync.transport.host import TransportHost
from edgesync.transport.message import AuthAs, Envelope, Submission
from edgesync.transport.reply import Reply

SUBJECT_MAX = 200
"""Characters of the original's subject that are repeated."""

LINE_MAX = 900
"""Longest line of a report (RFC 5322 2.1.1 allows 998)."""

HEADERS_RETURNED_MAX = 32 * 1024
"""Bytes of the original's headers that a report carries."""


class Action(StrEnum):
    """Field ``Action`` of RFC 3464 2.3.3."""

    FAILED = "failed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


_WANTED = {Action.FAILED: "FAILURE", Action.DELIVERED: "SUCCESS", Action.RELAYED: "SUCCESS"}
_TITLES = {
    Action.FAILED: "Undeliverable",
    Action.DELIVERED: "Delivered",
    Action.RELAYED: "Relayed",
}


def report(
    host: TransportHost, submission: Submission, action: Action, said: list[tuple[RcptTo, Reply]]
) -> Submission | None:
    """The report to the sender, or None when there is nobody to tell or nothing was asked for.

    Reports themselves have the null sender, so a report about a report cannot be.
    """
    told = [(r, answer) for r, answer in said if _is_wanted(r, action)]
    if not submission.envelope.sender or not told:
        return None
    fields, _ = split(outgoing(submission.content, internal=False))
    sender = submission.envelope.sender
    domain = host.accepted_domains()[0].domain if host.accepted_domains() else host.fqdn
    token = host.server.entropy.uuid().hex
    message_id = f"<{token}@{host.fqdn}>"
    subject = value_of(fields, "Subject")[:SUBJECT_MAX]
    head = _block(
        {
            "From": f"Microsoft Exchange <postmaster@{domain}>",
            "To": f"<{sender}>",
            "Subject": _encoded(f"{_TITLES[action]}: {subject}"),
            "Date": format_datetime(host.now()),
            "Message-ID": message_id,
            "In-Reply-To": submission.message_id,
            "Auto-Submitted": "auto-replied",
            "MIME-Version": "1.0",
            "Content-Type": f'multipart/report; report-type=delivery-status; boundary="{token}"',
        }
    )
    parts = (
        ("text/plain; charset=utf-8", _sentence(host, action, told).encode()),
        ("message/delivery-status", _status(host, submission, action, told)),
        ("text/rfc822-headers", _whole_lines(b"".join(fields)[:HEADERS_RETURNED_MAX])),
    )
    body = b"".join(
        f"--{token}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode()
        + data
        + b"\r\n"
        for kind, data in parts
    )
    content = head + b"\r\n" + body + f"--{token}--\r\n".encode()
    envelope = Envelope("", (RcptTo(sender),), smtputf8=not sender.isascii())
    return Submission(envelope, content, message_id, host.now(), AuthAs.INTERNAL)


def _is_wanted(recipient: RcptTo, action: Action) -> bool:
    if not recipient.notify:
        return action is Action.FAILED
    return _WANTED[action] in recipient.notify


def _sentence(host: TransportHost, action: Action, told: list[tuple[RcptTo, Reply]]) -> str:
    heads = {
        Action.FAILED: "Delivery has failed to these recipients",
        Action.DELIVERED: "Your message has been delivered to the following recipients",
        Action.RELAYED: "Delivery to these recipients is complete, but the destination server"
        " sends no delivery notification",
    }
    lines = [heads[action] + ":", ""]
    for recipient, answer in told:
        lines += [recipient.address, f"{host.fqdn} #{answer}", ""]
    return "".join(_one_line(line) + "\r\n" for line in lines)


def _status(
    host: TransportHost, submission: Submission, action: Action, told: list[tuple[RcptTo, Reply]]
) -> bytes:
    """The fields of RFC 3464: about the message, then about each recipient."""
    blocks = [
        {
            "Original-Envelope-Id": submission.envelope.envelope_id,
            "Reporting-MTA": f"dns;{host.fqdn}",
            "Arrival-Date": format_datetime(submission.received_at),
        }
    ]
    blocks += [
        {
            "Original-Recipient": recipient.original,
            "Final-Recipient": f"rfc822;{recipient.address}",
            "Action": action.value,
            "Status": answer.enhanced or f"{answer.code // 100}.0.0",
            "Diagnostic-Code": f"smtp;{answer}",
        }
        for recipient, answer in told
    ]
    return b"\r\n".join(_block(block) for block in blocks)


def _block(values: dict[str, str]) -> bytes:
    """Header fields; a value stays on its line, whatever a stranger put into it."""
    lines = (f"{name}: {_one_line(value)}\r\n" for name, value in values.items() if value)
    return "".join(lines).encode("utf-8", "replace")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:LINE_MAX]


def _encoded(text: str) -> str:
    """A header's text; RFC 2047 where it is not ASCII."""
    plain = _one_line(text)
    return plain if plain.isascii() else Header(plain, "utf-8", maxlinelen=900).encode()


def _whole_lines(data: bytes) -> bytes:
    """No CR or LF by itself, and an end."""
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return b"\r\n".join(lines).rstrip(b"\r\n") + b"\r\n"
