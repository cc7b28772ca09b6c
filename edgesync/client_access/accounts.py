"""Who a user is: accounts in AD by log-on name, by UPN and by certificate mapping."""

from __future__ import annotations

from dataclasses import dataclass

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality, Filter
from edgesync.organization.names import ForestNames
from edgesync.port.port import DirectoryPort, find, read

ACCOUNT_DISABLED = 2
"""Bit of userAccountControl (MS-ADTS 2.2.16)."""

_ATTRIBUTES = ("cn", "sAMAccountName", "userPrincipalName", "mail", "userAccountControl",
               "displayName", "mailNickname")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Account:
    """One user account. ``mail`` is empty for one without a mailbox."""

    dn: DN
    name: str
    mail: str
    mailbox: str
    """What the mailbox is called where mail is delivered; empty for an account without one."""
    display_name: str
    is_enabled: bool


def account_of(entry: Entry) -> Account:
    """An account from its entry."""
    control = int(entry.text("userAccountControl") or 0)
    return Account(
        entry.dn,
        entry.text("sAMAccountName") or entry.text("cn"),
        entry.text("mail"),
        (entry.text("mailNickname") or entry.text("cn")) if entry.text("mail") else "",
        entry.text("displayName", "mailNickname") or entry.text("cn"),
        not control & ACCOUNT_DISABLED,
    )


def by_log_on_name(port: DirectoryPort, names: ForestNames, user: str) -> Account | None:
    r"""The account behind ``CONTOSO\\user``, ``user@contoso.test`` or ``user``."""
    domain, slash, account = user.rpartition("\\")
    if slash:
        own = {names.netbios_domain.casefold(), names.dns_domain.casefold()}
        return _one(port, names, "sAMAccountName", account) if domain.casefold() in own else None
    found = _one(port, names, "userPrincipalName", user) if "@" in user else None
    local, at, domain = user.rpartition("@")
    if found is None and at and domain.casefold() == names.dns_domain.casefold():
        return _one(port, names, "sAMAccountName", local)
    return found or _one(port, names, "sAMAccountName", user)


def by_dn(port: DirectoryPort, dn: DN) -> Account | None:
    """The account of an entry."""
    entry = read(port, dn, _ATTRIBUTES)
    return account_of(entry) if entry is not None else None


def by_principal_name(port: DirectoryPort, names: ForestNames, upn: str) -> Account | None:
    """The account with this userPrincipalName: implicit certificate mapping."""
    return _one(port, names, "userPrincipalName", upn)


def by_security_identity(port: DirectoryPort, names: ForestNames, identity: str) -> Account | None:
    """The account whose altSecurityIdentities has this value: explicit certificate mapping."""
    return _one(port, names, "altSecurityIdentities", identity)


def _one(port: DirectoryPort, names: ForestNames, attribute: str, value: str) -> Account | None:
    """The only account with this value; two with one value are nobody, as in AD."""
    if not value:
        return None
    wanted: Filter = Equality(attribute, value.encode())
    found = find(port, names.domain, wanted, attributes=_ATTRIBUTES)
    return account_of(found[0]) if len(found) == 1 else None
