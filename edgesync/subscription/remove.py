"""Remove-EdgeSubscription on either side (edgesync-facts 1.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from directory.errors import LdapError, ResultCode
from directory.model import modification as change
from directory.model.controls import TreeDelete
from directory.model.messages import DeleteRequest, ModifyRequest
from edgesync.errors import NoSuchThing
from edgesync.events import SUBSCRIPTION_REMOVED, Emit, Event
from edgesync.organization.connectors import list_send_connectors, remove_connector
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.organization.servers import ServerRole, list_servers, read_server
from edgesync.port.port import DirectoryPort
from edgesync.subscription.accounts import list_accounts, remove_account
from edgesync.subscription.connectors import remove_source
from edgesync.subscription.credentials import ATTRIBUTE, readable_records
from edgesync.subscription.replicated import delete_replica

REMOVE_ON_EDGE_QUESTION = (
    "Removing the Edge Subscription on the Edge Transport server deletes everything that EdgeSync "
    "replicated. With many recipients this takes long. Do you want to continue?"
)
_SYNC_STATE = (ATTRIBUTE, "msExchEdgeSyncLease", "msExchEdgeSyncCookies", "msExchEdgeSyncStatus")


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal did."""

    edge: str
    side: str
    """``organization`` or ``edge``."""
    connectors: tuple[str, ...] = ()
    credentials: int = 0
    objects: int = 0


def remove_in_organization(
    port: DirectoryPort,
    names: ForestNames,
    edge: str,
    *,
    now: datetime,
    emit: Emit,
    edge_port: DirectoryPort | None = None,
    edge_names: EdgeNames | None = None,
) -> Removed:
    """End a subscription in AD: credentials of every Hub, connectors' sources, the Edge's object.

    With ``edge_port``, the last EdgeSync session, the accounts' records and the automatic inbound
    connector leave ADAM too; without it (the Edge is gone) they stay there.

    Raises:
        NoSuchThing: no such subscription.
    """
    server = read_server(port, names, edge)
    if server is None or not server.roles & ServerRole.EDGE:
        raise NoSuchThing(f"{edge} is not subscribed", "edgesync subscription list")
    if edge_port is not None and edge_names is not None:
        _detach(edge_port, edge_names, server.name)
    removed = 0
    for hub in list_servers(port, names, role=ServerRole.HUB):
        stale = [
            value
            for value, record in readable_records(hub.credentials)
            if record.target_server_fqdn == server.fqdn
        ]
        if stale:
            port.modify(ModifyRequest(hub.dn, (change.delete(ATTRIBUTE, *stale),)))
            removed += len(stale)
    connectors = remove_source(port, names, server.dn)
    port.delete(DeleteRequest(server.dn), (TreeDelete(critical=True),))
    emit(Event(SUBSCRIPTION_REMOVED, now, server.name,
               {"edge": server.name, "side": "organization"}))  # fmt: skip
    return Removed(server.name, "organization", connectors, removed)


def _detach(port: DirectoryPort, names: EdgeNames, edge: str) -> None:
    server = read_server(port, names, edge)
    if server is not None and server.credentials:
        port.modify(ModifyRequest(server.dn, (change.replace(ATTRIBUTE),)))
    for connector in list_send_connectors(port, names):
        if connector.is_edge_sync and connector.smart_hosts:
            remove_connector(port, connector)


def remove_on_edge(
    port: DirectoryPort,
    names: EdgeNames,
    edge: str,
    *,
    now: datetime,
    emit: Emit,
    progress: Callable[[int], None] = lambda _done: None,
) -> Removed:
    """End a subscription on the Edge: replica and accounts go, disabled cmdlets come back."""
    accounts = list_accounts(port, names)
    for account in accounts:
        remove_account(port, names, account)
    objects = delete_replica(port, names, edge, progress=progress)
    server = names.server(edge)
    try:
        port.modify(ModifyRequest(server, tuple(change.replace(name) for name in _SYNC_STATE)))
    except LdapError as error:
        if error.code is not ResultCode.NO_SUCH_OBJECT:
            raise
    emit(Event(SUBSCRIPTION_REMOVED, now, edge, {"edge": edge, "side": "edge"}))
    return Removed(edge, "edge", (), len(accounts), objects)
