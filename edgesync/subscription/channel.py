"""How a Hub opens its EdgeSync session: certificate first, then a credential (edgesync-facts 4.1).

The session is LDAPS. What the Edge presents is compared with AD's copy before any byte of a
credential leaves (``edgesync.port.pinning``); a difference is 10104 and 1024.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from directory.errors import LdapError, ResultCode
from edgesync.errors import (
    CredentialUndecryptable,
    EdgeSyncError,
    NoSuchThing,
    RefusedByRule,
    Unreachable,
)
from edgesync.events import (
    ADAM_UNREACHABLE,
    FAILED_DIRECT_TRUST_MATCH,
    KEY_NOT_CAPI,
    Emit,
    Event,
)
from edgesync.organization.servers import ServerObject
from edgesync.port.pinning import PinMismatch
from edgesync.port.port import DirectoryPort
from edgesync.subscription.credentials import CredentialRecord, Secret, decrypt, readable_records

Connect = Callable[[bytes, str, Secret], DirectoryPort]
"""Opens the Edge's ADAM: expected certificate (DER), user name, password.

Raises PinMismatch, PortUnavailable, or LdapError(invalidCredentials).
"""


class CredentialRefused(Unreachable):
    """The Edge's ADAM refused every credential the Hub has."""


@dataclass(frozen=True, slots=True)
class HubIdentity:
    """The Hub that wants a session, and the key of its internal transport certificate."""

    server: ServerObject
    key: PrivateKeyTypes | None
    key_is_capi: bool = True


@dataclass(frozen=True, slots=True)
class EdgeSession:
    """An open session and the credential it was opened with."""

    port: DirectoryPort
    credential: CredentialRecord


def usable_credentials(
    hub: ServerObject, edge: ServerObject, now: datetime
) -> tuple[CredentialRecord, ...]:
    """What the Hub may present to the Edge now, in the order to try.

    While AD's Edge object still has the bootstrap record no run has completed, so the bootstrap
    account comes first; afterwards the newest effective ESRA does.
    """
    own = [r for _, r in readable_records(hub.credentials)
           if r.target_server_fqdn == edge.fqdn and r.is_usable(now)]  # fmt: skip
    bootstrap = [r for r in own if r.is_bootstrap]
    replication = sorted((r for r in own if not r.is_bootstrap), key=lambda r: -r.number)
    first_session = any(r.is_bootstrap for _, r in readable_records(edge.credentials))
    return (*bootstrap, *replication) if first_session else (*replication, *bootstrap)


def open_edge_session(
    hub: HubIdentity, edge: ServerObject, connect: Connect, *, now: datetime, emit: Emit
) -> EdgeSession:
    """Open a session on the Edge's ADAM as this Hub.

    Raises:
        RefusedByRule: the Hub has no credential for the Edge: it came after the subscription, or
            all have expired.
        CredentialUndecryptable: its certificate changed since, or its key is CNG (event 1035).
        PinMismatch: the Edge showed another certificate than AD has (10104 and 1024).
        CredentialRefused: ADAM knows none of the credentials (1024).
        PortUnavailable: ADAM does not answer (1024).
    """
    if edge.internal_certificate is None:
        raise NoSuchThing(
            f"AD has no certificate of {edge.name}", f"edgesync subscription show {edge.name}"
        )
    candidates = usable_credentials(hub.server, edge, now)
    if not candidates:
        raise RefusedByRule(
            f"{hub.server.name} has no valid credential for {edge.name}",
            f"a Hub joins when {edge.name} is subscribed again: "
            f"edgesync subscription export {edge.name}, then import",
        )
    if not hub.key_is_capi:
        emit(Event(KEY_NOT_CAPI, now, hub.server.name, {"server": hub.server.name}))
        raise CredentialUndecryptable(
            f"the internal transport certificate of {hub.server.name} has a CNG key",
            "enable a certificate whose key a CAPI provider holds for SMTP",
        )
    try:
        return _try_each(hub, edge, edge.internal_certificate, candidates, connect)
    except PinMismatch as error:
        emit(Event(FAILED_DIRECT_TRUST_MATCH, now, hub.server.name, {
            "edge": edge.name, "presented": error.presented, "published": error.published,
        }))  # fmt: skip
        _unreachable(hub, edge, error, now, emit)
        raise
    except Unreachable as error:
        _unreachable(hub, edge, error, now, emit)
        raise


def _try_each(
    hub: HubIdentity,
    edge: ServerObject,
    expected: bytes,
    candidates: tuple[CredentialRecord, ...],
    connect: Connect,
) -> EdgeSession:
    undecryptable: CredentialUndecryptable | None = None
    refused: list[str] = []
    for record in candidates:
        try:
            secret = decrypt(record, hub.key, hub.server.name)
            return EdgeSession(connect(expected, record.user_name, secret), record)
        except CredentialUndecryptable as error:
            undecryptable = error
        except LdapError as error:
            if error.code is not ResultCode.INVALID_CREDENTIALS:
                raise CredentialRefused(
                    f"ADAM of {edge.name} refused the bind as {record.user_name}: {error}",
                    f"edgesync trust explain {hub.server.name} {edge.name} --path ldaps",
                ) from error
            refused.append(record.user_name)
    if not refused and undecryptable is not None:
        raise undecryptable
    raise CredentialRefused(
        f"ADAM of {edge.name} refused {', '.join(refused)}",
        f"if the Credential Service runs on {edge.name}, subscribe it again",
    )


def _unreachable(
    hub: HubIdentity, edge: ServerObject, error: EdgeSyncError, now: datetime, emit: Emit
) -> None:
    emit(Event(ADAM_UNREACHABLE, now, hub.server.name,
               {"edge": edge.name, "reason": error.message}))  # fmt: skip
