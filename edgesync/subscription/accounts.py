"""Replication accounts in an Edge's ADAM: what EdgeSync binds as (edgesync-facts 3.2).

They are user objects named like the credential. Where ADAM really keeps them no source says;
``EdgeNames.accounts`` is this project's choice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import AddRequest, DeleteRequest, ModifyRequest, Scope
from directory.model.modification import replace
from edgesync.organization.names import EdgeNames
from edgesync.port.port import DirectoryPort, find, read
from edgesync.subscription.credentials import Secret

CLASSES = (b"top", b"person", b"organizationalPerson", b"user")
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def filetime(at: datetime) -> bytes:
    """An instant as ``accountExpires`` has it: 100 ns ticks since 1601."""
    return str((at - _FILETIME_EPOCH) // timedelta(microseconds=1) * 10).encode()


def from_filetime(value: bytes) -> datetime:
    """The instant of an ``accountExpires`` value."""
    return _FILETIME_EPOCH + timedelta(microseconds=int(value) // 10)


def install_account(
    port: DirectoryPort, names: EdgeNames, user_name: str, secret: Secret, expires_at: datetime
) -> None:
    """Make an account that can bind until ``expires_at``, or give it this password and expiry."""
    dn = names.account(user_name)
    changing = {"userPassword": (secret.reveal(),), "accountExpires": (filetime(expires_at),)}
    entry = Entry(dn, {"objectClass": CLASSES, "cn": (user_name.encode(),), **changing})
    try:
        port.add(AddRequest(entry))
    except LdapError as error:
        if error.code is not ResultCode.ENTRY_ALREADY_EXISTS:
            raise
        changes = tuple(replace(name, *values) for name, values in changing.items())
        port.modify(ModifyRequest(dn, changes))


def remove_account(port: DirectoryPort, names: EdgeNames, user_name: str) -> bool:
    """Delete an account; whether it was there."""
    try:
        port.delete(DeleteRequest(names.account(user_name)))
    except LdapError as error:
        if error.code is not ResultCode.NO_SUCH_OBJECT:
            raise
        return False
    return True


def list_accounts(port: DirectoryPort, names: EdgeNames) -> dict[str, datetime]:
    """Names of the accounts with their expiry, sorted."""
    found = find(
        port, names.accounts, Equality("objectClass", b"user"), scope=Scope.ONE,
        attributes=("cn", "accountExpires"),
    )  # fmt: skip
    return {
        name: from_filetime(entry.first("accountExpires") or b"0")
        for name, entry in sorted((entry.text("cn"), entry) for entry in found)
    }


def exported_at(port: DirectoryPort, names: EdgeNames, user_name: str) -> datetime | None:
    """When an account was made; None when it is not there, or the directory does not say."""
    entry = read(port, names.account(user_name), ("whenCreated",))
    return entry.time("whenCreated") if entry and entry.has("whenCreated") else None


def account_dn(names: EdgeNames, user_name: str) -> DN:
    """What to bind as."""
    return names.account(user_name)
