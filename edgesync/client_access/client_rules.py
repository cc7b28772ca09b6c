"""What each kind of client makes of a Client Access server's certificate (certificate-facts 7.1).

Every client asks the same five questions; the kinds differ in which answers they live with and in
what they then show. Code numbers are WinINet's, as the clients of 2007 showed them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from edgesync.certificates.certificate import allows_server, domains_of
from edgesync.certificates.chain import build_chain
from edgesync.certificates.crl import CrlSource
from edgesync.certificates.names import names_match
from edgesync.certificates.status import Revocation, check_revocation
from edgesync.certificates.store_state import StoreState
from edgesync.trust.pkix import CHAIN_SENT_MAX


class ClientKind(StrEnum):
    """Who connects."""

    BROWSER = "owa"
    ACTIVESYNC = "activesync"
    OUTLOOK_ANYWHERE = "outlook-anywhere"
    AUTODISCOVER = "autodiscover"
    """Outlook 2007 on a machine of the domain, which finds Autodiscover in AD."""
    PROXY = "proxy"
    """A Client Access server that proxies to one of another site."""


class Problem(StrEnum):
    """What is wrong with a certificate, in a client's eyes."""

    UNTRUSTED = "untrusted"
    NAME = "name_mismatch"
    DATES = "outside_validity"
    REVOKED = "revoked"
    INVALID = "invalid"


class Verdict(StrEnum):
    """How it ends for the user."""

    WORKS = "works"
    WARNING = "warning"
    """A question the user may answer with "go on"."""
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem and why it is there."""

    problem: Problem
    why: str


@dataclass(frozen=True, slots=True)
class ClientView:
    """What a client would do, what its user would see, and why."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    sees: str
    why: str


@dataclass(frozen=True, slots=True)
class ClientTrust:
    """What the client's machine knows."""

    store: StoreState
    crls: CrlSource
    allows_internal_untrusted: bool = False
    """The registry value AllowInternalUntrustedCerts of a proxying server."""


_CODES = {
    Problem.DATES: "0x80072F05",
    Problem.NAME: "0x80072F06",
    Problem.UNTRUSTED: "0x80072F0D",
    Problem.REVOKED: "0x80072F8A",
    Problem.INVALID: "0x80072F7D",
}
"""ActiveSync's support codes: WinINet's errors 12037, 12038, 12045, 12170 and 12157."""

_PROXY_CODES = {Problem.UNTRUSTED: "8", Problem.NAME: "10"}
"""Outlook Anywhere's error codes for its proxy's certificate."""

_LINES = {
    Problem.UNTRUSTED: "was not issued by a trusted certificate authority",
    Problem.NAME: "was issued for a different address",
    Problem.DATES: "has expired or is not yet valid",
    Problem.REVOKED: "has been revoked",
    Problem.INVALID: "is not valid for a server",
}


def examine(
    sent: Sequence[bytes], host: str, trust: ClientTrust, *, now: datetime
) -> tuple[Finding, ...]:
    """Every problem of the certificates a server sent (DER, its own first) under a host name."""
    certificates = [x509.load_der_x509_certificate(der) for der in sent[:CHAIN_SENT_MAX]]
    leaf = certificates[0]
    chain = build_chain(leaf, trust.store, certificates[1:])
    found = []
    if not chain.is_trusted:
        self_signed = leaf.subject == leaf.issuer
        why = chain.broken or (
            "it is self-signed, and only its own server trusts it"
            if self_signed
            else "its issuer is not among the client's trusted roots"
        )
        found.append(Finding(Problem.UNTRUSTED, why))
    names = domains_of(leaf)
    if not any(names_match(name, host) for name in names):
        shown = ", ".join(names) or "nothing"
        found.append(Finding(Problem.NAME, f"it names {shown}, not {host}"))
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        span = f"{leaf.not_valid_before_utc:%F} to {leaf.not_valid_after_utc:%F}"
        found.append(Finding(Problem.DATES, f"it is valid from {span}"))
    if check_revocation(chain, now, trust.crls) is Revocation.REVOKED:
        found.append(Finding(Problem.REVOKED, "it is on its issuer's revocation list"))
    if not allows_server(leaf):
        found.append(Finding(Problem.INVALID, "its extended key usage lacks serverAuth"))
    return tuple(found)


def judge(kind: ClientKind, findings: tuple[Finding, ...], trust: ClientTrust) -> ClientView:
    """What a kind of client does about what was found."""
    if not findings:
        return ClientView(Verdict.WORKS, (), "no message", "trusted, named and in its validity")
    problems = {finding.problem for finding in findings}
    why = "; ".join(finding.why for finding in findings)
    match kind:
        case ClientKind.BROWSER:
            verdict, sees = _browser(problems)
        case ClientKind.ACTIVESYNC:
            codes = ", ".join(_CODES[f.problem] for f in findings)
            verdict = Verdict.FAILS
            sees = f"synchronization fails: the server's certificate is invalid ({codes})"
        case ClientKind.OUTLOOK_ANYWHERE:
            codes = ", ".join(_PROXY_CODES[f.problem] for f in findings
                              if f.problem in _PROXY_CODES)  # fmt: skip
            code = f" (error code {codes})" if codes else ""
            verdict = Verdict.FAILS
            sees = (
                "Outlook stays disconnected: there is a problem with the proxy server's "
                f"security certificate{code}; in 2007 often no message at all"
            )
        case ClientKind.AUTODISCOVER:
            verdict, sees = _autodiscover(problems)
        case ClientKind.PROXY:
            verdict, sees = _proxy(problems, trust)
    return ClientView(verdict, findings, sees, why)


def _browser(problems: set[Problem]) -> tuple[Verdict, str]:
    lines = "; ".join(f"the certificate {_LINES[p]}" for p in Problem if p in problems)
    page = f"a page that warns of a problem with the site's security certificate: {lines}"
    if Problem.REVOKED in problems:
        return Verdict.FAILS, f"{page}; there is no way on"
    return Verdict.WARNING, f"{page}; a link continues to the site, with a red address bar"


def _autodiscover(problems: set[Problem]) -> tuple[Verdict, str]:
    if problems == {Problem.UNTRUSTED}:
        sees = "no message: in the domain an untrusted root is passed over when the rest is right"
        return Verdict.WORKS, sees
    marks = "; ".join(
        f"{'cross' if problem in problems else 'tick'}: {text}"
        for problem, text in (
            (Problem.UNTRUSTED, "from a trusted authority"),
            (Problem.DATES, "the date is valid"),
            (Problem.NAME, "the name is valid and matches the site"),
        )
    )
    return Verdict.WARNING, f"a Security Alert with three marks ({marks}); Yes goes on"


def _proxy(problems: set[Problem], trust: ClientTrust) -> tuple[Verdict, str]:
    if problems == {Problem.UNTRUSTED} and trust.allows_internal_untrusted:
        return Verdict.WORKS, "no message: AllowInternalUntrustedCerts is set on the server"
    sees = "the mailbox cannot be reached; the proxying server logs that TLS to the other failed"
    return Verdict.FAILS, sees
