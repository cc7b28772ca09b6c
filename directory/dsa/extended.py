"""Extended operations of the DSA: Who am I (RFC 4532) and Password Modify (RFC 3062)."""

from __future__ import annotations

import base64

from directory.dsa import authenticate as auth
from directory.dsa import refusals as r
from directory.dsa.access import Right
from directory.dsa.context import Context
from directory.dsa.secrets import UNICODE_PASSWORD, USER_PASSWORD, hashed_password
from directory.dsa.session import Session
from directory.errors import DecodeError, LdapError, ResultCode
from directory.model import ber, oids
from directory.model.messages import ExtendedRequest, ExtendedResponse, LdapResult
from directory.model.names import AttributeName
from directory.store.entry import StoredEntry

GENERATED_OCTETS = 15
"""Of randomness in a generated password: 20 characters."""

_IDENTITY, _OLD, _NEW, _GENERATED = 0x80, 0x81, 0x82, 0x80


def execute(context: Context, session: Session, request: ExtendedRequest) -> ExtendedResponse:
    """One extended operation.

    Raises:
        LdapError: protocolError for one that is not known (RFC 4511 section 4.12).
    """
    if request.oid == oids.WHO_AM_I:
        name = session.identity.authorization_id
        if not context.configuration.is_generic and name and context.configuration.netbios_domain:
            name = _microsoft_name(context, session) or name
        return ExtendedResponse(LdapResult(), value=name.encode())
    if request.oid == oids.PASSWORD_MODIFY:
        return _password_modify(context, session, request.value)
    raise LdapError(ResultCode.PROTOCOL_ERROR, f"extended operation {request.oid} is not supported")


def _microsoft_name(context: Context, session: Session) -> str:
    """AD's answer: "u:" and the down-level name (MS-ADTS 3.1.1.3.4.2.5)."""
    guid = session.identity.guid
    entry = context.store.by_guid(guid) if guid is not None else None
    account = entry.first("samaccountname") if entry is not None else None
    return f"u:{context.configuration.netbios_domain}\\{account.decode()}" if account else ""


def _password_modify(context: Context, session: Session, value: bytes | None) -> ExtendedResponse:
    fields = _fields(value)
    if session.identity.is_anonymous and _IDENTITY not in fields:
        raise LdapError(ResultCode.UNWILLING_TO_PERFORM, "whose password?")
    entry = _target(context, session, fields.get(_IDENTITY))
    if entry is None:
        raise LdapError(ResultCode.NO_SUCH_OBJECT)
    old = fields.get(_OLD)
    _check(context, session, entry, old)
    new = fields.get(_NEW)
    answer: bytes | None = None
    if not new:
        new = base64.urlsafe_b64encode(context.entropy.token_bytes(GENERATED_OCTETS))
        answer = ber.sequence(ber.octet_string(new, _GENERATED))
    name = UNICODE_PASSWORD if context.configuration.profile == "ad" else USER_PASSWORD
    blob = hashed_password(context, name, new)
    changes: dict[AttributeName, bytes | None] = {name: blob}
    with context.store.write(
        session.author, context.now(), commit=not session.group_commit
    ) as writer:
        writer.modify(entry, changes)
    return ExtendedResponse(LdapResult(), value=answer)


def _target(context: Context, session: Session, identity: bytes | None) -> StoredEntry | None:
    if identity is None:
        guid = session.identity.guid
        return context.store.by_guid(guid) if guid is not None else None
    name = identity.decode("utf-8", "replace")
    return auth.find_account(context, name[3:] if name.lower().startswith("dn:") else name)


def _check(context: Context, session: Session, entry: StoredEntry, old: bytes | None) -> None:
    """Pass administrators; and everybody for their own entry, who know the old password."""
    if session.identity.is_administrator:
        return
    rights = context.access.rights(session.identity, entry)
    if not rights & Right.OWN_PASSWORD:
        raise r.refusal(context, r.NO_ACCESS, reason="not one's own password")
    if old is None:
        raise LdapError(ResultCode.UNWILLING_TO_PERFORM, "the old password is needed")
    stored = auth.passwords_of(entry)
    if not any(context.hasher.verify(old, value) for value in stored):
        raise auth.refused(context, session, entry.name.decode(), "wrong password")


def _fields(value: bytes | None) -> dict[int, bytes]:
    if value is None:
        return {}
    try:
        reader = ber.Reader(value).enter("passwdModifyRequestValue")
        fields: dict[int, bytes] = {}
        while reader.more:
            tag, start, stop = reader.element("field")
            fields[tag] = reader.data[start:stop]
    except DecodeError as error:
        raise LdapError(ResultCode.PROTOCOL_ERROR, str(error)) from None
    return fields
