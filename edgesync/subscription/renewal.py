"""A Hub renews its credentials in time (edgesync-facts 3.3).

The successor is made 7 days before the present credential expires and takes over 3 days before;
the old one is deleted at its expiry. The spans and the total life are ``Policy`` fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from directory.entropy import Entropy
from directory.errors import DirectoryError
from directory.model import modification as change
from directory.model.messages import ModifyRequest
from edgesync.config import Policy
from edgesync.errors import EdgeSyncError
from edgesync.events import (
    CREDENTIAL_CREATED,
    CREDENTIAL_REMOVED,
    CREDENTIAL_TEST_FAILED,
    Emit,
    Event,
)
from edgesync.organization.servers import ServerObject
from edgesync.port.port import DirectoryPort
from edgesync.subscription.credentials import (
    ATTRIBUTE,
    CredentialRecord,
    encode_record,
    encrypt,
    new_password,
    readable_records,
    replication_name,
)


@dataclass(frozen=True, slots=True)
class Renewal:
    """What one pass changed for one Hub and Edge, by user name."""

    created: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def renew_credentials(
    port: DirectoryPort,
    hub: ServerObject,
    edge: ServerObject,
    *,
    now: datetime,
    policy: Policy,
    entropy: Entropy,
    emit: Emit,
) -> Renewal:
    """Do what is due for this Hub's credentials on one Edge; nothing for a Hub that has none.

    ``hub`` and ``edge`` are as AD has them now. The next run of EdgeSync carries the successor
    to the Edge.
    """
    own = [(v, r) for v, r in readable_records(hub.credentials)
           if r.target_server_fqdn == edge.fqdn]  # fmt: skip
    copies = [(v, r) for v, r in readable_records(edge.credentials)
              if r.source_server_fqdn == hub.fqdn or r.is_bootstrap]  # fmt: skip
    created: list[CredentialRecord] = []
    added_own: list[bytes] = []
    added_copies: list[bytes] = []
    current = [r for _, r in own if not r.is_bootstrap]
    if current:
        last = max(current, key=lambda r: (r.expires_at, r.number))
        if now >= last.expires_at - policy.credential_successor:
            made = _successor(last, hub, edge, now, policy, entropy)
            if made is not None:
                created.append(made[0])
                added_own.append(made[1])
                added_copies.append(made[2])
    expired_own = [(v, r) for v, r in own if now >= r.expires_at]
    expired_copies = [(v, r) for v, r in copies if now >= r.expires_at]
    # The Edge's copy first: a successor only the Hub had would be refused at the Edge.
    _change(port, edge, (v for v, _ in expired_copies), added_copies)
    _change(port, hub, (v for v, _ in expired_own), added_own)
    removed = tuple(sorted({r.user_name for _, r in (*expired_own, *expired_copies)}))
    for record in created:
        emit(Event(CREDENTIAL_CREATED, now, hub.name, {
            "user": record.user_name, "effective": record.effective_at.isoformat(),
            "until": record.expires_at.isoformat(),
        }))  # fmt: skip
    for name in removed:
        emit(Event(CREDENTIAL_REMOVED, now, hub.name, {"user": name}))
    return Renewal(tuple(r.user_name for r in created), removed)


def _successor(
    last: CredentialRecord,
    hub: ServerObject,
    edge: ServerObject,
    now: datetime,
    policy: Policy,
    entropy: Entropy,
) -> tuple[CredentialRecord, bytes, bytes] | None:
    if hub.internal_certificate is None or edge.internal_certificate is None:
        return None  # nobody could read it; the trust matrix says why
    effective = max(now, last.expires_at - policy.credential_effective)
    record = CredentialRecord(
        edge.fqdn, hub.fqdn, effective, effective + policy.credential_lifetime,
        replication_name(edge.name, hub.name, last.number + 1), b"",
    )  # fmt: skip
    secret = new_password(entropy, hub.internal_certificate, edge.internal_certificate)
    own = replace(record, password=encrypt(secret, hub.internal_certificate))
    copy = replace(record, password=encrypt(secret, edge.internal_certificate))
    return record, encode_record(own), encode_record(copy)


def _change(
    port: DirectoryPort, server: ServerObject, gone: Iterable[bytes], added: Iterable[bytes]
) -> None:
    gone, added = tuple(gone), tuple(added)
    modifications = []
    if gone:
        modifications.append(change.delete(ATTRIBUTE, *gone))
    if added:
        modifications.append(change.add(ATTRIBUTE, *added))
    if modifications:
        port.modify(ModifyRequest(server.dn, tuple(modifications)))


def next_credential(
    hub: ServerObject, edge: ServerObject, now: datetime
) -> CredentialRecord | None:
    """The credential that will take over, while it is not effective yet."""
    coming = [
        r for _, r in readable_records(hub.credentials)
        if r.target_server_fqdn == edge.fqdn and not r.is_bootstrap and r.effective_at > now
    ]  # fmt: skip
    return min(coming, key=lambda r: r.effective_at, default=None)


def try_next_credential(
    record: CredentialRecord,
    hub: ServerObject,
    edge: ServerObject,
    log_on: Callable[[CredentialRecord], None],
    *,
    now: datetime,
    emit: Emit,
) -> bool:
    """Try a credential before it is needed; a failure logs 1004 (edgesync-facts 3.3, 9).

    ``log_on`` opens and closes a session and raises what went wrong.
    """
    try:
        log_on(record)
    except (DirectoryError, EdgeSyncError):
        emit(Event(CREDENTIAL_TEST_FAILED, now, hub.name,
                   {"user": record.user_name, "edge": edge.name}))  # fmt: skip
        return False
    return True


def complete_first_session(port: DirectoryPort, hub: ServerObject, edge: ServerObject) -> bool:
    """After the first run that ended well: the bootstrap credential has done its work.

    Its records leave AD; the next run takes the Edge's copy away too. Returns whether there was
    anything to do.
    """
    done = False
    for server in (edge, hub):
        spent = [
            value
            for value, record in readable_records(server.credentials)
            if record.is_bootstrap and record.target_server_fqdn == edge.fqdn
        ]
        if spent:
            _change(port, server, spent, ())
            done = True
    return done
