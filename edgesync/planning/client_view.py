"""What the kinds of clients make of the certificate a Client Access server shows.

Client rules are those of ``client check`` (certificate-facts 7.1), asked here of every kind at
once: which of them go on, and which names each of them would miss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgesync.client_access.client_rules import (
    ClientKind,
    ClientTrust,
    ClientView,
    Verdict,
    examine,
    judge,
)
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from edgesync.planning.paths import Question

MAIL_PROTOCOLS = {"client-pops": "pop", "client-imaps": "imap"}
BROWSING = tuple(kind for kind in ClientKind if kind is not ClientKind.PROXY)
"""Clients of users; a proxying server is a path of its own."""


def views_of(
    lab: Lab, question: Question, sent: Sequence[bytes]
) -> Mapping[ClientKind, ClientView]:
    """What each kind of client on a path sees of the certificates that were sent (DER)."""
    access = lab.service(ClientAccess)
    name, now = _name_used(lab, question), lab.clock.now()
    crls = lab.authorities.crls(lab.clock)
    found = {}
    for kind in kinds_on(question):
        in_domain = kind in (ClientKind.AUTODISCOVER, ClientKind.PROXY)
        allows = kind is ClientKind.PROXY and access.allows_internal_untrusted(question.source)
        trust = ClientTrust(access.trust_of(in_domain=in_domain), crls, allows)
        found[kind] = judge(kind, examine(sent, name, trust, now=now), trust)
    return found


def _name_used(lab: Lab, question: Question) -> str:
    """The host name clients are told: the server's, or for mail programs X509CertificateName."""
    if question.path in MAIL_PROTOCOLS:
        access = lab.service(ClientAccess).mail_access(question.target)
        return access.selection(MAIL_PROTOCOLS[question.path]).name
    return lab.server(question.target).fqdn


def kinds_on(question: Question) -> tuple[ClientKind, ...]:
    """Who connects: the kind that is asked about, or all that use the path.

    POP3 and IMAP4 programs warn as browsers do.
    """
    if question.path == "cas-proxy":
        return (ClientKind.PROXY,)
    named = next((kind for kind in ClientKind if kind == question.source), None)
    if named is not None:
        return (named,)
    return BROWSING if question.path == "client-https" else (ClientKind.BROWSER,)


def words_of(question: Question, views: Mapping[ClientKind, ClientView]) -> str:
    """Who does not simply go on, and why; empty when all do."""
    bad = {kind: view for kind, view in views.items() if view.verdict is not Verdict.WORKS}
    if not bad:
        return ""
    kinds = ", ".join(f"{label(question, k)} {view.verdict.value}" for k, view in bad.items())
    problems = dict.fromkeys(f.problem.value for view in bad.values() for f in view.findings)
    return f"{', '.join(problems)}: {kinds}"


def label(question: Question, kind: ClientKind) -> str:
    """A kind in words that fit the path."""
    return "mail program" if question.path in MAIL_PROTOCOLS else kind.value
