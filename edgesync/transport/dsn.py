"""Delivery reports (RFC 3464): what a sender is told about its message, and when (RFC 3461)."""

from __future__ import annotations

from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum

from edgesync.transport.command import RcptTo
from edgesync.transport.headers import outgoing, split, value_of
from edgesync.transport.host import TransportHost
from edgesync.transport.message import AuthAs, Envelope, Submission
from edgesync.transport.reply import Reply

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
    fields, _ = split(submission.content)
    sender = submission.envelope.sender
    domain = host.accepted_domains()[0].domain if host.accepted_domains() else host.fqdn
    message_id = f"<{host.server.entropy.uuid().hex}@{host.fqdn}>"
    root = MIMEMultipart("report", boundary=f"report-{message_id[1:17]}")
    root.set_param("report-type", "delivery-status")
    root["From"] = f"Microsoft Exchange <postmaster@{domain}>"
    root["To"] = sender
    root["Subject"] = f"{_TITLES[action]}: {value_of(fields, 'Subject')}"
    root["Date"] = format_datetime(host.now())
    root["Message-ID"] = message_id
    root["In-Reply-To"] = submission.message_id
    root["Auto-Submitted"] = "auto-replied"
    text = _sentence(host, action, told)
    root.attach(MIMEText(text, "plain", "us-ascii" if text.isascii() else "utf-8"))
    root.attach(_status(host, submission, action, told))
    root.attach(_original(submission))
    return Submission(
        Envelope("", (RcptTo(sender),)), root.as_bytes(policy=SMTP), message_id, host.now(),
        AuthAs.INTERNAL,
    )  # fmt: skip


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
    return "\n".join(lines)


def _status(
    host: TransportHost, submission: Submission, action: Action, told: list[tuple[RcptTo, Reply]]
) -> Message:
    about = {
        "Original-Envelope-Id": submission.envelope.envelope_id,
        "Reporting-MTA": f"dns;{host.fqdn}",
        "Arrival-Date": format_datetime(submission.received_at),
    }
    blocks: list[Message | str] = [_fields(about)]
    for recipient, answer in told:
        blocks.append(
            _fields(
                {
                    "Original-Recipient": recipient.original,
                    "Final-Recipient": f"rfc822;{recipient.address}",
                    "Action": action.value,
                    "Status": answer.enhanced or f"{answer.code // 100}.0.0",
                    "Diagnostic-Code": f"smtp;{answer}",
                }
            )
        )
    part = Message()
    part.add_header("Content-Type", "message/delivery-status")
    part.set_payload(blocks)
    return part


def _fields(values: dict[str, str]) -> Message:
    block = Message()
    for name, value in values.items():
        if value:
            block[name] = value
    return block


def _original(submission: Submission) -> Message:
    fields, _ = split(outgoing(submission.content, internal=False))
    part = Message()
    part.add_header("Content-Type", "text/rfc822-headers")
    headers = b"".join(fields)[:HEADERS_RETURNED_MAX]
    part.set_payload(headers.decode("ascii", "replace"))
    return part
