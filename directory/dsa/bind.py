"""Bind (RFC 4511 section 4.2, RFC 4513): simple, or one step of a SASL mechanism."""

from __future__ import annotations

from collections.abc import Callable

from directory.dsa import authenticate, nt_hash, sasl
from directory.dsa.authenticate import verify
from directory.dsa.context import Context
from directory.dsa.session import ANONYMOUS, Session
from directory.errors import LdapError, ResultCode
from directory.model.messages import (
    BindRequest,
    BindResponse,
    LdapResult,
    SaslCredentials,
    SicilyCredentials,
    SimpleCredentials,
)


def bind(context: Context, session: Session, request: BindRequest) -> BindResponse:
    """Authenticate a session, or one step of it. A bind that fails leaves it anonymous."""
    if isinstance(request.authentication, SicilyCredentials):
        return _sicily(context, session, request.authentication)
    if not isinstance(request.authentication, SimpleCredentials):
        return sasl.step(context, session, request)
    session.sasl = None
    session.identity = ANONYMOUS
    if request.version != 3:
        raise LdapError(ResultCode.PROTOCOL_ERROR, "only LDAPv3 is spoken here")
    password = request.authentication.password
    if not request.name and not password:
        return BindResponse(LdapResult())
    if not password:  # RFC 4513 section 5.1.2: most often a mistake that would look like success
        raise LdapError(
            ResultCode.UNWILLING_TO_PERFORM, "unauthenticated bind (a name without a password)"
        )
    session.identity = verify(context, session, request.name, password)
    return BindResponse(LdapResult())


def password_work(
    context: Context, session: Session, request: BindRequest
) -> Callable[[], None] | None:
    """What of a bind takes long and may be done in another thread before it; None if nothing."""
    match request.authentication:
        case SimpleCredentials(password):
            return authenticate.password_work(context, session, request.name, password)
        case SaslCredentials(sasl.PLAIN, message) if session.is_secure:
            _, _, rest = (message or b"").partition(b"\0")
            name, _, password = rest.partition(b"\0")
            try:
                account = sasl.account_name(context, name.decode())
            except UnicodeDecodeError:
                return None
            return authenticate.password_work(context, session, account, password)
    return None


def _sicily(context: Context, session: Session, credentials: SicilyCredentials) -> BindResponse:
    session.identity = ANONYMOUS
    exchange, session.sasl = session.sasl, None
    if not nt_hash.is_kept(context.configuration):
        raise LdapError(ResultCode.AUTH_METHOD_NOT_SUPPORTED, "NTLM is not spoken here")
    from directory.dsa import ntlm_bind  # noqa: PLC0415 - needs the extra "ntlm"

    return ntlm_bind.sicily(context, session, exchange, credentials)
