"""Extended operations of the DSA: Who am I (RFC 4532) and Password Modify (RFC 3062)."""

from __future__ import annotations

from directory.dsa.context import Context
from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.model import oids
from directory.model.messages import ExtendedRequest, ExtendedResponse, LdapResult


def execute(context: Context, session: Session, request: ExtendedRequest) -> ExtendedResponse:
    """One extended operation.

    Raises:
        LdapError: protocolError for one that is not known (RFC 4511 section 4.12).
    """
    del context
    if request.oid == oids.WHO_AM_I:
        return ExtendedResponse(LdapResult(), value=session.identity.authorization_id.encode())
    raise LdapError(ResultCode.PROTOCOL_ERROR, f"extended operation {request.oid} is not supported")
