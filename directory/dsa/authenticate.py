"""Who a name is, and whether the password is right (RFC 4513, MS-ADTS 5.1.1)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from directory.dsa import nt_hash
from directory.dsa.context import Context
from directory.dsa.names import resolve
from directory.dsa.passwords import NOTHING
from directory.dsa.scram import SCHEME
from directory.dsa.secrets import UNICODE_PASSWORD, USER_PASSWORD
from directory.dsa.session import ANONYMOUS, Identity, Role, Session
from directory.errors import LdapError, ParseError, ResultCode
from directory.model.dn import DN
from directory.store.entry import StoredEntry

FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
NEVER = frozenset((0, 0x7FFFFFFFFFFFFFFF))
"""Values of accountExpires that mean never."""

ACCOUNT_DISABLED = 0x2

AD_REASONS = {
    "no such account": "525", "wrong password": "52e", "account disabled": "533",
    "account expired": "701", "too many failures": "775",
}  # fmt: skip
"""Windows' number for each reason, which AD puts into its diagnostic message."""


def verify(context: Context, session: Session, name: str, password: bytes) -> Identity:
    """The identity of a name and its password.

    Raises:
        LdapError: invalidCredentials, whatever the reason is; AD's message numbers it.
    """
    now = context.clock.monotonic()
    if context.throttle.is_refused(name, session.peer, now):
        raise refused(context, session, name, "too many failures")
    reason = ""
    identity = ANONYMOUS
    if _is_administrator_name(context, name):
        if not context.hasher.verify(
            password, context.store.meta.get("adminPassword", "").encode()
        ):
            reason = "wrong password"
        identity = Identity(context.configuration.admin_dn or DN(), Role.ADMINISTRATOR)
    if identity is ANONYMOUS or reason:
        entry = find_account(context, name)
        identity, reason = _verify_account(context, entry, password)
    if reason:
        context.throttle.failed(name, session.peer, now)
        raise refused(context, session, name, reason)
    context.throttle.succeeded(name, session.peer)
    context.hasher.was_right(name, password)
    context.observer.bound(str(identity.dn), session.peer, context.clock.now())
    return identity


def password_work(
    context: Context, session: Session, name: str, password: bytes
) -> Callable[[], None] | None:
    """The hashing that ``verify`` will do, to be done in another thread first; None if quick."""
    if not password or context.hasher.recently(name, password):
        return None
    if context.throttle.is_refused(name, session.peer, context.clock.monotonic()):
        return None
    entry = find_account(context, name)
    stored = (passwords_of(entry) if entry is not None else ()) or (NOTHING,)
    if _is_administrator_name(context, name):
        stored = (context.store.meta.get("adminPassword", "").encode(), *stored)
    return context.hasher.work(password, stored)


def refused(context: Context, session: Session, name: str, reason: str) -> LdapError:
    """The error for a bind that failed; the reason goes to the observer, and to AD's clients."""
    context.observer.bind_refused(name, session.peer, reason, context.clock.now())
    if context.configuration.is_generic:
        return LdapError(ResultCode.INVALID_CREDENTIALS)
    number = AD_REASONS.get(reason, "52e")
    return LdapError(
        ResultCode.INVALID_CREDENTIALS,
        "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, "
        f"data {number}, v4563",
    )


def _is_administrator_name(context: Context, name: str) -> bool:
    """Whether this is the configured administrator of a directory that has no entry for it."""
    admin = context.configuration.admin_dn
    if admin is None or "adminPassword" not in context.store.meta:
        return False
    try:
        return DN.parse(name) == admin
    except ParseError:
        return False


def _verify_account(
    context: Context, entry: StoredEntry | None, password: bytes
) -> tuple[Identity, str]:
    stored = passwords_of(entry) if entry is not None else ()
    if entry is None or not stored:
        context.hasher.waste(password)
        return ANONYMOUS, "no such account" if entry is None else "wrong password"
    if not any(context.hasher.verify(password, value) for value in stored):
        return ANONYMOUS, "wrong password"
    reason = why_unusable(context, entry)
    return (ANONYMOUS, reason) if reason else (identity_of(context, entry), "")


def passwords_of(entry: StoredEntry) -> tuple[bytes, ...]:
    """The stored passwords of an account; verifiers of SCRAM and NTLM are for those."""
    values = entry.values(UNICODE_PASSWORD) + entry.values(USER_PASSWORD)
    return tuple(value for value in values if not _is_for_a_mechanism(value))


def _is_for_a_mechanism(value: bytes) -> bool:
    return value.startswith(SCHEME) or nt_hash.is_stored(value)


def why_unusable(context: Context, entry: StoredEntry) -> str:
    """Why an account with the right password may not bind; empty when it may."""
    if entry.is_deleted:
        return "no such account"
    if context.configuration.is_generic:
        return ""
    control = int(entry.first("useraccountcontrol") or 0)
    disabled = (entry.first("msds-useraccountdisabled") or b"").upper() == b"TRUE"
    if control & ACCOUNT_DISABLED or disabled:
        return "account disabled"
    ticks = int(entry.first("accountexpires") or 0)
    if ticks not in NEVER:
        expires = FILETIME_EPOCH + timedelta(microseconds=ticks // 10)
        if context.clock.now() >= expires:
            return "account expired"
    return ""


def identity_of(context: Context, entry: StoredEntry) -> Identity:
    """What an account is to the directory."""
    dn = entry.dn
    role = Role.AUTHENTICATED
    accounts = context.configuration.replication_accounts
    if dn == context.configuration.admin_dn or _is_in_administrators(context, entry):
        role = Role.ADMINISTRATOR
    elif accounts is not None and dn.is_within(accounts):
        role = Role.REPLICATION
    return Identity(dn, role, entry.guid)


def _is_in_administrators(context: Context, entry: StoredEntry) -> bool:
    group = context.store.meta.get("administratorsGroup")
    found = context.store.find(DN.parse(group)) if group else None
    return found is not None and entry.id in context.store.link_targets(found.id, "member")


def find_account(context: Context, name: str) -> StoredEntry | None:
    """The entry a bind name means: any form of DN; in AD also UPN, down-level and bare name."""
    if not context.configuration.is_generic:
        found = _find_microsoft_name(context, name)
        if found is not None:
            return found
    try:
        return resolve(context, DN.parse(name))
    except ParseError:
        return None


def _find_microsoft_name(context: Context, name: str) -> StoredEntry | None:
    """MS-ADTS 5.1.1.1.1: the forms of a name in a simple bind, in AD's order."""
    if "=" in name.partition("@")[0]:
        return None
    user, at, domain = name.rpartition("@")
    found = _one(context, "userprincipalname", name) if at else None
    if found is not None:
        return found
    if at and domain.lower() == context.configuration.dns_domain.lower():
        return _one(context, "samaccountname", user)
    netbios, slash, account = name.partition("\\")
    if slash:
        own = {
            context.configuration.netbios_domain.lower(),
            context.configuration.dns_domain.lower(),
        }
        return _one(context, "samaccountname", account) if netbios.lower() in own else None
    return _one(context, "samaccountname", name) or _one(context, "displayname", name)


def _one(context: Context, attribute: str, value: str) -> StoredEntry | None:
    index = context.store.indexes.index(attribute)
    if index is None or not value:
        return None
    try:
        ids = index.ids(index.key(value.encode()))
    except ValueError:
        return None
    found = [e for id_ in ids if (e := context.store.dit.by_id(id_)) and not e.is_deleted]
    return found[0] if len(found) == 1 else None
