"""One client, one URL: connects as that client does and says what its user would see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import h11
from cryptography import x509

from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.names import names_match
from edgesync.client_access.client_rules import (
    ClientKind,
    ClientTrust,
    ClientView,
    Verdict,
    examine,
    judge,
)
from edgesync.client_access.https_client import Link, NoHandshake, WebConnection
from edgesync.errors import UsageError
from edgesync.trust.reading import UNREADABLE
from edgesync.trust.tls import TlsIdentity

SCHEMA = "edgesync.client-check/1"
FORBIDDEN = 403
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A URL taken apart."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, url: str) -> WebAddress:
        """Read ``https://mail.contoso.test/owa``.

        Raises:
            UsageError: not an address of a web site.
        """
        hint = "for example https://mail.contoso.test/owa"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{url!r}: {error}", hint) from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise UsageError(f"{url!r} is not an address of a web site", hint)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], target)


@dataclass(frozen=True, slots=True)
class ClientReport:
    """What came of a check. ``view`` None: no certificate was seen."""

    kind: ClientKind
    url: str
    name: str
    """The host name the certificate was compared with."""
    view: ClientView | None
    certificate: TransportCertificate | None
    lacks: tuple[str, ...]
    """Names this kind of client uses and the certificate does not have."""
    http_status: int | None
    detail: str

    def document(self) -> dict[str, Any]:
        """As JSON."""
        view, shown = self.view, self.certificate
        findings = view.findings if view is not None else ()
        return {
            "schema": SCHEMA,
            "client": self.kind.value,
            "url": self.url,
            "name": self.name,
            "verdict": view.verdict.value if view is not None else "unreachable",
            "problems": [f.problem.value for f in findings],
            "sees": view.sees if view is not None else "the server cannot be reached",
            "why": view.why if view is not None else self.detail,
            "certificate": None if shown is None else {
                "subject": shown.subject, "issuer": shown.issuer, "domains": list(shown.domains),
                "thumbprint": shown.thumbprint, "sha256": shown.sha256,
                "not_after": f"{shown.not_after:%FT%TZ}",
                "is_self_signed": shown.is_self_signed,
            },
            "lacks": list(self.lacks),
            "http_status": self.http_status,
            "detail": self.detail,
        }  # fmt: skip


def check_client(
    kind: ClientKind,
    address: WebAddress,
    name: str,
    connect: Callable[[], Link],
    trust: ClientTrust,
    *,
    now: datetime,
    uses: Iterable[str] = (),
    identity: TlsIdentity | None = None,
) -> ClientReport:
    """Connect, judge, and ask for the page unless the client would have given up.

    ``uses`` are the other host names this client will meet; ``identity`` is a user's certificate.
    """
    url = f"{address.scheme}://{address.host}:{address.port}{address.target}"
    secure = address.scheme == "https"
    connection = WebConnection(connect(), name if secure else None, identity)
    try:
        if not secure:
            answer = connection.get(name, address.target)
            detail = "plain HTTP: no certificate, nothing is protected"
            status = answer.status if answer else None
            view = _with_status(ClientView(Verdict.WORKS, (), "no message", detail), status)
            return ClientReport(kind, url, name, view, None, (), status, detail)
        done = connection.shake_hands()
        view = judge(kind, examine(done.peer_chain, name, trust, now=now), trust)
        leaf = TransportCertificate(x509.load_der_x509_certificate(done.peer_chain[0]))
        answer = None
        if view.verdict is not Verdict.FAILS:
            answer = connection.get(name, address.target)
    except (NoHandshake, *UNREADABLE) as failure:
        return ClientReport(kind, url, name, None, None, (), None, f"no TLS: {failure}")
    except h11.RemoteProtocolError as error:
        return ClientReport(kind, url, name, None, None, (), None, f"no HTTP: {error}")
    finally:
        connection.close()
    wanted = dict.fromkeys((name, *uses))
    lacks = tuple(n for n in wanted if not any(names_match(d, n) for d in leaf.domains))
    status = answer.status if answer else None
    view = _with_status(view, status)
    return ClientReport(kind, url, name, view, leaf, lacks, status, f"{done.version} {done.cipher}")


def _with_status(view: ClientView, status: int | None) -> ClientView:
    """A page that is refused (403) fails, however good the certificate; 401 asks for a log-on."""
    if status != FORBIDDEN:
        return view
    page = "an error page of the server: HTTP 403"
    sees = page if view.verdict is Verdict.WORKS and not view.findings else f"{view.sees}; {page}"
    why = f"{view.why}; the server refuses the request"
    return ClientView(Verdict.FAILS, view.findings, sees, why)
