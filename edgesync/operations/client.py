"""Clients of Client Access servers: what they would see, and what each listener presents."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import ExitCode, InputInvalid, NoSuchThing, Unreachable
from edgesync.operations import (  # noqa: F401 - more verbs of this noun
    client_server,
    client_settings,
    client_users,
)
from edgesync.operations.registry import Document, Help, Outcome, operation
from edgesync.operations.render import columns, listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.x509 import Certificate

    from edgesync.client_access.check import WebAddress
    from edgesync.client_access.https_client import Link
    from edgesync.lab.client_access import ClientAccess
    from edgesync.operations.context import Context

KINDS = Literal["owa", "activesync", "outlook-anywhere", "autodiscover", "proxy"]
_WIDTH = 78
_EXITS = {"works": ExitCode.OK, "unreachable": ExitCode.UNREACHABLE}


def _render_check(document: Document) -> Iterable[str]:
    shown = document["certificate"] or {}
    yield f"{document['client']} -> {document['url']} as {document['name']}: {document['verdict']}"
    for title, text in (("The user sees", document["sees"]), ("Why", document["why"])):
        yield from wrap(f"{title}: {text}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield ""
    yield from listing(
        [
            ("Certificate", shown.get("subject", "")),
            ("Thumbprint", shown.get("thumbprint", "")),
            ("Names", shown.get("domains", [])),
            ("Lacks", document["lacks"]),
            ("HTTP status", document["http_status"]),
            ("TLS", document["detail"]),
        ]
    )


@operation(
    "client", "check", render=_render_check, lab_unless=("no_lab",),
    example="edgesync client check --client owa --url https://cas01.contoso.test/owa",
)  # fmt: skip
def check(
    context: Context,
    *,
    client: Annotated[KINDS, Help("who connects")],
    url: Annotated[str, Help("address; the lab's own host names are found in the lab")],
    name: Annotated[str | None, Help("host name the user typed, when it is another")] = None,
    in_domain: Annotated[
        bool, Help("the machine is in the domain; autodiscover always is")
    ] = False,
    trusts: Annotated[
        tuple[str, ...], Help("certificates copied to the client's trusted roots", metavar="FILE")
    ] = (),
    present: Annotated[
        str | None, Help("user certificate with its key, PEM", metavar="FILE")
    ] = None,
    allow_internal_untrusted: Annotated[
        bool, Help("proxy: the registry value AllowInternalUntrustedCerts is set")
    ] = False,
    no_lab: Annotated[bool, Help("a server of the world, judged by --trusts alone")] = False,
) -> Outcome:
    """Connect as a kind of client does and say what its user would see and why.

    Exit code 0: works without a message, 3: a warning or a failure, 5: no answer.
    """
    from edgesync.certificates.crl import no_crls
    from edgesync.certificates.store_state import StoreState, TrustedRoot
    from edgesync.client_access.check import WebAddress, check_client
    from edgesync.client_access.client_rules import ClientKind, ClientTrust

    kind = ClientKind(client)
    address = WebAddress.parse(url)
    extra = [_certificate(file) for file in trusts]
    identity = identity_from(present) if present else None
    uses: tuple[str, ...] = ()
    if no_lab:
        from directory.clock import SystemClock

        trust = ClientTrust(StoreState(roots=tuple(map(TrustedRoot, extra))), no_crls)
        connect, called, now = _outside(address), name or address.host, SystemClock().now()
    else:
        from edgesync.lab.client_access import ClientAccess

        lab = context.lab
        access = lab.service(ClientAccess)
        joined = in_domain or kind in (ClientKind.AUTODISCOVER, ClientKind.PROXY)
        store = access.trust_of(in_domain=joined, extra=extra)
        trust = ClientTrust(store, lab.authorities.crls(lab.clock), allow_internal_untrusted)
        connect, called = _in_lab(access, address, name)
        now = lab.clock.now()
        server = access.server_at(address.host, address.port)
        uses = access.names_used(server, kind) if server else ()
    try:
        report = check_client(
            kind, address, called, connect, trust, now=now, uses=uses, identity=identity
        )
    except OSError as error:
        raise Unreachable(f"{url}: {error}", "is it up?") from error
    document = report.document()
    return Outcome(document, _EXITS.get(document["verdict"], ExitCode.NO))


def _in_lab(
    access: ClientAccess, address: WebAddress, name: str | None
) -> tuple[Callable[[], Link], str]:
    """How to reach an address of the lab, and the name its certificate is compared with.

    A listener's own address stands for its server: nobody types 127.0.0.1:49152.
    """
    from edgesync.transport.link import LinkFailed

    server = access.server_at(address.host, address.port)
    if server is None:
        return _outside(address), name or address.host
    fqdn = access.lab.server(server).fqdn
    typed = fqdn if address.host[:1].isdigit() else address.host

    def connect() -> Link:
        try:
            return access.dial(server, address.scheme)
        except LinkFailed as failure:
            raise Unreachable(
                f"{server}: {failure}", f"enable one: edgesync cert enable {server} --services IIS"
            ) from failure

    return connect, name or typed


def _outside(address: WebAddress) -> Callable[[], Link]:
    from edgesync.transport.endpoint import SocketLink
    from edgesync.transport.link import LinkFailed

    def connect() -> Link:
        try:
            return SocketLink.connect(address.host, address.port)
        except LinkFailed as failure:
            raise Unreachable(
                str(failure), "name a server of the lab, or an address that answers"
            ) from failure

    return connect


def _certificate(file: str) -> Certificate:
    from edgesync.certificates.certificate import parse_certificate
    from edgesync.operations.cert_files import read_input

    return parse_certificate(read_input(file), file)


def identity_from(file: str) -> Any:
    """A certificate with its key from a PEM file, as TLS presents it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    from edgesync.operations.cert_files import read_input
    from edgesync.trust.tls import TlsIdentity

    data = read_input(file)
    try:
        certificates = x509.load_pem_x509_certificates(data)
        key: Any = load_pem_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise InputInvalid(
            f"{file}: {error}", "give a PEM file with a certificate and its unencrypted key"
        ) from error
    return TlsIdentity(certificates[0], key, tuple(certificates[1:]))


def _render_listeners(document: Document) -> Iterable[str]:
    rows = [
        (i["server"], i["service"], i["name"], i["thumbprint"][:8], i["subject"], i["note"])
        for i in document["listeners"]
    ]
    yield from columns(("Server", "Service", "Name", "Shows", "Subject", "Note"), rows)


@operation(
    "client", "listeners", render=_render_listeners, rows="listeners",
    example="edgesync client listeners CAS01",
)  # fmt: skip
def listeners(
    context: Context,
    server: Annotated[str | None, Help("only this server", completes="server")] = None,
) -> Outcome:
    """Show which certificate each service of a Client Access server presents now, and why."""
    from edgesync.lab.client_access import ClientAccess

    access = context.lab.service(ClientAccess)
    wanted = [context.lab.server(server).name] if server else list(access.servers())
    rows: list[Document] = []
    for name in wanted:
        if name not in access.servers():
            raise NoSuchThing(
                f"{name} is no Client Access server", f"they are {', '.join(access.servers())}"
            )
        host = access.web_server(name).host
        bound = host.web_certificate()
        note = "" if bound else "no certificate is enabled for IIS: HTTPS refuses connections"
        rows.append(_row(name, "https", host.fqdn, bound, note))
        for protocol in ("pop", "imap"):
            chosen = access.mail_access(name).selection(protocol)
            note = chosen.note or ("" if chosen.chosen else "no certificate: no TLS is offered")
            rows.append(_row(name, protocol, chosen.name, chosen.chosen, note))
    return Outcome({"schema": "edgesync.client-listeners/1", "listeners": rows})


def _row(server: str, service: str, name: str, certificate: Any, note: str) -> Document:
    return {
        "server": server,
        "service": service,
        "name": name,
        "thumbprint": certificate.thumbprint if certificate else "",
        "subject": certificate.subject if certificate else "",
        "note": note,
    }
