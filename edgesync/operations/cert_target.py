"""Which server and which certificate a command means, and how both are shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from edgesync.errors import NoSuchThing, UsageError
from edgesync.operations.registry import Document
from edgesync.operations.registry import Outcome as Answer
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.certificates.certificate import TransportCertificate
    from edgesync.certificates.cmdlets.get import CertificateView
    from edgesync.certificates.cmdlets.outcome import Outcome, Question
    from edgesync.certificates.host import CertificateHost
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context


def host_of(lab: Lab, server: str) -> CertificateHost:
    """A server as the certificate cmdlets see it, by name or host name."""
    return lab.host(server.partition(".")[0])


def target(lab: Lab, server: str, thumbprint: str) -> tuple[CertificateHost, TransportCertificate]:
    r"""The certificate meant by ``SERVER THUMBPRINT``, ``SERVER\THUMBPRINT`` or a thumbprint alone.

    Raises:
        UsageError: when no thumbprint is given, or a thumbprint alone is on several servers.
        NoSuchThing: when it is on none.
    """
    if "\\" in server and not thumbprint:
        server, _, thumbprint = server.partition("\\")
    if server and not thumbprint:
        if any(s.name.casefold() == server.casefold() for s in lab.servers()):
            raise UsageError(
                f"which certificate of {server}?",
                f"give its thumbprint: edgesync cert list {server}",
            )
        server, thumbprint = "", server
    if server:
        host = host_of(lab, server)
        return host, host.store.find(thumbprint)
    holders = [host_of(lab, s.name) for s in lab.servers() if _has(lab, s.name, thumbprint)]
    if len(holders) == 1:
        return holders[0], holders[0].store.find(thumbprint)
    if holders:
        names = ", ".join(host.name for host in holders)
        raise UsageError(f"{thumbprint} is on {names}", "say which server you mean")
    raise NoSuchThing(
        f"no server has a certificate with thumbprint {thumbprint!r}", "edgesync cert list"
    )


def internal_of(host: CertificateHost) -> TransportCertificate:
    """The certificate a renewal means when none is named: internal, else the web site's, else any.

    Raises:
        NoSuchThing: when the store holds no certificate.
    """
    from edgesync.certificates.certificate import thumbprint
    from edgesync.certificates.services import Services

    published = host.published() if host.has_transport else None
    known = [c for c in host.store.certificates if not c.is_pending]
    for candidate in known:
        if published is not None and candidate.thumbprint == thumbprint(published):
            return candidate
    ranked = sorted(known, key=lambda c: (Services.IIS not in c.services, -c.services))
    if not ranked:
        raise NoSuchThing(
            f"{host.name} has no certificate to renew", f"edgesync cert new {host.name}"
        )
    return ranked[0]


def view(host: CertificateHost, certificate: TransportCertificate) -> CertificateView:
    """A certificate of a server, judged."""
    from edgesync.certificates.cmdlets.get import get

    return get(host, thumbprint=certificate.thumbprint)[0]


def change_document(
    host: CertificateHost, outcome: Outcome, action: str, *, shown: bool = True
) -> dict[str, Any]:
    """What a changing cmdlet did, as JSON."""
    certificate = (
        {"server": host.name, **view(host, outcome.certificate).document()}
        if shown
        else {"server": host.name, "thumbprint": outcome.certificate.thumbprint}
    )
    return {
        "schema": "edgesync.cert-change/1",
        "action": action,
        "server": host.name,
        "certificate": certificate,
        "published": outcome.published,
        "stored": list(outcome.change.stored),
        "removed": list(outcome.change.removed),
        "warnings": list(outcome.warnings),
    }


def render_change(document: Document) -> Iterable[str]:
    """One certificate that was made or changed, in the cmdlet's columns."""
    if "would" in document:
        yield f"What if: {document['would']} on {document['server']}"
        return
    item = document["certificate"]
    if "subject" in item:
        row = (item["thumbprint"], item["services_column"], item["subject"])
        yield from columns(("Thumbprint", "Services", "Subject"), [row])
    else:
        yield f"{document['action']} {item['thumbprint']} on {document['server']}"
    if document.get("request"):
        yield document["request"].rstrip()


def what_if_answer(host: CertificateHost, sentence: str) -> Answer:
    """The answer to -WhatIf: what would have been done. Nothing was."""
    document = {"schema": "edgesync.cert-whatif/1", "server": host.name, "would": sentence}
    return Answer(document)


def answered(context: Context, question: Question | None) -> bool:
    """The answer to a cmdlet's question; without a question there is nothing to say yes to."""
    return question is not None and context.confirm(question.text, default=True)


def _has(lab: Lab, server: str, text: str) -> bool:
    from edgesync.certificates.store import parse_thumbprint

    wanted = parse_thumbprint(text)
    return any(
        c.thumbprint.startswith(wanted) or c.sha256.startswith(wanted)
        for c in lab.store(server).certificates
    )
