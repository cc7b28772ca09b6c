"""EHLO lists per version and state, in their published order (certificate-facts 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from edgesync.config import Version, VersionProfile
from edgesync.organization.connectors import AuthMechanism


@dataclass(frozen=True, slots=True)
class SessionState:
    """What the list depends on beside version and connector."""

    is_edge: bool
    is_protected: bool
    is_anonymous_tls: bool
    """TLS was begun with X-ANONYMOUSTLS."""
    starttls_available: bool
    anonymous_tls_available: bool
    downgraded: bool = False
    """GSSAPI without TLS between Hubs (2010 and later)."""


def capabilities(
    profile: VersionProfile, mechanisms: AuthMechanism, size_max: int, state: SessionState
) -> tuple[str, ...]:
    """The EHLO keywords after the greeting line."""
    version = profile.version
    exchange = AuthMechanism.EXCHANGE_SERVER in mechanisms
    keywords = [
        f"SIZE {size_max}" if size_max else "SIZE",
        "PIPELINING",
        "DSN",
        "ENHANCEDSTATUSCODES",
    ]
    if not state.is_protected:
        if state.starttls_available:
            keywords.append("STARTTLS")
        if state.anonymous_tls_available:
            keywords.append("X-ANONYMOUSTLS")
    if auth := _auth(mechanisms, state):
        keywords.append("AUTH " + " ".join(auth))
    if exchange:
        keywords += _exchange_auth(state)
    keywords += ["8BITMIME", "BINARYMIME", "CHUNKING"]
    if profile.smtputf8:
        keywords.append("SMTPUTF8")
    if not version.at_least(Version.EXCHANGE_2013):
        keywords.append("XEXCH50")
    if version.at_least(Version.EXCHANGE_2010) and not state.is_edge:
        keywords.append("XRDST")
    if profile.shadow_redundancy and not version.at_least(Version.EXCHANGE_2013):
        keywords.append("XSHADOW")
    return tuple(keywords)


def _auth(mechanisms: AuthMechanism, state: SessionState) -> list[str]:
    words = []
    if AuthMechanism.INTEGRATED in mechanisms:
        words.append("NTLM")
    basic = AuthMechanism.BASIC_AUTH in mechanisms
    if basic and (state.is_protected or AuthMechanism.BASIC_AUTH_REQUIRE_TLS not in mechanisms):
        words.append("LOGIN")
    return words


def _exchange_auth(state: SessionState) -> list[str]:
    if state.is_edge:  # an Edge is in no domain: no Kerberos there
        return ["X-EXPS NTLM"]
    if state.is_anonymous_tls:
        return ["X-EXPS EXCHANGEAUTH GSSAPI NTLM", "X-EXCHANGEAUTH SHA256"]
    return ["X-EXPS GSSAPI NTLM"]
