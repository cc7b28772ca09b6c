"""Mail: send a message, look at queues, read what was said on the wire."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from edgesync.console import forms
from edgesync.console.asking import ask
from edgesync.console.rendering import page
from edgesync.operations.registry import find_operation

ROWS = 400
"""Protocol rows on the page: some twenty sessions."""

DELIVERED = 30
"""Delivered messages on the page, the newest."""

KINDS = ("all", "send", "receive")


def routes() -> list[BaseRoute]:
    """Pages of this section."""
    return [Route("/mail", mail), Route("/mail/message", message)]


def mail(request: Request) -> Response:
    """A form to send, the queues, and the latest sessions."""
    lab = request.app.state.lab
    asked = {key: request.query_params.get(key, "") for key in ("server", "kind")}
    kind = asked["kind"] if asked["kind"] in KINDS else "all"
    log = ask(request, "mail.log", server=asked["server"], kind=kind, tail=ROWS)
    send = find_operation("mail.send")
    inbox = ask(request, "mail.inbox")
    shown = [f for f in forms.fields_of(send, {}, lab) if f.name not in _LEFT_OUT]
    values = {
        "fields": shown,
        "operation": send,
        "queue": ask(request, "mail.queue"),
        "inbox": inbox,
        "delivered": inbox.rows("messages")[::-1][:DELIVERED],
        "log": log,
        "sessions": sessions(log.rows("rows")),
        "server": asked["server"],
        "kind": kind,
        "kinds": KINDS,
        "names": [server.name for server in lab.servers("hub", "mailbox", "edge")],
        "command": send.command_line({}),
    }
    return page(request, "mail.html", "mail", "Mail", values)


def message(request: Request) -> Response:
    """One delivered message: headers, text, and what each hop's session said of its security."""
    mailbox, number = request.query_params.get("mailbox", ""), request.query_params.get("number")
    wanted = int(number) if number and number.isascii() and number.isdigit() else 0
    answer = ask(request, "mail.inbox", mailbox=mailbox, number=wanted)
    status = int(answer.error["status"]) if answer.error else 200
    values = {"answer": answer, "message": answer.document.get("message")}
    return page(request, "message.html", "mail", "Message", values, status=status)


_LEFT_OUT = frozenset({"p.file"})
"""Fields of the whole form that the page's short one does without."""


def sessions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Protocol rows by session, newest session first."""
    ordered = sorted(rows, key=lambda row: (row["session"], row["sequence"]))
    found = [
        {"session": session, "rows": list(members)}
        for session, members in groupby(ordered, key=lambda row: row["session"])
    ]
    for one in found:
        first = one["rows"][0]
        one |= {key: first[key] for key in ("at", "connector", "local", "remote")}
        one["certificates"] = sum(is_certificate(row) for row in one["rows"])
    return sorted(found, key=lambda one: one["at"], reverse=True)


def is_certificate(row: dict[str, Any]) -> bool:
    """Whether a row tells of a certificate (certificate-facts 5.4)."""
    return row["event"] == "*" and "certificate" in f"{row['data']} {row['context']}".lower()
