"""Questions to real servers, and the directory's trust in another server's words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import (
    ExitCode,
    InputInvalid,
    KeyUnavailable,
    RefusedByRule,
    UsageError,
)
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context
    from edgesync.transport.handshake import HandshakeReport
    from edgesync.trust.tls import TlsIdentity

VERBS = {"starttls": "STARTTLS", "x-anonymoustls": "X-ANONYMOUSTLS"}
IN_AD = " in AD"
_PORTS = {"starttls": 25, "x-anonymoustls": 25, "ldaps": 636}


def _render_probe(document: Document) -> Iterable[str]:
    certificate = document["certificate"] or {}
    yield from listing(
        [
            ("Address", document["address"]),
            ("Server", document["server_name"]),
            ("Verb", document["verb"]),
            ("TLS", f"{document['tls']} {document['cipher']}" if document["tls"] else "none"),
            ("Reason", document["reason"] or ""),
            ("Detail", document["detail"]),
            ("Subject", certificate.get("subject", "")),
            ("Names", certificate.get("domains", [])),
            ("Thumbprint", certificate.get("thumbprint", "")),
            ("NotAfter", certificate.get("not_after", "")),
            ("Published for", document["published_for"]),
            ("Handshake s", document["handshake_s"]),
        ]
    )
    yield ""
    yield from document["transcript"]


@operation(
    "trust", "probe", render=_render_probe, lab_unless=("no_lab",),
    example="edgesync trust probe mail.contoso.test:25 --verb starttls --no-lab",
    cmdlets=(Cmdlet("Test-SmtpConnectivity", {"Identity": "address"}),),
)  # fmt: skip
def probe(
    context: Context,
    address: Annotated[str, Help("HOST:PORT, or a server of the lab")],
    *,
    verb: Annotated[
        Literal["starttls", "x-anonymoustls", "ldaps"], Help("how TLS begins")
    ] = "starttls",
    present: Annotated[
        str | None,
        Help("show a certificate: a server of the lab, or a PEM file with key", metavar="CERT"),
    ] = None,
    no_lab: Annotated[bool, Help("compare with no directory")] = False,
) -> Outcome:
    """Read a server's certificate and look for it in the lab's directories.

    Sends EHLO and the TLS verb, and no mail. Exit code 5 when the server cannot be reached or
    offers no TLS, 3 when the organisation's AD is compared and does not hold the certificate.
    """
    lab = None if no_lab else context.lab
    identity = _identity(lab, present) if present else None
    report = _ask(lab, address, verb, identity)
    der = report.server_certificate
    published = _published(lab, der) if lab is not None and der else []
    document: Document = {
        "schema": "edgesync.trust-probe/1",
        **report.document(),
        "certificate": _certificate(der) if der else None,
        "published_for": published,
    }
    if report.reason is not None:
        return Outcome(document, ExitCode.UNREACHABLE)
    known = lab is None or any(place.endswith(IN_AD) for place in published)
    return Outcome(document, ExitCode.OK if known else ExitCode.NO)


def _ask(lab: Lab | None, address: str, verb: str, identity: TlsIdentity | None) -> HandshakeReport:
    from directory.clock import SystemClock
    from edgesync.lab.network import Network
    from edgesync.transport.endpoint import SocketLink
    from edgesync.transport.handshake import LdapsProbe, Probe, unreachable
    from edgesync.transport.link import LinkFailed

    helo = "edgesync-probe.invalid"
    questions = {
        name: Probe(helo, verb=word, identity=identity, ask_relay=False)
        for name, word in VERBS.items()
    }
    question: Probe | LdapsProbe = questions.get(verb) or LdapsProbe(identity=identity)
    names = {s.name.casefold() for s in lab.servers()} if lab else set()
    try:
        if lab is not None and address.casefold() in names:
            if verb == "ldaps":
                raise UsageError(
                    "a lab's LDAPS port is asked by its address", "edgesync lab status shows it"
                )
            link: Any = lab.service(Network).dial_from_outside(address)
        else:
            host, port = _address(address, _PORTS[verb])
            link = SocketLink.connect(host, port)
    except LinkFailed as failure:
        return unreachable(address, verb, str(failure))
    return question.run(link, SystemClock())


def _address(text: str, default: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), default
    if not port.isdecimal() or not 0 < int(port) < 65536 or not host:
        raise UsageError(f"{text!r} is not HOST:PORT", "for example 127.0.0.1:2525")
    return host.strip("[]"), int(port)


def _identity(lab: Lab | None, present: str) -> TlsIdentity:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from edgesync.lab.network import Network
    from edgesync.transport.host import identity_of
    from edgesync.trust.tls import TlsIdentity

    if lab is not None and present.casefold() in {s.name.casefold() for s in lab.servers()}:
        host = lab.service(Network).host(present)
        identity = identity_of(host.internal_certificate(), host)
        if identity is None:
            raise KeyUnavailable(
                f"{host.name} has no internal transport certificate to show",
                f"edgesync cert list {host.name}",
            )
        return identity
    try:
        data = Path(present).read_bytes()
        certificates = x509.load_pem_x509_certificates(data)
        key: Any = load_pem_private_key(data, None)
    except (OSError, ValueError, TypeError) as error:
        raise InputInvalid(
            f"{present}: {error}", "give a PEM file with a certificate and its unencrypted key"
        ) from error
    return TlsIdentity(certificates[0], key, tuple(certificates[1:]))


def _published(lab: Lab, der: bytes) -> list[str]:
    """Where the lab's directories hold this very certificate: ``HUB01 in EDGE01's ADAM``."""
    from edgesync.trust.anchors import Side, TrustAnchors

    found = []
    anchors = TrustAnchors.read(Side.HUB, lab.ad_port(), lab.ad.names)
    found += [a.name + IN_AD for a in anchors.find(der)]
    for name, edge in lab.edges.items():
        held = TrustAnchors.read(Side.EDGE, lab.edge_port(name), edge.names)
        found += [f"{a.name} in ADAM of {name}" for a in held.find(der)]
    return found


def _certificate(der: bytes) -> Document:
    from cryptography import x509

    from edgesync.certificates.certificate import TransportCertificate

    shown = TransportCertificate(x509.load_der_x509_certificate(der))
    return {
        "subject": shown.subject,
        "issuer": shown.issuer,
        "domains": list(shown.domains),
        "not_before": f"{shown.not_before:%FT%TZ}",
        "not_after": f"{shown.not_after:%FT%TZ}",
        "thumbprint": shown.thumbprint,
        "sha256": shown.sha256,
    }


def _render_export(document: Document) -> Iterable[str]:
    yield from columns(("File", "Lines"), [(f["path"], f["lines"]) for f in document["files"]])


@operation(
    "trust", "export", render=_render_export, rows="files",
    example="edgesync trust export HUB01 --postfix --folder /etc/postfix/trust",
)  # fmt: skip
def export(
    context: Context,
    server: Annotated[
        str, Help("whose trust: a Hub's (AD) or an Edge's (ADAM)", completes="server")
    ],
    *,
    postfix: Annotated[bool, Help("as Postfix fingerprint maps")] = False,
    folder: Annotated[str, Help("where to write", metavar="DIR")] = ".",
    force: Annotated[bool, Help("overwrite files that are there")] = False,
) -> Outcome:
    """Write the certificates a server trusts as maps that a real Postfix uses.

    Postfix then takes mail from exactly the servers that direct trust would recognise.
    """  # fmt: skip
    from edgesync.lab.network import Network
    from edgesync.trust.export import postfix_maps

    if not postfix:
        raise UsageError("which form?", "the only one is --postfix")
    anchors = context.lab.service(Network).host(server).anchors()
    place = Path(folder)
    texts = postfix_maps(anchors, folder=str(place.resolve()))
    taken = [name for name in texts if (place / name).exists()]
    if taken and not force:
        raise RefusedByRule(f"{place / taken[0]} is there already", "use --force to overwrite")
    place.mkdir(parents=True, exist_ok=True)
    files = []
    for name, text in texts.items():
        (place / name).write_text(text, encoding="ascii")
        files.append({"path": str(place / name), "lines": text.count("\n")})
    trusted = [{"server": a.name, "thumbprint": a.thumbprint} for a in anchors.trusted]
    return Outcome({"schema": "edgesync.trust-export/1", "files": files, "trusted": trusted})
