"""Who may talk to the console: this machine, by its own name, from its own pages or with the token.

A page of any other site can make a browser send requests to loopback, and a name can be rebound
to 127.0.0.1. So the Host must be ours, an Origin must be ours, and whatever could change
something needs the token or proof that one of our own pages sent it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgesync.errors import EdgeSyncError

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""Names a loopback listener answers to; anything else in Host is a rebound name."""

BODY_MAX = 8 * 1024 * 1024
"""Largest request body, bytes: a certificate chain or an LDIF paste stays far below."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    # not no-referrer: with that, browsers send "Origin: null" with our own forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class RequestRefused(EdgeSyncError):
    """A request the console does not serve, with the HTTP status that says so."""

    def __init__(self, status: int, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.status = status


class Protection:
    """ASGI middleware: checks Host, Origin, token and size; adds the headers of a closed site."""

    def __init__(
        self, app: ASGIApp, token: str, fault: Callable[[Request, Exception], Response]
    ) -> None:
        self._app = app
        self._token = token
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        guarded = _with_headers(watched, is_static=scope["path"].startswith("/static/"))
        try:
            check_request(scope, self._token)
        except RequestRefused as refused:
            await refusal(refused)(scope, receive, guarded)
            return
        try:
            await self._app(scope, _limited(receive), guarded)
        except Exception as error:
            if started:
                raise  # the answer is cut off, which a reader notices
            # answered here, inside the closed site: Starlette's own handler has none of our headers
            await self._fault(Request(scope), error)(scope, receive, guarded)


def check_request(scope: Scope, token: str) -> None:
    """Refuse what does not come from here.

    Raises:
        RequestRefused: with the status: 421 for a wrong Host, 403 for a wrong Origin, 401 for a
            missing or wrong token, 413 for a body that is too large.
    """
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if host.lower() not in own_hosts(scope):
        raise RequestRefused(
            421, "this Host is not served here", "use the address that edgesync lab status shows"
        )
    origin = headers.get("origin")
    ours = origin is not None and origin.lower() == f"{scope['scheme']}://{host.lower()}"
    site = headers.get("sec-fetch-site", "")
    if (origin is not None and not ours) or _is_foreign_call(scope, headers, site):
        raise RequestRefused(
            403, "another site's page may not talk to a lab", "open the console's own pages"
        )
    authorization = headers.get("authorization")
    if authorization is not None:
        expected = f"Bearer {token}".encode()
        if not hmac.compare_digest(authorization.encode("latin-1"), expected):
            raise RequestRefused(401, "wrong token", "the token is in the lab's run.json")
    elif scope["method"] not in SAFE_METHODS and not (ours or site == "same-origin"):
        raise RequestRefused(
            401,
            "this needs the lab's token, or a page of the console",
            "send Authorization: Bearer with the token of the lab's run.json",
        )
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit() or int(length) > BODY_MAX:
        raise RequestRefused(413, f"a body has at most {BODY_MAX} bytes", "send less at once")


def _is_foreign_call(scope: Scope, headers: Headers, site: str) -> bool:
    """Whether another site's page asks for more than to be shown one of our pages."""
    if site in {"", "none", "same-origin"}:
        return False
    is_navigation = (
        headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    )
    return not is_navigation or scope["method"] != "GET" or scope["path"].startswith("/api/")


def own_hosts(scope: Scope) -> frozenset[str]:
    """What the Host header may say for the address that was connected to."""
    _, port = scope.get("server") or ("", None)
    names = {f"{name}:{port}" for name in LOOPBACK_NAMES}
    return frozenset(names | set(LOOPBACK_NAMES) if port == 80 else names)


def refusal(error: EdgeSyncError, status: int | None = None) -> JSONResponse:
    """An error as the API answers it: the document that ``-o json`` prints."""
    code = status if status is not None else getattr(error, "status", 500)
    body = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "exit_code": int(error.exit_code),
    }
    headers = {"www-authenticate": "Bearer"} if code == 401 else None
    return JSONResponse({"schema": "edgesync.error/1", "error": body}, code, headers)


def _with_headers(send: Send, *, is_static: bool) -> Send:
    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache" if is_static else "no-store")
        await send(message)

    return guarded


def _limited(receive: Receive) -> Receive:
    """Stop a body without a length before it fills the memory."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_MAX:
            return {"type": "http.disconnect"}
        return message

    return limited
