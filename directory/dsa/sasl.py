"""SASL binds (RFC 4513 section 5.2): EXTERNAL, PLAIN over TLS, SCRAM-SHA-256, GSS-SPNEGO."""

from __future__ import annotations

from directory.dsa import authenticate as auth
from directory.dsa import nt_hash
from directory.dsa.context import Context
from directory.dsa.scram import SCHEME, ScramExchange, ScramRefused, Verifier
from directory.dsa.secrets import USER_PASSWORD
from directory.dsa.session import ANONYMOUS, Identity, Session
from directory.errors import LdapError, ResultCode
from directory.model.dn import ROOT
from directory.model.filter import Equality
from directory.model.messages import (
    BindRequest,
    BindResponse,
    LdapResult,
    SaslCredentials,
    Scope,
)
from directory.store.entry import StoredEntry

EXTERNAL = "EXTERNAL"
PLAIN = "PLAIN"
SCRAM_SHA_256 = "SCRAM-SHA-256"
GSS_SPNEGO = "GSS-SPNEGO"


def mechanisms(context: Context, session: Session) -> tuple[str, ...]:
    """What the rootDSE offers this session: nothing that would send a password in clear."""
    offered: list[str] = []
    if session.peer_certificate is not None:
        offered.append(EXTERNAL)
    if session.is_secure:
        offered.append(PLAIN)
    if context.configuration.is_generic:
        offered.append(SCRAM_SHA_256)
    if nt_hash.is_kept(context.configuration):
        offered.append(GSS_SPNEGO)
    return tuple(offered)


def step(context: Context, session: Session, request: BindRequest) -> BindResponse:
    """One message of a SASL exchange.

    Raises:
        LdapError: authMethodNotSupported, confidentialityRequired, inappropriateAuthentication,
            invalidCredentials.
    """
    session.identity = ANONYMOUS
    exchange, session.sasl = session.sasl, None
    credentials = request.authentication
    assert isinstance(credentials, SaslCredentials)
    message = credentials.credentials
    mechanism = credentials.mechanism.upper()
    if mechanism == EXTERNAL:
        session.identity = _external(context, session, message or b"")
        return BindResponse(LdapResult())
    if mechanism == PLAIN:
        session.identity = _plain(context, session, message or b"")
        return BindResponse(LdapResult())
    if mechanism == SCRAM_SHA_256 and context.configuration.is_generic:
        return _scram(context, session, exchange, message or b"")
    if mechanism == GSS_SPNEGO and nt_hash.is_kept(context.configuration):
        from directory.dsa import ntlm_bind  # noqa: PLC0415 - needs the extra "ntlm"

        return ntlm_bind.spnego(context, session, exchange, message or b"")
    raise LdapError(
        ResultCode.AUTH_METHOD_NOT_SUPPORTED, f"SASL mechanism {mechanism!r} is not offered"
    )


def _external(context: Context, session: Session, authorization: bytes) -> Identity:
    """The entry that holds the very certificate the client showed in TLS.

    The listener takes any certificate: what makes one trusted is that an administrator has put
    it into the directory.
    """
    certificate = session.peer_certificate
    if certificate is None:
        raise LdapError(
            ResultCode.INAPPROPRIATE_AUTHENTICATION, "EXTERNAL needs a TLS client certificate"
        )
    found: list[StoredEntry] = []
    for name in ("userCertificate", "userCertificate;binary"):
        wanted = Equality(name, certificate)
        candidates, _ = context.store.collect(None, Scope.SUBTREE, wanted)
        base = context.schema.canonical(name)
        found += [e for e in candidates if certificate in e.values(base) and not e.is_deleted]
    unique = {entry.id: entry for entry in found}
    if len(unique) != 1:
        raise auth.refused(context, session, "EXTERNAL", "no such account")
    (entry,) = unique.values()
    reason = auth.why_unusable(context, entry)
    if reason:
        raise auth.refused(context, session, entry.name.decode(), reason)
    return _as(context, session, auth.identity_of(context, entry), authorization.decode())


def _plain(context: Context, session: Session, message: bytes) -> Identity:
    """RFC 4616."""
    if not session.is_secure:
        raise LdapError(ResultCode.CONFIDENTIALITY_REQUIRED, "PLAIN needs TLS")
    parts = message.split(b"\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise LdapError(ResultCode.PROTOCOL_ERROR, "PLAIN needs a name and a password")
    try:
        authorization, name = parts[0].decode(), parts[1].decode()
    except UnicodeDecodeError:
        raise LdapError(ResultCode.PROTOCOL_ERROR, "PLAIN: not UTF-8") from None
    account = account_name(context, name)
    identity = auth.verify(context, session, account, parts[2])
    return _as(context, session, identity, authorization)


def _scram(context: Context, session: Session, exchange: object, message: bytes) -> BindResponse:
    now = context.clock.monotonic()
    try:
        if not isinstance(exchange, ScramExchange):
            begun = ScramExchange(session.tls_channel_binding)
            begun.read_first(message)
            if context.throttle.is_refused(begun.name, session.peer, now):
                raise auth.refused(context, session, begun.name, "too many failures")
            challenge = begun.challenge(_verifier(context, begun.name), context.entropy)
            session.sasl = begun
            result = LdapResult(ResultCode.SASL_BIND_IN_PROGRESS)
            return BindResponse(result, challenge)
        final = exchange.finish(message)
    except ScramRefused as error:
        name = exchange.name if isinstance(exchange, ScramExchange) else "SCRAM"
        context.throttle.failed(name, session.peer, now)
        raise auth.refused(context, session, name, str(error)) from None
    context.throttle.succeeded(exchange.name, session.peer)
    entry = auth.find_account(context, account_name(context, exchange.name))
    reason = auth.why_unusable(context, entry) if entry is not None else "no such account"
    if entry is None or reason:
        raise auth.refused(context, session, exchange.name, reason)
    identity = auth.identity_of(context, entry)
    context.observer.bound(str(identity.dn), session.peer, context.clock.now())
    session.identity = _as(context, session, identity, exchange.authorization_id)
    return BindResponse(LdapResult(), final)


def _verifier(context: Context, name: str) -> Verifier:
    """The verifier of an account; for an unknown one some that no password fits."""
    entry = auth.find_account(context, account_name(context, name))
    for value in entry.values(USER_PASSWORD) if entry is not None else ():
        if value.startswith(SCHEME):
            return Verifier.decode(value)
    salt = context.hasher.stable_salt(name)  # the same at each try, as a real one's
    return Verifier(65_536, salt, context.entropy.token_bytes(32), context.entropy.token_bytes(32))


def account_name(context: Context, name: str) -> str:
    """A SASL name as a bind name: ``dn:...`` and ``u:...`` (RFC 4513 5.2.1.8), or a user id."""
    if name.lower().startswith("dn:"):
        return name[3:]
    user = name[2:] if name.lower().startswith("u:") else name
    if not context.configuration.is_generic or "=" in user:
        return user
    index = context.store.indexes.index("uid")
    try:
        ids = index.ids(index.key(user.encode())) if index is not None else ()
    except ValueError:
        return user
    entry = context.store.dit.by_id(ids[0]) if len(ids) == 1 else None
    return entry.name.decode() if entry is not None else user


def _as(context: Context, session: Session, identity: Identity, authorization: str) -> Identity:
    """The identity to act as: one's own, or anybody's for an administrator."""
    if not authorization:
        return identity
    entry = auth.find_account(context, account_name(context, authorization))
    if entry is not None and (entry.guid == identity.guid or identity.is_administrator):
        return identity if entry.guid == identity.guid else auth.identity_of(context, entry)
    if identity.dn != ROOT and authorization.lower() == identity.authorization_id.lower():
        return identity
    raise auth.refused(context, session, authorization, "may not act as another")
