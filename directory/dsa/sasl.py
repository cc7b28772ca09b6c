"""SASL binds (RFC 4513 section 5.2): one step of one mechanism at a time."""

from __future__ import annotations

from directory.dsa.context import Context
from directory.dsa.session import ANONYMOUS, Session
from directory.errors import LdapError, ResultCode
from directory.model.messages import BindRequest, BindResponse


def mechanisms(context: Context, session: Session) -> tuple[str, ...]:
    """What the rootDSE offers this session."""
    del context, session
    return ()


def step(context: Context, session: Session, request: BindRequest) -> BindResponse:
    """One message of a SASL exchange.

    Raises:
        LdapError: authMethodNotSupported for a mechanism that is not offered.
    """
    del context
    session.identity = ANONYMOUS
    session.sasl = None
    mechanism = getattr(request.authentication, "mechanism", "")
    raise LdapError(ResultCode.AUTH_METHOD_NOT_SUPPORTED, f"SASL mechanism {mechanism!r}")
