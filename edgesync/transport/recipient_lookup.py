"""Who is behind an address: in AD by proxy address, in ADAM by its one-way hash.

Sources: edgesync-facts 5.3. A mailbox's site is that of its home server
(``msExchHomeServerName``); without one, the mailbox is where it is asked for.
"""

from __future__ import annotations

from directory.model.entry import Entry
from directory.model.filter import Equality
from edgesync.config import Policy
from edgesync.organization.address_hash import ADDRESS_HASHES, proxy_address
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.organization.servers import read_server
from edgesync.port.port import DirectoryPort, find
from edgesync.transport.host import Recipient, RecipientLookup

HOME_SERVER = "msExchHomeServerName"
_ATTRIBUTES = ("cn", "mailNickname", "mail", "msExchRequireAuthToSendTo", HOME_SERVER)


def ad_lookup(port: DirectoryPort, names: ForestNames) -> RecipientLookup:
    """Look up by proxy address in AD, as a Hub does."""

    def lookup(address: str) -> Recipient | None:
        wanted = Equality("proxyAddresses", proxy_address(address).encode())
        found = find(port, names.users, wanted, attributes=_ATTRIBUTES)
        if not found:
            return None
        entry = found[0]
        home = read_server(port, names, _home_server(entry)) if _home_server(entry) else None
        return Recipient(
            address,
            entry.text("mailNickname") or entry.text("cn"),
            home.site if home else None,
            require_auth=entry.boolean("msExchRequireAuthToSendTo"),
        )

    return lookup


def edge_lookup(port: DirectoryPort, names: EdgeNames, policy: Policy) -> RecipientLookup:
    """Look up by hash in ADAM, as an Edge's recipient filter does."""
    hash_address = ADDRESS_HASHES[policy.recipient_hash]

    def lookup(address: str) -> Recipient | None:
        wanted = Equality("proxyAddresses", hash_address(proxy_address(address)))
        found = find(port, names.recipients, wanted, attributes=("cn",))
        return Recipient(address) if found else None

    return lookup


def _home_server(entry: Entry) -> str:
    """The server's name in a legacy DN: ``/o=Contoso/.../cn=Servers/cn=HUB03``."""
    return entry.text(HOME_SERVER).rpartition("=")[2]


def home_server_name(organization: str, group: str, server: str) -> str:
    """The legacy DN of a server, as msExchHomeServerName has it."""
    return f"/o={organization}/ou={group}/cn=Configuration/cn=Servers/cn={server}"
