"""Requests and answers of the web site as values, and IIS's statuses with their sub-status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP status with IIS's sub-status, which clients see in the body only."""

    code: int
    substatus: int
    phrase: str
    text: str = ""

    @property
    def number(self) -> str:
        """As administrators write it: ``403.4``."""
        return f"{self.code}.{self.substatus}" if self.substatus else str(self.code)


OK = Status(200, 0, "OK")
FOUND = Status(302, 0, "Found")
BAD_REQUEST = Status(400, 0, "Bad Request", "The request is not HTTP.")
LOG_ON_FAILED = Status(401, 1, "Unauthorized", "Log-on failed.")
LOG_ON_REQUIRED = Status(401, 2, "Unauthorized", "A log-on is required.")
SSL_REQUIRED = Status(403, 4, "Forbidden", "SSL is required to view this resource.")
CERTIFICATE_REQUIRED = Status(403, 7, "Forbidden", "A client certificate is required.")
MAPPER_DENIED = Status(403, 12, "Forbidden", "The mapper denied access to the certificate.")
CERTIFICATE_REVOKED = Status(
    403, 13, "Forbidden", "The client certificate has been revoked, or that cannot be told."
)
CERTIFICATE_UNTRUSTED = Status(
    403, 16, "Forbidden", "The client certificate is untrusted or invalid."
)
CERTIFICATE_DATES = Status(
    403, 17, "Forbidden", "The client certificate has expired or is not yet valid."
)
NOT_FOUND = Status(404, 0, "Not Found", "There is no such resource.")
BODY_TOO_LARGE = Status(413, 0, "Request Entity Too Large", "The request is too large.")
NOT_IMPLEMENTED = Status(501, 0, "Not Implemented", "The lab has nothing behind this request.")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. Header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One answer."""

    status: Status
    body: bytes = field(default=b"", repr=False)
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """More headers; they may hold a cookie, so they are not shown."""


def error_page(status: Status, detail: str = "", *headers: tuple[str, str]) -> HttpResponse:
    """An error as IIS shows it: the number with its sub-status, and why."""
    title = f"HTTP Error {status.number} - {status.phrase}"
    more = f"<p>{escape(detail)}</p>" if detail else ""
    body = (
        f"<html><head><title>{title}</title></head>"
        f"<body><h1>{title}</h1><p>{escape(status.text)}</p>{more}</body></html>\n"
    )
    return HttpResponse(status, body.encode(), headers=headers)


def redirect(location: str, *headers: tuple[str, str]) -> HttpResponse:
    """Go there instead."""
    return HttpResponse(FOUND, headers=(("Location", location), *headers))
