"""Looking ahead and explaining: which certificate would be chosen, and what ends when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.certificates.expiry import Expiry
    from edgesync.certificates.host import CertificateHost
    from edgesync.certificates.selection import Selection
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context

PURPOSES = Literal["starttls", "anonymous-tls", "pop", "imap", "um"]


def _render_select(document: Document) -> Iterable[str]:
    rows = [
        (c["thumbprint"], c["subject"], "chosen" if c["chosen"] else c["reason"], c["detail"])
        for c in document["certificates"]
    ]
    yield from columns(("Thumbprint", "Subject", "Result", "Detail"), rows)
    for event in document["events"]:
        yield f"event {event['id']} {event['name']}: {event['text']}"
    if document["note"]:
        yield document["note"]
    yield f"{document['for']}: {'offered' if document['offered'] else 'not offered'}"


@operation(
    "cert", "select", render=_render_select, rows="certificates",
    example="edgesync cert select HUB01 --fqdn mail.contoso.test --for starttls",
)  # fmt: skip
def select(
    context: Context,
    server: Annotated[str, Help("server that chooses", completes="server")],
    *,
    fqdn: Annotated[str | None, Help("name looked for; default the server's own")] = None,
    for_: Annotated[PURPOSES, Help("what the certificate is for")] = "starttls",
    at_start: Annotated[bool, Help("as when the service starts: logs 12012")] = False,
    certificate_name: Annotated[str, Help("TlsCertificateName of the connector (2013+)")] = "",
    connector: Annotated[str, Help("connector named in events")] = "",
    peer: Annotated[
        str | None, Help("server sent to: the client certificate it is shown", completes="server")
    ] = None,
) -> Outcome:
    """Show which certificate would be chosen, why not the others, and what would be logged.

    Ends with exit code 3 when none would be offered. Nothing is logged by asking.
    """
    from edgesync.errors import ExitCode, UsageError
    from edgesync.operations.cert_target import host_of

    host = host_of(context.lab, server)
    if peer is not None:
        if for_ != "anonymous-tls":
            raise UsageError(f"--peer does not go with --for {for_}", "use --for anonymous-tls")
        selection = _shown_to(context.lab, host, peer)
    else:
        selection = _selected(host, for_, fqdn, at_start, certificate_name, connector)
    rows = [
        {"thumbprint": r.certificate.thumbprint, "subject": r.certificate.subject, "chosen": False,
         "reason": r.reason.value, "detail": r.detail}
        for r in selection.rejected
    ]  # fmt: skip
    if selection.chosen:
        chosen = selection.chosen
        rows.insert(0, {
            "thumbprint": chosen.thumbprint, "subject": chosen.subject, "chosen": True,
            "reason": "", "detail": f"until {chosen.not_after:%Y-%m-%d}",
        })  # fmt: skip
    document = {
        "schema": "edgesync.cert-select/1",
        "server": host.name,
        "for": for_,
        "name": selection.name,
        "offered": selection.is_offered,
        "chosen": selection.chosen.thumbprint if selection.chosen else None,
        "ephemeral": selection.needs_ephemeral,
        "certificates": rows,
        "events": [event.document() for event in selection.events],
        "note": selection.note,
    }
    return Outcome(document, ExitCode.OK if selection.is_offered else ExitCode.NO)


def _shown_to(lab: Lab, host: CertificateHost, peer: str) -> Selection:
    """The client certificate of a session to a peer: none between Hubs, which use Kerberos."""
    from edgesync.certificates.load import context_of
    from edgesync.certificates.select import select_client_internal

    between = {host.name, lab.server(peer).name}
    return select_client_internal(
        host.store.certificates, host.published(), context_of(host),
        to_edge_or_hub=bool(between & set(lab.edges)),
    )  # fmt: skip


def _selected(
    host: CertificateHost, purpose: str, fqdn: str | None, at_start: bool, name: str, connector: str
) -> Selection:
    from edgesync.certificates.load import context_of
    from edgesync.certificates.select import (
        select_internal,
        select_pop_imap,
        select_starttls,
        select_um,
    )
    from edgesync.certificates.selection import Purpose

    context = context_of(host)
    certificates = host.store.certificates
    if purpose == "starttls":
        return select_starttls(
            certificates, fqdn, context, connector=connector, certificate_name=name
        )
    if purpose == "anonymous-tls":
        return select_internal(certificates, host.published(), context, at_start=at_start)
    if purpose == "um":
        return select_um(certificates, context, secured=True)
    return select_pop_imap(certificates, fqdn or host.fqdn, context, Purpose(purpose))


def _render_expiry(document: Document) -> Iterable[str]:
    rows = [
        (e["server"], e["kind"], e["name"], e["not_after"][:10], e["days_left"], e["light"],
         e["detail"])
        for e in document["items"]
    ]  # fmt: skip
    headers = ("Server", "What", "Name", "Ends", "Days", "", "Detail")
    yield from columns(headers, rows)


@operation(
    "cert", "expiry", render=_render_expiry, rows="items",
    example="edgesync cert expiry --within 90d -o ics",
)  # fmt: skip
def expiry(
    context: Context,
    server: Annotated[tuple[str, ...], Help("only these servers", completes="server")] = (),
    *,
    within: Annotated[str, Help("time span: 90d, 12h, 30.00:00:00; all: everything")] = "all",
) -> Outcome:
    """List what ends when: certificates and EdgeSync credentials, red below 30 days.

    Yellow is below 60 days. Ends with exit code 3 when something has ended already. The formats
    ics and svg make a calendar and a strip of bars.
    """
    from edgesync.certificates.expiry import Light
    from edgesync.certificates.expiry import within as only_within
    from edgesync.certificates.expiry_calendar import icalendar, svg_strip
    from edgesync.errors import ExitCode
    from edgesync.operations.timespan import parse_timespan

    lab = context.lab
    now = lab.clock.now()
    names = [lab.server(name).name for name in server] or [s.name for s in lab.servers()]
    span = None if within == "all" else parse_timespan(within)
    items = only_within(_expiries(lab, names, everything=not server), now, span)
    document = {
        "schema": "edgesync.cert-expiry/1",
        "at": now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "items": [item.document(now) for item in items],
        "texts": {"ics": icalendar(items, now), "svg": svg_strip(items, now)},
    }
    ended = any(item.light(now) is Light.EXPIRED for item in items)
    return Outcome(document, ExitCode.NO if ended else ExitCode.OK)


def _expiries(lab: Lab, names: list[str], *, everything: bool) -> Iterator[Expiry]:
    from edgesync.certificates.certificate import TransportCertificate
    from edgesync.certificates.expiry import Expiry, ExpiryKind, certificate_expiry
    from edgesync.subscription.listing import list_subscriptions

    for name in names:
        for certificate in lab.store(name).certificates:
            if not certificate.is_pending:
                yield certificate_expiry(name, certificate)
    for name in lab.authorities.names if everything else ():
        certificate = TransportCertificate(lab.authorities.get(name).certificate)
        yield Expiry(
            ExpiryKind.AUTHORITY, name, certificate.thumbprint, certificate.subject,
            certificate.not_before, certificate.not_after,
        )  # fmt: skip
    for subscription in list_subscriptions(lab.ad_port(), lab.ad.names):
        if subscription.name not in names:
            continue
        for record in subscription.credentials:
            source = record.source_server_fqdn or "the first session"
            yield Expiry(
                ExpiryKind.CREDENTIAL, subscription.name, record.user_name, f"for {source}",
                record.effective_at, record.expires_at,
            )  # fmt: skip
