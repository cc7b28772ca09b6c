"""Whether each Hub and each Edge it is subscribed with can trust each other, from what is stored.

Worked out from both directories and both machines' certificate stores, by comparing bytes; nothing
of the trust decision, the matrix or the engine is used. Where they disagree, one of them is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import Scope
from edgesync.lab.lab import Lab
from edgesync.port.port import DirectoryPort, find, read

CERTIFICATE = "msExchServerInternalTLSCert"
CREDENTIALS = "msExchEdgeSyncCredential"
HUB_ROLE, EDGE_ROLE = 32, 64
FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def distrusted_pairs(lab: Lab) -> Iterator[str]:
    """What stands between subscribed pairs; nothing when every pair can trust each other."""
    servers = find(
        lab.ad_port(), lab.ad.names.servers, Equality("objectClass", b"msExchExchangeServer"),
        scope=Scope.ONE,
    )  # fmt: skip
    for edge in servers:
        site = edge.text("msExchServerSite").casefold()
        if not _has_role(edge, EDGE_ROLE) or not site or edge.text("cn") not in lab.edges:
            continue
        for hub in servers:
            if _has_role(hub, HUB_ROLE) and hub.text("msExchServerSite").casefold() == site:
                pair = f"{hub.text('cn')} and {edge.text('cn')}"
                for problem in _between(lab, hub, edge):
                    yield f"{pair}: {problem}"


def _between(lab: Lab, hub: Entry, edge: Entry) -> Iterator[str]:
    hub_name, edge_name = hub.text("cn"), edge.text("cn")
    adam, names = lab.edge(edge_name).port("check"), lab.edge(edge_name).names
    replica = read(adam, names.server(hub_name), (CERTIFICATE,))
    own = read(adam, names.server(edge_name), (CERTIFICATE,))
    shown_by_hub, shown_by_edge = hub.first(CERTIFICATE), own.first(CERTIFICATE) if own else None
    for name, shown in ((hub_name, shown_by_hub), (edge_name, shown_by_edge)):
        if not _can_present(lab, name, shown):
            yield f"{name} cannot present the certificate its directory names"
    if replica is None or replica.first(CERTIFICATE) != shown_by_hub:
        yield f"ADAM of {edge_name} has another certificate of {hub_name} than it presents"
    if edge.first(CERTIFICATE) != shown_by_edge:
        yield f"AD has another certificate of {edge_name} than it presents"
    if shown_by_hub == shown_by_edge:
        yield "both present the same certificate"
    if not any(_is_account(adam, lab, edge_name, user) for user in _users(hub, edge, lab)):
        yield f"{hub_name} has no credential that ADAM of {edge_name} takes"


def _can_present(lab: Lab, name: str, der: bytes | None) -> bool:
    now = lab.clock.now()
    return any(
        item.der == der
        and item.key is not None
        and item.network_service
        and item.certificate.not_valid_before_utc <= now
        for item in lab.store(name).certificates
    )


def _users(hub: Entry, edge: Entry, lab: Lab) -> Iterator[str]:
    """Accounts a Hub may log on with at an Edge now, by its records in AD."""
    now = lab.clock.now()
    fqdn = lab.server(edge.text("cn")).fqdn.casefold()
    for value in hub.values(CREDENTIALS):
        record = json.loads(value)
        begins, ends = (
            datetime.fromisoformat(record[word]) for word in ("EffectiveTime", "ExpirationTime")
        )
        if record["TargetServerFQDN"].casefold() == fqdn and begins <= now < ends:
            yield record["UserName"]


def _is_account(adam: DirectoryPort, lab: Lab, edge: str, user: str) -> bool:
    names = lab.edge(edge).names
    found = find(adam, names.accounts, Equality("cn", user.removeprefix("cn=").encode()))
    now = lab.clock.now()
    return any(_expiry(entry) > now for entry in found)


def _expiry(account: Entry) -> datetime:
    ticks = int(account.first("accountExpires") or b"0")
    return FILETIME_EPOCH + timedelta(microseconds=ticks // 10)


def _has_role(server: Entry, role: int) -> bool:
    return bool(int(server.first("msExchCurrentServerRoles") or b"0") & role)
