"""Microsoft Exchange EdgeSync's Credential Service on the Edge: records become accounts.

EdgeSync never calls it; ADAM is the only channel between them (edgesync-facts 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from edgesync.errors import CredentialUndecryptable
from edgesync.events import (
    CREDENTIAL_INSTALLED,
    CREDENTIAL_REMOVED,
    CREDENTIAL_RENEWAL_FAILED,
    Emit,
    Event,
)
from edgesync.organization.names import EdgeNames
from edgesync.organization.servers import read_server
from edgesync.port.port import DirectoryPort
from edgesync.subscription.accounts import (
    exported_at,
    install_account,
    list_accounts,
    remove_account,
)
from edgesync.subscription.credentials import (
    CredentialRecord,
    bootstrap_name,
    decrypt,
    readable_records,
)


@dataclass(frozen=True, slots=True)
class CredentialServiceReport:
    """Accounts of one pass, by name."""

    installed: tuple[str, ...]
    removed: tuple[str, ...]
    failed: tuple[str, ...]


def run_credential_service(
    port: DirectoryPort,
    names: EdgeNames,
    edge: str,
    key: PrivateKeyTypes | None,
    *,
    now: datetime,
    emit: Emit,
) -> CredentialServiceReport:
    """One pass: install an account per readable record, remove what expired or lost its record.

    ``key`` belongs to the Edge's internal transport certificate. The bootstrap account goes as
    soon as a replication account of its own subscription is there: it is good for the first
    session only. Accounts of the subscription before it do not count, or a scheduled run between
    export and import would lock the organisation out. A record that cannot be read logs 1006 and
    leaves an account of that name as it is.
    """
    server = read_server(port, names, edge)
    records = [record for _, record in readable_records(server.credentials)] if server else []
    accounts = list_accounts(port, names)
    installed: list[str] = []
    failed: list[str] = []
    wanted: dict[str, datetime] = {}
    for record in records:
        if record.is_bootstrap or now >= record.expires_at:
            continue
        wanted[record.user_name.casefold()] = record.effective_at
        if _has(accounts, record):
            continue
        try:
            secret = decrypt(record, key, edge)
        except CredentialUndecryptable as error:
            failed.append(record.user_name)
            emit(Event(CREDENTIAL_RENEWAL_FAILED, now, edge,
                       {"user": record.user_name, "reason": error.message}))  # fmt: skip
            continue
        install_account(port, names, record.user_name, secret, record.expires_at)
        installed.append(record.user_name)
        emit(Event(CREDENTIAL_INSTALLED, now, edge, {"user": record.user_name, "edge": edge}))
    removed = _remove_stale(port, names, edge, wanted, now)
    for name in removed:
        emit(Event(CREDENTIAL_REMOVED, now, edge, {"user": name}))
    return CredentialServiceReport(tuple(installed), removed, tuple(failed))


def _has(accounts: dict[str, datetime], record: CredentialRecord) -> bool:
    """Whether the record's account is there. Names are never used twice, so expiry tells."""
    folded = {name.casefold(): expiry for name, expiry in accounts.items()}
    return folded.get(record.user_name.casefold()) == record.expires_at


def _remove_stale(
    port: DirectoryPort, names: EdgeNames, edge: str, wanted: Mapping[str, datetime], now: datetime
) -> tuple[str, ...]:
    present = list_accounts(port, names)
    exported = exported_at(port, names, bootstrap_name(edge))
    replication_ready = exported is None or any(
        wanted[name.casefold()] >= exported for name in present if name.casefold() in wanted
    )
    removed = []
    for name, expires_at in present.items():
        is_bootstrap = name.casefold() == bootstrap_name(edge).casefold()
        lost = replication_ready if is_bootstrap else name.casefold() not in wanted
        if (now >= expires_at or lost) and remove_account(port, names, name):
            removed.append(name)
    return tuple(removed)
