"""Binds with NTLM: SASL GSS-SPNEGO, and the three steps of Sicily (MS-ADTS 5.1.1.1)."""

from __future__ import annotations

from dataclasses import dataclass

from directory.dsa import authenticate as auth
from directory.dsa import nt_hash
from directory.dsa.context import Context
from directory.dsa.negotiation import Negotiation
from directory.dsa.ntlm import Names, NtlmExchange, NtlmRefused
from directory.dsa.secrets import UNICODE_PASSWORD, USER_PASSWORD
from directory.dsa.session import Identity, Session
from directory.errors import LdapError, ResultCode
from directory.model.messages import BindResponse, LdapResult, SicilyCredentials, SicilyStep
from directory.store.entry import StoredEntry

NETBIOS_CHARACTERS_MAX = 15
SICILY_PACKAGES = b"NTLM"


@dataclass(slots=True)
class _Spnego:
    envelope: Negotiation
    ntlm: NtlmExchange


def spnego(
    context: Context, session: Session, exchange: object, token: bytes
) -> BindResponse:  # fmt: skip
    """One step of GSS-SPNEGO; the connection afterwards is as it was, unsigned and unsealed.

    Raises:
        LdapError: invalidCredentials; inappropriateAuthentication for a client that insists on
            signing or sealing.
    """
    under_way = exchange if isinstance(exchange, _Spnego) else None
    if under_way is None:
        under_way = _Spnego(Negotiation(), NtlmExchange(_names(context)))
    envelope, ntlm = under_way.envelope, under_way.ntlm
    try:
        message = envelope.open(token)
        if message is not None and ntlm.is_challenged:
            session.identity = _authenticated(context, session, ntlm, message)
            return BindResponse(LdapResult(), envelope.completed())
        if message is not None:
            message = ntlm.challenge(message, context.entropy, context.clock.now())
        answer = envelope.continued(message)
    except NtlmRefused as error:
        raise auth.refused(context, session, "GSS-SPNEGO", str(error)) from error
    session.sasl = under_way
    return BindResponse(LdapResult(ResultCode.SASL_BIND_IN_PROGRESS), answer)


def sicily(
    context: Context, session: Session, exchange: object, credentials: SicilyCredentials
) -> BindResponse:
    """One step of Sicily; its intermediate answers say success.

    Raises:
        LdapError: as ``spnego``.
    """
    if credentials.step is SicilyStep.PACKAGE_DISCOVERY:
        return BindResponse(LdapResult(), sicily_credentials=SICILY_PACKAGES)
    if credentials.step is SicilyStep.RESPONSE and not isinstance(exchange, NtlmExchange):
        raise auth.refused(context, session, "Sicily", "a response without a challenge")
    try:
        if not isinstance(exchange, NtlmExchange) or credentials.step is SicilyStep.NEGOTIATE:
            ntlm = NtlmExchange(_names(context))
            now = context.clock.now()
            challenge = ntlm.challenge(credentials.token, context.entropy, now)
            session.sasl = ntlm
            return BindResponse(LdapResult(), sicily_credentials=challenge)
        session.identity = _authenticated(context, session, exchange, credentials.token)
    except NtlmRefused as error:
        raise auth.refused(context, session, "Sicily", str(error)) from error
    return BindResponse(LdapResult(), sicily_credentials=b"")


def _authenticated(
    context: Context, session: Session, ntlm: NtlmExchange, message: bytes
) -> Identity:
    """Who the client has proved to be."""
    ntlm.read(message)
    name = f"{ntlm.domain}\\{ntlm.user}" if ntlm.domain else ntlm.user
    now = context.clock.monotonic()
    if context.throttle.is_refused(name, session.peer, now):
        raise auth.refused(context, session, name, "too many failures")
    try:
        entry, reason = _verified(context, ntlm)
    except NtlmRefused as error:
        entry, reason = None, str(error)
    if entry is None or reason:
        context.throttle.failed(name, session.peer, now)
        raise auth.refused(context, session, name, reason)
    if ntlm.wants_layers:
        raise LdapError(
            ResultCode.INAPPROPRIATE_AUTHENTICATION,
            "NTLM signing and sealing are not offered; use TLS",
        )
    context.throttle.succeeded(name, session.peer)
    identity = auth.identity_of(context, entry)
    context.observer.bound(str(identity.dn), session.peer, context.clock.now())
    return identity


def _verified(context: Context, ntlm: NtlmExchange) -> tuple[StoredEntry | None, str]:
    """The account and why it may not bind; the same work is done for a name nobody has."""
    entry = _account(context, ntlm)
    kept = None
    if entry is not None:
        kept = nt_hash.find(entry.values(UNICODE_PASSWORD) + entry.values(USER_PASSWORD))
    is_proved = ntlm.is_proved(kept or context.entropy.token_bytes(nt_hash.OCTETS))
    if entry is None:
        return None, "no such account"
    if kept is None:
        return None, "no NT hash is kept"
    return (entry, auth.why_unusable(context, entry)) if is_proved else (None, "wrong password")


def _account(context: Context, ntlm: NtlmExchange) -> StoredEntry | None:
    r"""``DOMAIN\user``, ``user@domain`` without a domain, or an account of this host (ADAM)."""
    names = _names(context)
    host = {names.netbios_host.lower(), names.dns_host.lower()}
    if not ntlm.domain or (not names.netbios_domain and ntlm.domain.lower() in host):
        return auth.find_account(context, ntlm.user)
    return auth.find_account(context, f"{ntlm.domain}\\{ntlm.user}")


def _names(context: Context) -> Names:
    configuration = context.configuration
    host = configuration.dns_host_name
    return Names(
        netbios_host=host.partition(".")[0].upper()[:NETBIOS_CHARACTERS_MAX],
        dns_host=host,
        netbios_domain=configuration.netbios_domain,
        dns_domain=configuration.dns_domain,
    )
