"""Certificates of servers: the documented cmdlets, in both vocabularies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from edgesync.operations.cert_target import render_change
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing

if TYPE_CHECKING:
    from edgesync.certificates.cmdlets.new import NewCertificate
    from edgesync.certificates.host import CertificateHost
    from edgesync.operations.context import Context

SERVER = Help("server the store belongs to", completes="server")
THUMBPRINT = Help(
    "thumbprint: any case, spaces or colons, 8 digits suffice", completes="thumbprint"
)
SERVICES = Help("IMAP, POP, UM, IIS, SMTP (2010: Federation; 2013: UMCallRouter) or None")
WHAT_IF = Help("say what would be done, and do nothing")
_IDENTITY = {
    "Identity": "server", "Server": "server", "Thumbprint": "thumbprint", "WhatIf": "what_if",
}  # fmt: skip


def _render_list(document: Document) -> Iterable[str]:
    rows = [
        (
            c["server"], c["thumbprint"], c["services_column"], c["subject"], c["status"],
            c["not_after"][:10], "internal" if c["is_internal"] else "",
        )
        for c in document["certificates"]
    ]  # fmt: skip
    headers = ("Server", "Thumbprint", "Services", "Subject", "Status", "NotAfter", "")
    return columns(headers, rows)


@operation(
    "cert", "list", render=_render_list, rows="certificates", example="edgesync cert list EDGE01",
    cmdlets=(
        Cmdlet("Get-ExchangeCertificate", {
            "Identity": "thumbprint", "Thumbprint": "thumbprint", "Server": "server",
            "DomainName": "domain_name",
        }),
    ),
)  # fmt: skip
def list_(
    context: Context,
    server: Annotated[tuple[str, ...], SERVER] = (),
    *,
    thumbprint: Annotated[str | None, THUMBPRINT] = None,
    domain_name: Annotated[tuple[str, ...], Help("only those that name one of these hosts")] = (),
) -> Outcome:
    """List certificates: thumbprint, services, subject, status, expiry.

    With a domain name the first certificate of a server is the one that a connector with that
    FQDN would select.
    """
    from edgesync.certificates.cmdlets.get import get
    from edgesync.errors import NoSuchThing
    from edgesync.operations.cert_target import host_of, target

    lab = context.lab
    if thumbprint is not None:
        named, _, mark = thumbprint.rpartition("\\")
        host, found = target(lab, named or (server[0] if server else ""), mark)
        views = [(host, v) for v in get(host, thumbprint=found.thumbprint)]
    else:
        names = server or tuple(s.name for s in lab.servers())
        hosts = [host_of(lab, name) for name in names]
        views = [(host, v) for host in hosts for v in get(host, domain_names=domain_name)]
    rows = [{"server": host.name, **v.document()} for host, v in views]
    if domain_name and not rows:
        raise NoSuchThing(f"no certificate names {', '.join(domain_name)}", "edgesync cert list")
    return Outcome({"schema": "edgesync.cert-list/1", "certificates": rows})


def _render_show(document: Document) -> Iterable[str]:
    for item in document["certificates"]:
        yield from listing([(name, value) for name, value in item["listing"]])
        yield ""
    truths = document["truths"]
    if truths:
        rows = [
            (t["kind"], t["where"], t["thumbprint"] or "none", (t["not_after"] or "")[:10])
            for t in truths["truths"]
            if t["kind"] != "installed" or "SMTP" in t["services"]
        ]
        yield from columns(("Truth", "Where", "Thumbprint", "NotAfter"), rows)
        yield ""
    yield from document["disagreements"] or ["all copies agree"]


@operation("cert", "show", render=_render_show, example="edgesync cert show EDGE01")
def show(
    context: Context,
    server: Annotated[str, SERVER],
    thumbprint: Annotated[str, THUMBPRINT] = "",
) -> Outcome:
    """Show a server's certificates in full, and the four truths about the internal one.

    Installed in its store, presented on the wire (while the lab is up), published in AD,
    replicated to each Edge's ADAM; every disagreement is named.
    """
    from edgesync.certificates.cmdlets.get import get
    from edgesync.operations.cert_target import host_of
    from edgesync.operations.cert_truths import disagreements, truths_of

    lab = context.lab
    host = host_of(lab, server)
    views = get(host, thumbprint=thumbprint or None)
    truths = truths_of(lab, host.name) if host.has_transport else None
    document = {
        "schema": "edgesync.cert-show/1",
        "server": host.name,
        "certificates": [
            {**v.document(), "listing": [list(pair) for pair in v.listing()],
             "pem": v.certificate.certificate_pem().decode("ascii")}
            for v in views
        ],
        "truths": truths.document() if truths else None,
        "disagreements": list(disagreements(lab, truths)) if truths else [],
    }  # fmt: skip
    return Outcome(document)


@operation(
    "cert", "new", render=render_change, writes=True,
    example="edgesync cert new HUB01 --domain-name mail.contoso.test --services SMTP --yes",
    cmdlets=(
        Cmdlet("New-ExchangeCertificate", {
            "Server": "server", "SubjectName": "subject_name", "DomainName": "domain_name",
            "IncludeAcceptedDomains": "include_accepted_domains",
            "IncludeAutoDiscover": "include_auto_discover",
            "IncludeServerFQDN": "include_server_fqdn",
            "IncludeServerNetBIOSName": "include_server_netbios_name",
            "KeySize": "key_size", "FriendlyName": "friendly_name", "Services": "services",
            "PrivateKeyExportable": "private_key_exportable", "Instance": "instance",
            "SubjectKeyIdentifier": "subject_key_identifier", "GenerateRequest": "request",
            "BinaryEncoded": "binary_encoded", "Path": "file", "RequestFile": "file",
            "WhatIf": "what_if",
        }, positional=()),
    ),
)  # fmt: skip
def new(
    context: Context,
    server: Annotated[str, SERVER],
    *,
    subject_name: Annotated[str | None, Help("X.500 name; default CN=<server>")] = None,
    domain_name: Annotated[tuple[str, ...], Help("host name for the SAN")] = (),
    include_accepted_domains: Annotated[bool, Help("add every accepted domain")] = False,
    include_auto_discover: Annotated[bool, Help("add autodiscover.<domain> for each")] = False,
    include_server_fqdn: Annotated[bool, Help("add the FQDN (2010 and later)")] = False,
    include_server_netbios_name: Annotated[bool, Help("add the name (2010 and later)")] = False,
    key_size: Annotated[int, Help("1024, 2048 or 4096 bits")] = 2048,
    friendly_name: Annotated[str | None, Help("default Microsoft Exchange")] = None,
    private_key_exportable: Annotated[bool, Help("let the key leave the machine")] = False,
    services: Annotated[tuple[str, ...], SERVICES] = (),
    instance: Annotated[str | None, Help("certificate to clone", completes="thumbprint")] = None,
    subject_key_identifier: Annotated[str | None, Help("hex digits (2010 and later)")] = None,
    request: Annotated[bool, Help("make a PKCS#10 request instead")] = False,
    binary_encoded: Annotated[bool, Help("write the request as DER")] = False,
    file: Annotated[str | None, Help("where to write the request", metavar="FILE")] = None,
    what_if: Annotated[bool, WHAT_IF] = False,
) -> Outcome:
    """Make a self-signed certificate, or a request for an authority.

    A certificate enabled for SMTP becomes the default SMTP certificate after a question, whose
    answer No leaves the directory alone.
    """
    from edgesync.certificates.cmdlets.new import NewCertificate, planned
    from edgesync.certificates.services import parse_services
    from edgesync.operations.cert_target import host_of, what_if_answer

    host = host_of(context.lab, server)
    wanted = NewCertificate(
        subject_name, domain_name, include_accepted_domains, include_auto_discover,
        include_server_fqdn, include_server_netbios_name, key_size, friendly_name,
        private_key_exportable, parse_services(services) if services else None,
        host.store.find(instance) if instance else None, subject_key_identifier,
    )  # fmt: skip
    if what_if:
        domains = planned(host, wanted)
        kind = "request" if request else "certificate"
        return what_if_answer(host, f"make a {kind} for {', '.join(domains)}")
    return _make(context, host, wanted, request=request, binary=binary_encoded, file=file)


@operation(
    "cert", "renew", render=render_change, writes=True, example="edgesync cert renew EDGE01 --yes"
)
def renew(
    context: Context,
    server: Annotated[str, SERVER],
    thumbprint: Annotated[str, THUMBPRINT] = "",
    *,
    private_key_exportable: Annotated[bool, Help("must be given again")] = False,
    request: Annotated[bool, Help("make a renewal request for an authority instead")] = False,
    binary_encoded: Annotated[bool, Help("write the request as DER")] = False,
    file: Annotated[str | None, Help("where to write the request", metavar="FILE")] = None,
) -> Outcome:
    """Renew a certificate: same subject, names and services, new key, serial and dates.

    Without a thumbprint the internal transport certificate is renewed. The old certificate stays
    in the store.
    """
    from edgesync.certificates.cmdlets.new import NewCertificate
    from edgesync.operations.cert_target import host_of, internal_of

    host = host_of(context.lab, server)
    instance = host.store.find(thumbprint) if thumbprint else internal_of(host)
    wanted = NewCertificate(instance=instance, private_key_exportable=private_key_exportable)
    return _make(context, host, wanted, request=request, binary=binary_encoded, file=file)


@operation(
    "cert", "enable", render=render_change, writes=True,
    example="edgesync cert enable HUB01 9F3A11C2 --services SMTP --yes",
    cmdlets=(
        Cmdlet("Enable-ExchangeCertificate", {
            **_IDENTITY, "Services": "services", "NetworkServiceAllowed": "network_service_allowed",
        }, ignored=("DomainController", "DoNotRequireSsl")),
    ),
)  # fmt: skip
def enable(
    context: Context,
    server: Annotated[str, SERVER] = "",
    thumbprint: Annotated[str, THUMBPRINT] = "",
    *,
    services: Annotated[tuple[str, ...], SERVICES] = (),
    network_service_allowed: Annotated[bool, Help("let NETWORK SERVICE read the key")] = False,
    what_if: Annotated[bool, WHAT_IF] = False,
) -> Outcome:
    """Enable a certificate for more services; none is ever taken away.

    IIS moves here from the certificate that had it. SMTP asks whether this becomes the default
    SMTP certificate: Yes publishes it, No leaves the directory alone.
    """
    from edgesync.certificates.cmdlets.enable import enable as run
    from edgesync.certificates.cmdlets.enable import question_before_enable
    from edgesync.certificates.cmdlets.outcome import Answer
    from edgesync.certificates.services import parse_services
    from edgesync.operations.cert_target import answered, change_document, target, what_if_answer

    host, certificate = target(context.lab, server, thumbprint)
    wanted = parse_services(services)
    question = question_before_enable(host, certificate.thumbprint, wanted)
    if what_if:
        return what_if_answer(host, f"enable {certificate.thumbprint} for {wanted}")
    answer = Answer.YES if answered(context, question) else Answer.NO
    outcome = run(
        host, certificate.thumbprint, wanted, answer=answer,
        network_service_allowed=network_service_allowed,
    )  # fmt: skip
    return Outcome(change_document(host, outcome, "enabled"), notes=outcome.warnings)


@operation(
    "cert", "remove", render=render_change, writes=True,
    example="edgesync cert remove HUB01 9F3A11C2 --yes",
    cmdlets=(Cmdlet("Remove-ExchangeCertificate", _IDENTITY),),
)  # fmt: skip
def remove(
    context: Context,
    server: Annotated[str, SERVER] = "",
    thumbprint: Annotated[str, THUMBPRINT] = "",
    *,
    what_if: Annotated[bool, WHAT_IF] = False,
) -> Outcome:
    """Remove a certificate and its key for good.

    The internal transport certificate is refused from 2010 on; in 2007 its copy in the directory
    goes too.
    """
    from edgesync.certificates.cmdlets.outcome import Answer
    from edgesync.certificates.cmdlets.remove import remove as run
    from edgesync.operations.cert_target import answered, change_document, target, what_if_answer

    host, certificate = target(context.lab, server, thumbprint)
    asked = run(host, certificate.thumbprint, answer=Answer.ASK)
    if what_if:
        return what_if_answer(host, f"remove {certificate.thumbprint}")
    if not answered(context, asked.question):
        document = change_document(host, asked, "kept", shown=False)
        return Outcome(document, notes=("nothing was removed",))
    outcome = run(host, certificate.thumbprint, answer=Answer.YES)
    document = change_document(host, outcome, "removed", shown=False)
    return Outcome(document, notes=outcome.warnings)


def _make(
    context: Context,
    host: CertificateHost,
    wanted: NewCertificate,
    *,
    request: bool,
    binary: bool,
    file: str | None,
) -> Outcome:
    from edgesync.certificates.cmdlets.new import new as run
    from edgesync.certificates.cmdlets.new import question_before_new
    from edgesync.certificates.cmdlets.outcome import Answer
    from edgesync.certificates.cmdlets.request import new_request
    from edgesync.operations.cert_files import write_new_file
    from edgesync.operations.cert_target import answered, change_document

    if request:
        made = new_request(host, wanted)
        document = change_document(host, made.outcome, "requested")
        notes = ["import the authority's answer on this server: edgesync cert import"]
        if file:
            write_new_file(file, made.der if binary else made.text.encode("ascii"))
            notes.insert(0, f"wrote {file}")
        return Outcome({**document, "request": made.text}, notes=tuple(notes))
    question = question_before_new(host, wanted)
    answer = Answer.YES if answered(context, question) else Answer.NO
    outcome = run(host, wanted, answer=answer)
    notes = list(outcome.warnings)
    if question is not None and not outcome.published:
        notes.append("the default SMTP certificate was not replaced")
    return Outcome(change_document(host, outcome, "made"), notes=tuple(notes))


# More verbs of this noun; here, so that list and show come first in the help.
from edgesync.operations import cert_authority, cert_files, cert_watch  # noqa: E402, F401
