"""What came of sent mail: mailboxes of the lab, messages, and how they travelled."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from edgesync.errors import NoSuchThing, UsageError
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing

if TYPE_CHECKING:
    from email.message import EmailMessage

    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context

TEXT_MAX = 20_000
"""Most characters of a body that are shown; the mailbox has it whole."""

SHOWN_MAX = 500
"""Most messages of one list, the newest."""

_RECEIVED = re.compile(
    r"from (?P<helo>\S+) \((?P<peer>[^)]*)\) by (?P<by>\S+) \((?P<own>[^)]*)\)"
    r" with (?P<with>[^;]*?)(?P<tls> \(TLS\))? id [^;]*;\s*(?P<at>.*)\Z"
)
FACTS_MAX = 60
"""Most remarks shown of one session: certificates of two chains and what came of them."""


def _render(document: Document) -> Iterable[str]:
    if (message := document.get("message")) is not None:
        yield from listing(
            [(name, message[key]) for name, key in (
                ("Mailbox", "mailbox"), ("Number", "number"), ("From", "from"), ("To", "to"),
                ("Subject", "subject"), ("Date", "date"), ("AuthAs", "auth_as"),
                ("AuthSource", "auth_source"),
            )]
        )  # fmt: skip
        yield ""
        yield "Path:"
        for hop in message["path"]:
            yield f"  {hop['at']}  {hop['from']} -> {hop['by']}  {'TLS' if hop['tls'] else 'clear'}"
            for fact in hop["facts"]:
                yield f"    {fact}"
        yield ""
        yield message["text"]
        return
    rows = [(r["mailbox"], r["number"], r["from"], r["subject"], r["auth_as"], r["hops"])
            for r in document["messages"]]  # fmt: skip
    yield from columns(("Mailbox", "Number", "From", "Subject", "AuthAs", "Hops"), rows)


@operation(
    "mail", "inbox", render=_render, rows="messages", example="edgesync mail inbox amy.berg",
)  # fmt: skip
def inbox(
    context: Context,
    mailbox: Annotated[str | None, Help("only this one: its name, or an address")] = None,
    *,
    number: Annotated[int | None, Help("one message in full, by its number")] = None,
) -> Outcome:
    """Show delivered mail; with ``--number`` a message, its headers and each hop's TLS.

    What a hop's session said about certificates, TLS and rights comes from the protocol log of
    the server that took the message, where its connector logs.
    """
    from edgesync.lab.network import Network

    store = context.lab.service(Network).mail().mailboxes
    known = store.mailboxes()
    asked = _mailbox_of(context.lab, mailbox) if mailbox is not None else None
    wanted = [name for name in known if asked in {None, name.casefold()}]
    if mailbox is not None and not wanted and known:
        raise NoSuchThing(f"no mail came for {mailbox!r}", f"mailboxes: {', '.join(known[:10])}")
    if number is not None and len(wanted) != 1:
        raise UsageError("a number needs one mailbox", "edgesync mail inbox MAILBOX --number 1")
    document: Document = {"schema": "edgesync.mail-inbox/1"}
    if number is not None:
        found = next((m for m in store.messages(wanted[0]) if m.number == number), None)
        if found is None:
            raise NoSuchThing(f"{wanted[0]} has no message {number}", "leave --number out")
        message = _full(context.lab, found.content)
        return Outcome({**document, "message": {"mailbox": wanted[0], "number": number, **message}})
    rows = [
        {"mailbox": name, "number": item.number, **_summary(_parsed(item.content))}
        for name in wanted
        for item in store.messages(name)
    ]
    return Outcome({**document, "messages": rows[-SHOWN_MAX:]})


def _mailbox_of(lab: Lab, wanted: str) -> str:
    """A mailbox's name, folded, from itself or from an address of its owner."""
    from edgesync.lab.network import Network

    if "@" in wanted:
        network = lab.service(Network)
        for server in lab.servers("hub", "mailbox"):
            lookup = network.host(server.name).lookup
            found = lookup(wanted) if lookup is not None else None
            if found is not None and found.mailbox:
                return found.mailbox.casefold()
    return wanted.casefold()


def _parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def _text(message: EmailMessage, name: str) -> str:
    """A header as text; a malformed one as it came."""
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):  # email's parser and hostile input
        raw = next((v for k, v in message.raw_items() if k.casefold() == name.casefold()), "")
        return " ".join(str(raw).split())


def _summary(message: EmailMessage) -> Document:
    return {
        "from": _text(message, "From"),
        "to": _text(message, "To"),
        "subject": _text(message, "Subject"),
        "date": _text(message, "Date"),
        "message_id": _text(message, "Message-ID"),
        "auth_as": _text(message, "X-MS-Exchange-Organization-AuthAs"),
        "auth_source": _text(message, "X-MS-Exchange-Organization-AuthSource"),
        "hops": sum(name.casefold() == "received" for name in message.keys()),  # noqa: SIM118 - repeats
    }


def _full(lab: Lab, content: bytes) -> Document:
    message = _parsed(content)
    summary = _summary(message)
    headers = [[name, " ".join(str(value).split())] for name, value in message.raw_items()]
    path = [_hop(value) for name, value in reversed(headers) if name.casefold() == "received"]
    facts = _session_facts(lab, summary["message_id"])
    for hop in path:
        hop["facts"] = facts.get(hop["by"].partition(".")[0].casefold(), [])
    return {**summary, "headers": headers, "path": path, "text": _body(message)}


def _body(message: EmailMessage) -> str:
    try:
        part = message.get_body(("plain", "html"))
        text = part.get_content() if part is not None else ""
    except (KeyError, ValueError, LookupError, AttributeError):  # a charset nobody knows
        text = "(the body cannot be read)"
    return str(text)[:TEXT_MAX]


def _hop(value: str) -> dict[str, Any]:
    found = _RECEIVED.match(value)
    if found is None:
        return {"at": "", "from": "", "peer": "", "by": value, "tls": False}
    return {
        "at": found["at"], "from": found["helo"], "peer": found["peer"], "by": found["by"],
        "tls": found["tls"] is not None,
    }  # fmt: skip


def _session_facts(lab: Lab, message_id: str) -> dict[str, list[str]]:
    """What the sessions that took a message said about security, by server, in lower case."""
    from edgesync.operations.mail_rows import lab_rows

    if not message_id:
        return {}
    sessions: dict[str, list[Any]] = {}
    for row in lab_rows(lab, None, "receive"):
        sessions.setdefault(row.session, []).append(row)
    found: dict[str, list[str]] = {}
    for rows in sessions.values():
        if any(message_id in row.data for row in rows):
            server = rows[0].connector.partition("\\")[0].casefold()
            # rows with an asterisk are the server's own remarks (certificate-facts 5.4)
            remarks = (f"{row.data} {row.context}".strip() for row in rows if row.event == "*")
            found[server] = list(remarks)[:FACTS_MAX]
    return found
