"""Mail recipients in AD: mailboxes, contacts and groups (edgesync-facts 5.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Present
from directory.model.messages import SearchRequest
from edgesync.organization.mapping import BOOLEAN, BYTES, TEXT, TEXTS, dump, load, stored
from edgesync.port.port import DirectoryPort, iterate

USER_CLASSES = (b"top", b"person", b"organizationalPerson", b"user")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can be written to; ``SMTP:`` marks the primary proxy address, ``smtp:`` the others."""

    dn: DN
    name: str = stored("cn", TEXT)
    display_name: str = stored("displayName", TEXT, "")
    alias: str = stored("mailNickname", TEXT, "")
    mail: str = stored("mail", TEXT, "")
    proxy_addresses: tuple[str, ...] = stored("proxyAddresses", TEXTS, ())
    require_auth_to_send_to: bool = stored("msExchRequireAuthToSendTo", BOOLEAN, False)
    safe_senders: bytes | None = stored("msExchSafeSendersHash", BYTES, None)
    blocked_senders: bytes | None = stored("msExchBlockedSendersHash", BYTES, None)
    safe_recipients: bytes | None = stored("msExchSafeRecipientsHash", BYTES, None)

    @property
    def addresses(self) -> tuple[str, ...]:
        """SMTP addresses, the primary one first."""
        primary = [p[5:] for p in self.proxy_addresses if p.startswith("SMTP:")]
        others = [p[5:] for p in self.proxy_addresses if p.startswith("smtp:")]
        return tuple(primary + others)


def recipient_of(entry: Entry) -> Recipient:
    """A recipient from its entry."""
    return load(Recipient, entry)


def mailbox_entry(recipient: Recipient, *, account: str = "", surname: str = "") -> Entry:
    """The entry that adds a mail-enabled user."""
    attributes = dump(recipient)
    attributes.setdefault("sn", ((surname or recipient.name).encode(),))
    if account:
        attributes["sAMAccountName"] = (account.encode(),)
    return Entry(recipient.dn, {"objectClass": USER_CLASSES, **attributes})


def iterate_recipients(port: DirectoryPort, base: DN) -> Iterator[Recipient]:
    """Every mail-enabled object below a base."""
    for entry in iterate(port, SearchRequest(base, filter=Present("proxyAddresses"))):
        yield load(Recipient, entry)
