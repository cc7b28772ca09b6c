"""Why a client sees what it sees: the web site, POP3, IMAP4, and one server proxying to another.

Each path is followed from the setting that chooses the certificate to what every kind of client
makes of it (certificate-facts 2.3, 3.7, 7.1).
"""

from __future__ import annotations

from cryptography import x509

from edgesync.certificates.certificate import TransportCertificate, thumbprint
from edgesync.certificates.names import names_match
from edgesync.client_access.client_rules import ClientKind, ClientView, Problem, Verdict
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from edgesync.organization.client_access import (
    ALLOW_INTERNAL_UNTRUSTED,
    AUTODISCOVER_URL,
    connection_point,
    read_autodiscover_url,
)
from edgesync.organization.client_protocols import LoginType
from edgesync.organization.virtual_directories import AccessSsl, VirtualDirectory, web_site_dn
from edgesync.planning.client_view import MAIL_PROTOCOLS, kinds_on, label, views_of
from edgesync.planning.path_chain import Ending, PathChain, described
from edgesync.planning.paths import PathRow
from edgesync.trust.verdict import Reason

DIRECTORIES_SHOWN_MAX = 20
"""Virtual directories listed as evidence: all that setup makes."""

FLAGS = "labAccessSslFlags"
WORDS = {Problem.UNTRUSTED: "untrusted_root"}
"""Problems whose word is a verdict's already."""


def tell_web(lab: Lab, row: PathRow, chain: PathChain) -> Ending:
    """HTTPS of a Client Access server, for users' clients and for a proxying server."""
    server = row.question.target
    host = lab.service(ClientAccess).web_server(server).host
    bound = host.web_certificate()
    if bound is None:
        chain.add(False, f"no certificate of {server} is enabled for IIS: HTTPS refuses "
                  "connections", chain.store(server))  # fmt: skip
        return Ending("unreachable", Reason.NO_CERTIFICATE.value)
    chain.add(True, f"the web site of {server} is bound to {bound.thumbprint}, the one that is "
              "enabled for IIS", described(bound), chain.store(server))  # fmt: skip
    if not _presented(row, chain):
        word = Reason.TLS_FAILED if bound.has_private_key else Reason.KEY_UNAVAILABLE
        return Ending("unreachable", word.value)
    if row.question.path == "cas-proxy":
        source = row.question.source
        allows = lab.service(ClientAccess).allows_internal_untrusted(source)
        chain.add(None, f"{source} {'takes' if allows else 'does not take'} untrusted certificates "
                  "of other servers", chain.attribute(source, web_site_dn(lab.ad.names, source),
                  ALLOW_INTERNAL_UNTRUSTED, str(allows)))  # fmt: skip
    else:
        _required_ssl(host.directories(), chain, server)
    _names_used(lab, row, chain)
    kind, fqdn = kinds_on(row.question)[0].value, lab.server(server).fqdn
    check = f"edgesync client check --client {kind} --url https://{fqdn}/owa"
    return _seen(lab, row, chain, check)


def tell_mail_access(lab: Lab, row: PathRow, chain: PathChain) -> Ending:
    """POP3 and IMAP4: X509CertificateName chooses the certificate."""
    server = row.question.target
    protocol = MAIL_PROTOCOLS[row.question.path]
    access = lab.service(ClientAccess).mail_access(server)
    settings, selection = access.settings(protocol), access.selection(protocol)
    name = chain.attribute(
        server, settings.dn, "msExchPopImapX509CertificateName", settings.x509_certificate_name
    )
    chain.selected(server, selection, f"{protocol.upper()} as {selection.name}", name)
    look = (f"edgesync cert select {server} --for {protocol} --fqdn {selection.name}",)
    if not _presented(row, chain):
        word = Reason.TLS_FAILED if selection.chosen else Reason.NO_CERTIFICATE
        return Ending("unreachable", word.value, next=look)
    secure = settings.login_type is not LoginType.PLAIN_TEXT
    chain.add(
        secure or None,
        "passwords wait for TLS" if secure else "passwords are taken without TLS, too",
        chain.attribute(server, settings.dn, "labLoginType", settings.login_type.value),
    )
    return _seen(lab, row, chain, *look)


def _presented(row: PathRow, chain: PathChain) -> bool:
    """The handshake; False when there was none."""
    target = row.question.target
    if row.server is None:
        chain.add(False, f"no TLS with {target}, port {row.port}: {row.reason}")
        return False
    chain.add(True, f"{target} presents {thumbprint(row.server)} on port {row.port}", row.tls)
    return True


def _required_ssl(directories: tuple[VirtualDirectory, ...], chain: PathChain, server: str) -> None:
    """What plain HTTP would get: evidence are the flags that differ from 403.4, or were changed."""
    site = next((d for d in directories if d.word == "/"), None)
    inherited = site.access if site is not None and site.access is not None else AccessSsl.NONE
    open_, asks = [], []
    evidence = []
    for directory in directories[:DIRECTORIES_SHOWN_MAX]:
        access = inherited if directory.access is None else directory.access
        if AccessSsl.SSL not in access:
            open_.append(directory.path)
        if access & (AccessSsl.NEGOTIATE_CERT | AccessSsl.REQUIRE_CERT):
            asks.append(directory.path)
        own = "inherited" if directory.access is None else str(directory.access.value)
        tells = directory.path in (*open_, *asks)
        if tells or chain.is_changed(server, directory.dn, FLAGS):
            evidence.append(chain.attribute(server, directory.dn, FLAGS, own))
    text = f"plain HTTP gets {', '.join(open_)} and 403.4 elsewhere" if open_ else (
        "plain HTTP gets 403.4 everywhere")  # fmt: skip
    if asks:
        text += f"; {', '.join(asks)} ask for a user's certificate"
    chain.add(None, text, *evidence)


def _names_used(lab: Lab, row: PathRow, chain: PathChain) -> None:
    """Names that clients are sent to, with the attribute each comes from."""
    assert row.server is not None
    server = row.question.target
    web = lab.service(ClientAccess).web_server(server)
    shown = TransportCertificate(x509.load_der_x509_certificate(row.server))
    evidence = [
        chain.attribute(server, d.dn, attribute, url)
        for d in web.host.directories()[:DIRECTORIES_SHOWN_MAX]
        for attribute, url in (("msExchInternalHostName", d.internal_url),
                               ("msExchExternalHostName", d.external_url))
        if url and not _is_named(shown, url)
    ]  # fmt: skip
    url = read_autodiscover_url(lab.ad_port(), lab.ad.names, server)
    if url and not _is_named(shown, url):
        point = connection_point(lab.ad.names, server)
        evidence.append(chain.attribute(server, point, AUTODISCOVER_URL, url))
    text = "the certificate names every host clients are sent to"
    if evidence:
        text = "clients are sent to hosts that the certificate does not name"
    chain.add(not evidence, text, *evidence)


def _is_named(shown: TransportCertificate, url: str) -> bool:
    host = url.partition("://")[2].partition("/")[0].partition(":")[0]
    return any(names_match(name, host) for name in shown.domains)


def _seen(lab: Lab, row: PathRow, chain: PathChain, *look: str) -> Ending:
    """What each kind of client makes of it; the verdict is the worst."""
    question = row.question
    views = views_of(lab, question, row.chain)
    for kind, view in views.items():
        works = view.verdict is Verdict.WORKS
        chain.add(
            True if works else (None if view.verdict is Verdict.WARNING else False),
            f"{label(question, kind)}: {view.verdict.value}; sees {_sees(row, view)}",
            view.why,
            "" if works else chain.store(question.target),
        )
    problems = [WORDS.get(f.problem, f.problem.value) for v in views.values() for f in v.findings]
    worst = {view.verdict for view in views.values()}
    kind = kinds_on(question)[0]
    if worst == {Verdict.WORKS}:
        return Ending("trusted", "trusted", next=look)
    verdict = "warning" if kind is not ClientKind.PROXY else "untrusted"
    if len(views) == 1 and Verdict.FAILS in worst:
        verdict = "untrusted"
    return Ending(verdict, problems[0] if problems else WORDS[Problem.UNTRUSTED], next=look)


def _sees(row: PathRow, view: ClientView) -> str:
    """What the user sees; mail programs ask a question where browsers show a page."""
    if row.question.path in ("client-https", "cas-proxy") or view.verdict is Verdict.WORKS:
        return view.sees
    return "a question whether to go on with this certificate, or no connection at all"
