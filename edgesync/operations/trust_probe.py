"""Questions to real servers, and direct trust for other mail servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import ExitCode, InputInvalid, NoSuchThing, RefusedByRule, UsageError
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import listing

if TYPE_CHECKING:
    from edgesync.operations.context import Context
    from edgesync.port.port import DirectoryPort
    from edgesync.trust.tls import TlsIdentity

_PORTS = {"starttls": 25, "x-anonymoustls": 25, "ldaps": 636}
_HELO = "edgesync-probe.invalid"
_FILE_MAX = 1024 * 1024
"""Longest PEM file read, bytes."""


def _render(document: Document) -> Iterable[str]:
    shown = document["presented"]
    yield from listing(
        [
            ("Address", document["address"]),
            ("Verb", document["verb"]),
            ("TLS", document["tls"] or document["detail"]),
            ("Thumbprint", shown["thumbprint"] if shown else "none presented"),
            ("Subject", shown["subject"] if shown else ""),
            ("Valid", f"{shown['not_before']} to {shown['not_after']}" if shown else ""),
            ("Compared with", document["directory"] or "nothing: no lab and no --url"),
            ("Published for", ", ".join(document["published_for"]) or "nobody"),
        ]
    )


@operation(
    "trust", "probe", render=_render, needs_lab=False, remote=False,
    example="edgesync trust probe mail.example.com:25 --verb starttls",
)  # fmt: skip
def probe(
    context: Context,
    address: Annotated[str, Help("server to ask", metavar="HOST:PORT")],
    *,
    verb: Annotated[
        Literal["starttls", "x-anonymoustls", "ldaps"], Help("how to reach the certificate")
    ] = "x-anonymoustls",
    present: Annotated[
        str | None, Help("PEM file with certificate and key to show", metavar="FILE")
    ] = None,
    url: Annotated[
        str | None, Help("directory to compare with; default: the lab's AD", metavar="URL")
    ] = None,
    bind_dn: Annotated[str, Help("name to bind as at --url")] = "",
    password_file: Annotated[str | None, Help("file with its password", metavar="FILE")] = None,
) -> Outcome:
    """Read a real server's certificate and compare it with what a directory publishes.

    Nothing is sent but the greeting, the TLS verb and QUIT. Exit code 3: the certificate is
    published for nobody; 5: the server cannot be reached or does not offer the verb.
    """
    host, port = _address(address, verb)
    seen = _ask_ldaps(host, port) if verb == "ldaps" else _ask_smtp(host, port, verb, present)
    where, published = _published(context, url, bind_dn, password_file)
    shown = _described(seen["der"])
    matches = [name for name, mark in published.items() if shown and mark == shown["thumbprint"]]
    document = {
        "schema": "edgesync.trust-probe/1",
        "address": f"{host}:{port}",
        "verb": verb,
        "tls": seen["tls"],
        "reason": seen["reason"],
        "detail": seen["detail"],
        "presented": shown,
        "directory": where,
        "published_for": matches,
        "transcript": seen["transcript"],
    }
    code = ExitCode.OK
    if seen["reason"]:
        code = ExitCode.UNREACHABLE
    elif where and not matches:
        code = ExitCode.NO
    return Outcome(document, code)


def _address(text: str, verb: str) -> tuple[str, int]:
    host, colon, number = text.rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip("[]"), _PORTS[verb]
    if not number.isdecimal() or not 0 < int(number) < 65536 or not host:
        raise UsageError(f"{text!r} is not HOST:PORT", "for example mail.example.com:25")
    return host.strip("[]"), int(number)


def _ask_smtp(host: str, port: int, verb: str, present: str | None) -> dict[str, Any]:
    from directory.clock import SystemClock
    from edgesync.transport.endpoint import SocketLink
    from edgesync.transport.handshake import Probe, unreachable
    from edgesync.transport.link import LinkFailed

    question = Probe(
        _HELO, verb=verb.upper(), identity=_identity(present) if present else None, ask_relay=False
    )
    try:
        report = question.run(SocketLink.connect(host, port), SystemClock())
    except LinkFailed as failure:
        report = unreachable(f"{host}:{port}", question.verb, str(failure))
    done = report.handshake
    return {
        "der": report.server_certificate,
        "tls": f"{done.version.value}, {done.cipher}" if done else "",
        "reason": report.reason.value if report.reason else None,
        "detail": report.detail,
        "transcript": [str(line) for line in report.transcript],
    }


def _ask_ldaps(host: str, port: int) -> dict[str, Any]:
    from edgesync.planning.ask_ldaps import NotShown, handshake

    try:
        shown = handshake(host, port)
    except NotShown as failure:
        return {"der": None, "tls": "", "reason": failure.obstacle.value, "detail": str(failure),
                "transcript": []}  # fmt: skip
    return {"der": shown.certificate, "tls": shown.tls, "reason": None, "detail": "",
            "transcript": []}  # fmt: skip


def _identity(file: str) -> TlsIdentity:
    """Certificate and key from one PEM file."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from edgesync.trust.tls import TlsIdentity

    try:
        data = Path(file).read_bytes()[:_FILE_MAX]
        certificates = x509.load_pem_x509_certificates(data)
        key = load_pem_private_key(data, None)
    except FileNotFoundError:
        raise NoSuchThing(f"no file {file}", "give a PEM file with certificate and key") from None
    except (OSError, ValueError, TypeError) as error:
        raise InputInvalid(f"{file}: {error}", "give a PEM file with certificate and key") from None
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise InputInvalid(f"{file}: not an RSA or EC key", "use another key")
    return TlsIdentity(certificates[0], key, tuple(certificates[1:]))


def _described(der: bytes | None) -> dict[str, Any] | None:
    import hashlib

    from edgesync.certificates.certificate import thumbprint
    from edgesync.trust.reading import issuer_of, parsed, subject_of

    if der is None:
        return None
    certificate = parsed(der)
    if certificate is None:
        return {"thumbprint": thumbprint(der), "sha256": hashlib.sha256(der).hexdigest().upper(),
                "subject": "?", "issuer": "?", "not_before": "", "not_after": ""}  # fmt: skip
    return {
        "thumbprint": thumbprint(der),
        "sha256": hashlib.sha256(der).hexdigest().upper(),
        "subject": subject_of(certificate),
        "issuer": issuer_of(certificate),
        "not_before": f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
    }


def _published(
    context: Context, url: str | None, bind_dn: str, password_file: str | None
) -> tuple[str, Mapping[str, str]]:
    """Where it was looked, and the thumbprint published for each server there."""
    if url is not None:
        from edgesync.port.ldap import LdapPort, Verification

        password = b""
        if password_file is not None:
            password = Path(password_file).read_bytes()[:_FILE_MAX].strip(b"\r\n")
        port = LdapPort.connect(url, bind_dn, password, verification=Verification(is_off=True))
        try:
            return url, _of_directory(port)
        finally:
            port.close()
    return _of_lab(context)


def _of_directory(port: DirectoryPort) -> dict[str, str]:
    from directory.model.filter import Equality
    from edgesync.certificates.certificate import thumbprint
    from edgesync.organization.servers import INTERNAL_CERTIFICATE
    from edgesync.port.port import find
    from edgesync.trust.anchors import certificate_of

    found: dict[str, str] = {}
    contexts = port.identity.naming_contexts
    for base in [c for c in contexts if c.rdn.value.casefold() == "configuration"]:
        for entry in find(
            port, base, Equality("objectClass", b"msExchExchangeServer"),
            attributes=("cn", INTERNAL_CERTIFICATE),
        ):  # fmt: skip
            der = certificate_of(entry.first(INTERNAL_CERTIFICATE))
            if der is not None:
                found[entry.text("cn")] = thumbprint(der)
    return found


def _of_lab(context: Context) -> tuple[str, Mapping[str, str]]:
    """A running lab is asked; one that is down is opened; without one there is nothing."""
    from edgesync.lab.control import call, find_running
    from edgesync.lab.folder import open_lab
    from edgesync.operations.context import Context as Call
    from edgesync.operations.server import list_

    running = find_running(context.lab_path)
    try:
        if running is not None:
            answer = call(
                running, "server.list", {}, answer=None, note="", progress=lambda _s: None
            )
            servers = answer["outcome"]["document"]["servers"]
        else:
            with open_lab(context.lab_path) as lab:
                servers = list_(Call(lab, context.lab_path)).document["servers"]
    except NoSuchThing:
        return "", {}
    known = {s["name"]: s["certificate"] for s in servers if s["in_ad"] and s["certificate"]}
    return f"AD of the lab at {context.lab_path}", known


def _render_export(document: Document) -> Iterable[str]:
    for name, text in document["files"].items():
        yield f"# {name}"
        yield from text.splitlines()
        yield ""


@operation(
    "trust",
    "export",
    render=_render_export,
    example="edgesync trust export HUB01 --postfix --folder /tmp/pf",
)
def export(
    context: Context,
    server: Annotated[str, Help("whose view of trust", completes="server")],
    *,
    postfix: Annotated[bool, Help("as Postfix maps, the only form there is")] = True,
    folder: Annotated[
        str | None, Help("write the files there instead of showing them", metavar="DIR")
    ] = None,
    postfix_folder: Annotated[
        str, Help("where Postfix will find them", metavar="DIR")
    ] = "/etc/postfix",
    force: Annotated[bool, Help("overwrite files that are there")] = False,
) -> Outcome:
    """Export what a server trusts as Postfix maps of SHA-256 fingerprints.

    A Postfix with these maps trusts whom the server trusts: direct trust without Exchange.
    """
    from edgesync.lab.network import Network
    from edgesync.trust.export import postfix_maps

    if not postfix:
        raise UsageError("which form?", "the only one is --postfix")
    host = context.lab.service(Network).host(server)
    files = postfix_maps(host.anchors(), folder=postfix_folder)
    notes: tuple[str, ...] = ()
    if folder is not None:
        target = Path(folder)
        taken = [name for name in files if (target / name).exists()]
        if taken and not force:
            raise RefusedByRule(f"{target / taken[0]} is there already", "--force overwrites it")
        target.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (target / name).write_text(text, "utf-8")
        notes = tuple(f"wrote {target / name}" for name in files)
    return Outcome({"schema": "edgesync.trust-export/1", "files": files}, notes=notes)
