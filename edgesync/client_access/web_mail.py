"""Outlook Web Access as far as a log-on goes: forms-based authentication and a list of subjects."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesHeaderParser
from html import escape
from urllib.parse import parse_qs

from edgesync.client_access.accounts import Account, by_log_on_name
from edgesync.client_access.host import ClientAccessHost
from edgesync.client_access.http_values import OK, HttpRequest, HttpResponse, redirect

SESSIONS_MAX = 256
"""Log-ons kept; the oldest goes when another comes."""

TOKEN_LENGTH = 32
LISTED_MAX = 100
"""Newest messages of the list."""

_COOKIE = "sessionid"
_LOG_ON_PAGE = "/owa/auth/logon.aspx"
_LOG_ON_ACTION = "/owa/auth/owaauth.dll"


@dataclass
class WebMail:
    """Who is logged on to one server's OWA."""

    _sessions: OrderedDict[str, Account] = field(default_factory=OrderedDict, repr=False)

    def answer(
        self, host: ClientAccessHost, request: HttpRequest, account: Account | None
    ) -> HttpResponse:
        """A page; ``account`` is who a client certificate belongs to, when there is one."""
        path = request.path.casefold()
        if path == _LOG_ON_ACTION and request.method == "POST":
            return self._log_on(host, request)
        account = account or self._sessions.get(_cookie(request))
        if account is not None:
            return _inbox(host, account)
        if path == _LOG_ON_PAGE:
            return _form()
        return redirect(_LOG_ON_PAGE)

    def _log_on(self, host: ClientAccessHost, request: HttpRequest) -> HttpResponse:
        given = parse_qs(request.body.decode("utf-8", "replace"))
        user, password = (given.get(name, [""])[0] for name in ("username", "password"))
        if not user or not password or not host.log_on(user, password):
            return redirect(_LOG_ON_PAGE + "?reason=2")
        account = by_log_on_name(host.directory, host.names, user)
        if account is None:
            return redirect(_LOG_ON_PAGE + "?reason=2")
        token = host.secrets.token_bytes(TOKEN_LENGTH).hex()
        self._sessions[token] = account
        if len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        cookie = f"{_COOKIE}={token}; Path=/owa; HttpOnly; Secure; SameSite=Strict"
        return redirect("/owa/", ("Set-Cookie", cookie))


def _cookie(request: HttpRequest) -> str:
    for part in request.headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == _COOKIE:
            return value
    return ""


def _form() -> HttpResponse:
    body = (
        "<html><head><title>Outlook Web Access</title></head><body><h1>Outlook Web Access</h1>"
        f'<form method="post" action="{_LOG_ON_ACTION}"><p><label>Domain\\user name '
        '<input name="username" autocomplete="username"></label></p><p><label>Password '
        '<input name="password" type="password" autocomplete="current-password"></label></p>'
        "<p><button>Log On</button></p></form></body></html>\n"
    )
    return HttpResponse(OK, body.encode())


def _inbox(host: ClientAccessHost, account: Account) -> HttpResponse:
    parser = BytesHeaderParser(policy=policy.default)
    messages = host.mailbox(account.mailbox) if account.mailbox else ()
    subjects = [str(parser.parsebytes(m)["Subject"] or "") for m in messages[-LISTED_MAX:]]
    rows = "".join(f"<li>{escape(s) or '(no subject)'}</li>" for s in reversed(subjects))
    title = f"Outlook Web Access - {escape(account.display_name)}"
    body = (
        f"<html><head><title>{title}</title></head><body><h1>{title}</h1><h2>Inbox</h2>"
        f"<ul>{rows}</ul></body></html>\n"
    )
    return HttpResponse(OK, body.encode())
