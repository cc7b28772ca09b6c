"""Settings of Client Access servers: virtual directories, POP3 and IMAP4."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import NoSuchThing, UsageError
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import columns

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context
    from edgesync.organization.virtual_directories import AccessSsl, VirtualDirectory

_NOUNS = {
    "OwaVirtualDirectory": "owa",
    "ActiveSyncVirtualDirectory": "Microsoft-Server-ActiveSync",
    "WebServicesVirtualDirectory": "EWS",
    "AutodiscoverVirtualDirectory": "Autodiscover",
    "OabVirtualDirectory": "OAB",
    "UMVirtualDirectory": "UnifiedMessaging",
}
_URLS = {"InternalUrl": "internal_url", "ExternalUrl": "external_url"}


def _cmdlets() -> tuple[Cmdlet, ...]:
    """Get- and Set- of every kind; the noun says which directory."""
    found = []
    for noun, word in _NOUNS.items():
        fixed = {"directory": word}
        found.append(Cmdlet(f"Get-{noun}", {"Identity": "server", "Server": "server"}, fixed=fixed))
        parameters = {"Identity": "server", **_URLS}
        if word == "OAB":
            parameters["RequireSSL"] = "require_ssl"
        found.append(Cmdlet(f"Set-{noun}", parameters, fixed=fixed))
    return tuple(found)


def _render(document: Document) -> Iterable[str]:
    rows = [
        (d["server"], d["path"], d["require_ssl"], d["client_certificates"], d["authentication"],
         d["internal_url"], d["external_url"])
        for d in document["directories"]
    ]  # fmt: skip
    yield from columns(
        ("Server", "Path", "SSL", "Certificates", "Log-ons", "InternalUrl", "ExternalUrl"), rows
    )


@operation(
    "client", "directory", render=_render, rows="directories", writes=True,
    writes_with=(
        "require_ssl", "client_certificates", "internal_url", "external_url", "authentication",
    ),
    example="edgesync client directory CAS01 owa --require-ssl yes",
    cmdlets=_cmdlets(),
)  # fmt: skip
def directory(
    context: Context,
    server: Annotated[str | None, Help("Client Access server", completes="server")] = None,
    directory: Annotated[str | None, Help("owa, OAB, EWS, ...; / for the site itself")] = None,
    *,
    require_ssl: Annotated[
        str | None, Help("yes, no, or inherit from the web site", metavar="YES|NO|INHERIT")
    ] = None,
    client_certificates: Annotated[
        Literal["ignore", "accept", "require"] | None, Help("what it does about user certificates")
    ] = None,
    internal_url: Annotated[str | None, Help("address inside; - for none", metavar="URL")] = None,
    external_url: Annotated[str | None, Help("address outside; - for none", metavar="URL")] = None,
    authentication: Annotated[
        tuple[Literal["anonymous", "basic", "windows"], ...], Help("ways in, whole; windows: NTLM")
    ] = (),
) -> Outcome:
    """Show or change virtual directories: Require SSL, client certificates, log-ons, URLs.

    Require SSL and client certificates are settings of IIS; Exchange's cmdlets change the URLs
    and, for the Offline Address Book, Require SSL.
    """
    from edgesync.organization.virtual_directories import LogOn, write_directory

    lab = context.lab
    found = _chosen(lab, server, directory)
    changed = bool(authentication) or (
        (require_ssl, client_certificates, internal_url, external_url) != (None,) * 4
    )
    if changed and len(found) != 1:
        raise UsageError("which virtual directory?", "for example: client directory CAS01 owa ...")
    rows = []
    for name, item in found:
        new = item
        if changed:
            access = _access(item.access, require_ssl, client_certificates)
            new = replace(
                item,
                access=access,
                internal_url=_url(internal_url, item.internal_url),
                external_url=_url(external_url, item.external_url),
                authentication=frozenset(map(LogOn, authentication)) or item.authentication,
            )
            write_directory(lab.ad_port(), new)
        rows.append(_row(name, new))
    return Outcome({"schema": "edgesync.virtual-directories/1", "directories": rows})


def _chosen(lab: Lab, server: str | None, wanted: str | None) -> list[tuple[str, VirtualDirectory]]:
    from edgesync.lab.client_access import ClientAccess
    from edgesync.organization.virtual_directories import WEB_SITE

    access = lab.service(ClientAccess)
    if server and "\\" in server:  # an Identity: CAS01\owa (Default Web Site)
        server, _, named = server.partition("\\")
        wanted = wanted or named.removesuffix(f" ({WEB_SITE})")
    names = [lab.server(server).name] if server else list(access.servers())
    found = [(n, d) for n in names for d in access.web_server(n).host.directories()]
    if wanted:
        word = wanted.strip("/").casefold() or "/"
        found = [(n, d) for n, d in found if d.word.casefold() == word]
    if not found:
        raise NoSuchThing(
            f"no virtual directory {wanted or ''} on {server or 'any server'}",
            "edgesync client directory lists them",
        )
    return found


def _access(
    before: AccessSsl | None, ssl: str | None, certificates: str | None
) -> AccessSsl | None:
    from edgesync.organization.virtual_directories import AccessSsl

    word = ssl.lower().lstrip("$") if ssl is not None else None
    if word == "inherit":
        if certificates is not None:
            raise UsageError("a directory that inherits has no settings of its own", "give one")
        return None
    access = before or AccessSsl.NONE
    if word in ("yes", "true"):
        access |= AccessSsl.SSL
    elif word in ("no", "false"):
        access &= ~AccessSsl.SSL
    elif word is not None:
        raise UsageError(f"--require-ssl cannot be {ssl!r}", "use yes, no or inherit")
    if certificates is not None:
        access &= ~(AccessSsl.NEGOTIATE_CERT | AccessSsl.REQUIRE_CERT)
        if certificates == "accept":
            access |= AccessSsl.NEGOTIATE_CERT
        elif certificates == "require":  # IIS takes a certificate on a secure channel only
            access |= AccessSsl.SSL | AccessSsl.NEGOTIATE_CERT | AccessSsl.REQUIRE_CERT
    return access


def _url(given: str | None, before: str) -> str:
    from edgesync.client_access.check import WebAddress

    if given is None:
        return before
    if given in ("-", ""):
        return ""
    WebAddress.parse(given)
    return given


def _row(server: str, item: VirtualDirectory) -> Document:
    from edgesync.organization.virtual_directories import AccessSsl, log_ons

    ssl, certificates = "inherit", "inherit"
    if item.access is not None:
        ssl = "yes" if AccessSsl.SSL in item.access else "no"
        certificates = "ignore"
        if AccessSsl.NEGOTIATE_CERT in item.access:
            certificates = "accept"
        if AccessSsl.REQUIRE_CERT in item.access:
            certificates = "require"
    return {
        "server": server,
        "name": item.word,
        "path": item.path,
        "require_ssl": ssl,
        "client_certificates": certificates,
        "authentication": sorted(log_ons(item)),
        "internal_url": item.internal_url,
        "external_url": item.external_url,
    }


def _render_protocols(document: Document) -> Iterable[str]:
    rows = [
        (p["server"], p["protocol"], p["x509_certificate_name"], p["login_type"])
        for p in document["protocols"]
    ]
    yield from columns(("Server", "Protocol", "X509CertificateName", "LoginType"), rows)


_SETTINGS = {
    "Server": "server", "Identity": "server", "X509CertificateName": "x509_certificate_name",
    "LoginType": "login_type",
}  # fmt: skip


@operation(
    "client", "protocol", render=_render_protocols, rows="protocols", writes=True,
    writes_with=("x509_certificate_name", "login_type"),
    example="edgesync client protocol CAS01 pop --x509-certificate-name mail.contoso.test",
    cmdlets=(
        Cmdlet("Get-PopSettings", {"Server": "server"}, fixed={"protocol": "pop"}),
        Cmdlet("Get-ImapSettings", {"Server": "server"}, fixed={"protocol": "imap"}),
        Cmdlet("Set-PopSettings", _SETTINGS, fixed={"protocol": "pop"}),
        Cmdlet("Set-ImapSettings", _SETTINGS, fixed={"protocol": "imap"}),
    ),
)  # fmt: skip
def protocol(
    context: Context,
    server: Annotated[str | None, Help("Client Access server", completes="server")] = None,
    protocol: Annotated[Literal["pop", "imap"] | None, Help("only this one")] = None,
    *,
    x509_certificate_name: Annotated[
        str | None, Help("host name whose certificate the service shows")
    ] = None,
    login_type: Annotated[
        Literal["PlainTextLogin", "PlainTextAuthentication", "SecureLogin"] | None,
        Help("whether passwords need TLS"),
    ] = None,
) -> Outcome:
    """Show or change POP3 and IMAP4 settings: the certificate's name and what a log-on needs."""
    from edgesync.lab.client_access import ClientAccess
    from edgesync.organization.client_protocols import LoginType, write_settings

    lab = context.lab
    access = lab.service(ClientAccess)
    names = [lab.server(server).name] if server else list(access.servers())
    wanted = [protocol] if protocol else ["pop", "imap"]
    changes: dict[str, Any] = {}
    if x509_certificate_name is not None:
        changes["x509_certificate_name"] = x509_certificate_name
    if login_type is not None:
        changes["login_type"] = LoginType(login_type)
    if changes and (len(names) != 1 or protocol is None):
        raise UsageError("which service?", "for example: client protocol CAS01 pop ...")
    rows = []
    for name in names:
        if name not in access.servers():
            raise NoSuchThing(f"{name} is no Client Access server", "edgesync server list")
        for word in wanted:
            before = access.mail_access(name).settings(word)
            after = replace(before, **changes)
            if after != before:
                write_settings(lab.ad_port(), before, after)
            rows.append({"server": name, "protocol": word,
                         "x509_certificate_name": after.x509_certificate_name,
                         "login_type": after.login_type.value})  # fmt: skip
    return Outcome({"schema": "edgesync.client-protocols/1", "protocols": rows})
