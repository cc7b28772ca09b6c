"""The lab's certification authorities: they answer requests and revoke what they issued."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from edgesync.operations.cert_target import render_change
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.certificates.certificate import TransportCertificate
    from edgesync.certificates.cmdlets.outcome import Outcome as CmdletOutcome
    from edgesync.certificates.host import CertificateHost
    from edgesync.operations.context import Context

ISSUERS = Literal["enterprise", "public"]
ROOTS = Literal["registry", "third-party", "enterprise", "group-policy"]
_ROOT_WORDS = {
    "registry": "Registry",
    "third-party": "ThirdParty",
    "enterprise": "Enterprise",
    "group-policy": "GroupPolicy",
}


def _render_sign(document: Document) -> Iterable[str]:
    return [document["file"]] if document["file"] else render_change(document)


@operation(
    "cert", "sign", render=_render_sign, writes=True,
    example="edgesync cert sign HUB01 --authority public",
)  # fmt: skip
def sign(
    context: Context,
    server: Annotated[str, Help("server whose request waits", completes="server")],
    thumbprint: Annotated[str, Help("which request, when several wait")] = "",
    *,
    authority: Annotated[
        ISSUERS, Help("enterprise: trusted in the domain; public: everywhere")
    ] = "enterprise",
    days: Annotated[int, Help("validity")] = 365,
    services: Annotated[tuple[str, ...], Help("enable the answer for these at once")] = (),
    file: Annotated[str | None, Help("write the answer as PKCS#7 instead", metavar="FILE")] = None,
) -> Outcome:
    """Let one of the lab's authorities answer a pending request.

    The answer is imported on the server, and with --services enabled there, or written to a file
    to be imported later.
    """
    from edgesync.certificates.cmdlets.import_ import import_certificate
    from edgesync.certificates.request import parse_request
    from edgesync.errors import UsageError
    from edgesync.lab.authorities import found_in
    from edgesync.operations.cert_files import write_new_file
    from edgesync.operations.cert_target import change_document, host_of

    if days < 1:
        raise UsageError(f"a certificate cannot be valid for {days} days", "give 1 or more")
    lab = context.lab
    host = host_of(lab, server)
    pending = _pending(host, thumbprint)
    found_in(lab)
    issuer = lab.authorities.get(authority)
    request = parse_request(pending.request or b"")
    signed = issuer.sign(
        request, now=lab.clock.now(), entropy=lab.entropy(f"authority/{authority}"), days=days
    )
    answer = issuer.answer(signed)
    if file:
        write_new_file(file, answer)
        document = {"schema": "edgesync.cert-sign/1", "server": host.name, "file": file}
        note = f"import it on {host.name}: edgesync cert import {host.name} {file}"
        return Outcome(document, notes=(note,))
    outcome = import_certificate(host, answer)
    if services:
        enabled = _enable(context, host, outcome.certificate.thumbprint, services)
        document = {**change_document(host, enabled, "signed"), "file": ""}
        return Outcome(document, notes=(*outcome.warnings, *enabled.warnings))
    document = {**change_document(host, outcome, "signed"), "file": ""}
    note = f"enable it: edgesync cert enable {host.name} {outcome.certificate.thumbprint[:8]}"
    return Outcome(document, notes=(*outcome.warnings, note))


def _enable(
    context: Context, host: CertificateHost, thumbprint: str, services: tuple[str, ...]
) -> CmdletOutcome:
    from edgesync.certificates.cmdlets.enable import enable, question_before_enable
    from edgesync.certificates.cmdlets.outcome import Answer
    from edgesync.certificates.services import parse_services
    from edgesync.operations.cert_target import answered

    wanted = parse_services(services)
    question = question_before_enable(host, thumbprint, wanted)
    answer = Answer.YES if answered(context, question) else Answer.NO
    return enable(host, thumbprint, wanted, answer=answer)


def _render_revoke(document: Document) -> Iterable[str]:
    yield f"{document['authority']} revoked {document['thumbprint']} of {document['server']}"


@operation(
    "cert", "revoke", render=_render_revoke, writes=True,
    example="edgesync cert revoke HUB01 9F3A11C2",
)  # fmt: skip
def revoke(
    context: Context,
    server: Annotated[str, Help("server that has it", completes="server")] = "",
    thumbprint: Annotated[str, Help("its thumbprint", completes="thumbprint")] = "",
) -> Outcome:
    """Put a certificate on the revocation list of the lab's authority that issued it."""
    from edgesync.errors import RefusedByRule
    from edgesync.operations.cert_target import target

    lab = context.lab
    host, certificate = target(lab, server, thumbprint)
    name = lab.authorities.issuer_of(certificate.issuer)
    if name is None:
        raise RefusedByRule(
            f"{certificate.thumbprint} was issued by {certificate.issuer}, no authority of the lab",
            "only edgesync cert sign makes certificates that can be revoked here",
        )
    issuer = lab.authorities.get(name)
    revoked = issuer.revoke(certificate.certificate, at=lab.clock.now())
    lab.authorities.put(**{name.replace("-", "_"): revoked})
    document = {
        "schema": "edgesync.cert-revoke/1",
        "authority": name,
        "server": host.name,
        "thumbprint": certificate.thumbprint,
    }
    return Outcome(document)


def _render_authorities(document: Document) -> Iterable[str]:
    rows = [
        (a["name"], a["subject"], a["root_ca_type"], a["not_after"][:10], a["revoked"], a["crl"])
        for a in document["authorities"]
    ]
    headers = ("Name", "Subject", "RootCAType", "NotAfter", "Revoked", "List")
    yield from columns(headers, rows)


@operation(
    "cert", "authorities", render=_render_authorities, rows="authorities", writes=True,
    example="edgesync cert authorities -o json",
)  # fmt: skip
def authorities(context: Context) -> Outcome:
    """Show the lab's certification authorities, founding them when there are none yet.

    JSON has each certificate and its current revocation list.
    """
    import base64

    from edgesync.certificates.certificate import TransportCertificate
    from edgesync.lab.authorities import found_in

    lab = context.lab
    found_in(lab)
    rows = []
    for name in lab.authorities.names:
        item = lab.authorities.get(name)
        shown = TransportCertificate(item.certificate)
        rows.append(
            {
                "name": name,
                "subject": shown.subject,
                "thumbprint": shown.thumbprint,
                "sha256": shown.sha256,
                "root_ca_type": item.kind.value,
                "not_after": shown.not_after.isoformat().replace("+00:00", "Z"),
                "revoked": len(item.revoked),
                "crl": item.crl_url,
                "pem": shown.certificate_pem().decode("ascii"),
                "list": {"base64": base64.b64encode(item.crl(now=lab.clock.now())).decode()},
            }
        )
    return Outcome({"schema": "edgesync.cert-authorities/1", "authorities": rows})


def _render_trust(document: Document) -> Iterable[str]:
    yield f"{document['server']} {document['action']} {document['subject']}"


@operation(
    "cert", "trust", render=_render_trust, writes=True,
    example="edgesync cert trust EDGE01 partner-root.pem --kind third-party",
)  # fmt: skip
def trust(
    context: Context,
    server: Annotated[str, Help("machine that shall trust it", completes="server")],
    file: Annotated[str, Help("certificate as DER or PEM", metavar="FILE")],
    *,
    kind: Annotated[ROOTS, Help("store it lies in, shown later as RootCAType")] = "registry",
    remove: Annotated[bool, Help("take it out of the trusted roots instead")] = False,
) -> Outcome:
    """Put a certificate into a machine's trusted roots, or take it out.

    An intermediate authority is put among the intermediates, which are not trusted by themselves.
    """
    from edgesync.certificates.certificate import (
        RootCAType,
        TransportCertificate,
        parse_certificate,
    )
    from edgesync.errors import NoSuchThing
    from edgesync.operations.cert_files import read_input
    from edgesync.operations.cert_target import host_of

    host = host_of(context.lab, server)
    item = TransportCertificate(parse_certificate(read_input(file), file))
    if remove:
        if not host.store.distrust(item.thumbprint).removed:
            raise NoSuchThing(
                f"{host.name} does not trust {item.thumbprint}", "nothing to take out"
            )
        action = "no longer trusts"
    elif item.is_self_signed:
        host.store.trust(item.certificate, RootCAType(_ROOT_WORDS[kind]))
        action = "trusts"
    else:
        host.store.add_intermediate(item.certificate)
        action = "knows the intermediate"
    document = {
        "schema": "edgesync.cert-trust/1",
        "server": host.name,
        "action": action,
        "thumbprint": item.thumbprint,
        "subject": item.subject,
    }
    return Outcome(document)


def _pending(host: CertificateHost, thumbprint: str) -> TransportCertificate:
    from edgesync.errors import NoSuchThing, RefusedByRule, UsageError

    if thumbprint:
        found = host.store.find(thumbprint)
        if not found.is_pending:
            raise RefusedByRule(
                f"{found.thumbprint} is no pending request",
                f"make one: edgesync cert new {host.name} --request",
            )
        return found
    waiting = [c for c in host.store.certificates if c.is_pending]
    if not waiting:
        raise NoSuchThing(
            f"no request waits on {host.name}",
            f"make one: edgesync cert new {host.name} --request",
        )
    if len(waiting) > 1:
        raise UsageError(f"{len(waiting)} requests wait on {host.name}", "give a thumbprint")
    return waiting[0]
