"""New-EdgeSubscription in the organisation: what an import writes into AD (edgesync-facts 1.3).

Resubscribing is the same import again: the Edge's object is overwritten and every Hub of the site
gets new credentials, which is how a Hub added later joins.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from directory.entropy import Entropy
from directory.model import modification as change
from directory.model.messages import ModifyRequest
from edgesync.config import Policy, VersionProfile
from edgesync.errors import NoSuchThing, RefusedByRule
from edgesync.events import CREDENTIAL_CREATED, SUBSCRIPTION_IMPORTED, Emit, Event
from edgesync.organization import setup
from edgesync.organization.mapping import changes, dump
from edgesync.organization.names import ForestNames
from edgesync.organization.servers import ServerObject, ServerRole, list_servers, read_server
from edgesync.port.port import DirectoryPort, read
from edgesync.subscription.connectors import add_source, inbound_connector, internet_connector
from edgesync.subscription.credentials import (
    ATTRIBUTE,
    CredentialRecord,
    Secret,
    encode_record,
    encrypt,
    new_password,
    readable_records,
    replication_name,
)
from edgesync.subscription.file import SubscriptionFile


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    edge: str
    site: str
    resubscribed: bool
    hubs: tuple[str, ...]
    """Hubs that got credentials and take part in EdgeSync."""
    left_out: tuple[str, ...]
    """Hubs of the site without an internal transport certificate."""
    connectors: tuple[str, ...]
    bootstrap_expires_at: datetime


def import_subscription(
    port: DirectoryPort,
    names: ForestNames,
    file: SubscriptionFile,
    site: str,
    *,
    now: datetime,
    policy: Policy,
    profile: VersionProfile,
    entropy: Entropy,
    emit: Emit,
    create_internet_connector: bool = True,
    create_inbound_connector: bool = True,
) -> Imported:
    """Subscribe an Edge to an AD site, or subscribe it again.

    Raises:
        RefusedByRule: the bootstrap account has expired, the Edge belongs to another site, its
            name is another server's, or the site has no Hub that could sync.
        NoSuchThing: there is no such site.
        KeyUnavailable: a certificate whose key is not RSA.
    """
    existing = _check(port, names, file, site, now)
    hubs = list_servers(port, names, role=ServerRole.HUB, site=names.site(site))
    able = [hub for hub in hubs if hub.internal_certificate is not None]
    if not able:
        raise RefusedByRule(
            f"site {site} has no Hub Transport server with an internal transport certificate",
            "subscribe to a site that has one; edgesync server list shows them",
        )
    edge = _edge_object(names, file, site, profile)
    old = existing.credentials if existing else ()
    edge_values = [encode_record(_bootstrap(edge.fqdn, file, file.certificate))]
    for hub in able:
        own, published = _hub_records(edge, hub, file, old, now, policy, entropy, emit)
        edge_values.append(published)
        _replace_records(port, hub, edge.fqdn, own)
    _write_edge(port, names, existing, replace(edge, credentials=tuple(edge_values)))
    made = _connectors(port, names, site, edge, internet=create_internet_connector,
                       inbound=create_inbound_connector)  # fmt: skip
    emit(Event(SUBSCRIPTION_IMPORTED, now, edge.name, {"edge": edge.name, "site": site}))
    return Imported(
        edge.name, site, existing is not None, tuple(h.name for h in able),
        tuple(h.name for h in hubs if h.internal_certificate is None), made, file.expires_at,
    )  # fmt: skip


def _check(
    port: DirectoryPort, names: ForestNames, file: SubscriptionFile, site: str, now: datetime
) -> ServerObject | None:
    if now >= file.expires_at:
        raise RefusedByRule(
            f"the bootstrap account {file.user_name} expired at {file.expires_at.isoformat()}",
            f"export again: edgesync subscription export {file.edge_server_name}",
        )
    if read(port, names.site(site), ("cn",)) is None:
        raise NoSuchThing(f"no AD site {site!r}", "edgesync directory tree --server ad shows sites")
    existing = read_server(port, names, file.edge_server_name)
    if existing is None:
        return None
    if not existing.roles & ServerRole.EDGE:
        raise RefusedByRule(
            f"{existing.name} is a server of the organisation, not an Edge",
            "an Edge needs a name of its own",
        )
    if existing.site is not None and existing.site != names.site(site):
        raise RefusedByRule(
            f"{existing.name} is subscribed to site {existing.site.rdn.value}",
            f"edgesync subscription remove {existing.name} first: an Edge has one site",
        )
    return existing


def _edge_object(
    names: ForestNames, file: SubscriptionFile, site: str, profile: VersionProfile
) -> ServerObject:
    public_key = x509.load_der_x509_certificate(file.certificate).public_key()
    return ServerObject(
        names.server(file.edge_server_name),
        file.edge_server_name,
        ServerRole.EDGE,
        site=names.site(site),
        internal_certificate=file.certificate,
        serial_number=file.serial_number,
        version_number=profile.version_number,
        product_id=file.product_id,
        adam_ssl_port=file.adam_ssl_port,
        public_key=public_key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    ).with_fqdn(file.edge_server_fqdn)


def _bootstrap(fqdn: str, file: SubscriptionFile, reader: bytes) -> CredentialRecord:
    secret = Secret(file.password.encode())
    return CredentialRecord(
        fqdn, "", file.effective_at, file.expires_at, file.user_name, encrypt(secret, reader)
    )


def _hub_records(
    edge: ServerObject,
    hub: ServerObject,
    file: SubscriptionFile,
    old: Iterable[bytes],
    now: datetime,
    policy: Policy,
    entropy: Entropy,
    emit: Emit,
) -> tuple[list[bytes], bytes]:
    """One Hub's own records (bootstrap and ESRA), and the Edge's copy of the ESRA."""
    assert hub.internal_certificate is not None
    assert edge.internal_certificate is not None
    used = [
        record.number
        for _, record in readable_records((*hub.credentials, *old))
        if record.source_server_fqdn == hub.fqdn and record.target_server_fqdn == edge.fqdn
    ]
    record = CredentialRecord(
        edge.fqdn, hub.fqdn, now, now + policy.credential_lifetime,
        replication_name(edge.name, hub.name, max(used, default=-1) + 1), b"",
    )  # fmt: skip
    secret = new_password(entropy, hub.internal_certificate, edge.internal_certificate)
    own = [
        encode_record(_bootstrap(edge.fqdn, file, hub.internal_certificate)),
        encode_record(replace(record, password=encrypt(secret, hub.internal_certificate))),
    ]
    published = replace(record, password=encrypt(secret, edge.internal_certificate))
    emit(Event(CREDENTIAL_CREATED, now, hub.name, {
        "user": record.user_name, "effective": record.effective_at.isoformat(),
        "until": record.expires_at.isoformat(),
    }))  # fmt: skip
    return own, encode_record(published)


def _replace_records(
    port: DirectoryPort, hub: ServerObject, target: str, own: Iterable[bytes]
) -> None:
    """Put a Hub's records for one Edge in place of the old ones, in one Modify.

    Values are deleted and added by value, so that records for other Edges written meanwhile stay.
    """
    stale = [v for v, r in readable_records(hub.credentials) if r.target_server_fqdn == target]
    modifications = [change.delete(ATTRIBUTE, *stale)] if stale else []
    port.modify(ModifyRequest(hub.dn, (*modifications, change.add(ATTRIBUTE, *own))))


def _write_edge(
    port: DirectoryPort, names: ForestNames, existing: ServerObject | None, edge: ServerObject
) -> None:
    if existing is None:
        setup.add_server(port, names, edge)
        return
    modifications = changes(dump(existing), edge)
    if modifications:
        port.modify(ModifyRequest(edge.dn, modifications))
    setup.ensure_containers(port, names, edge.name)  # the one before may have been cut short


def _connectors(
    port: DirectoryPort, names: ForestNames, site: str, edge: ServerObject,
    *, internet: bool, inbound: bool,
) -> tuple[str, ...]:  # fmt: skip
    wanted = []
    if inbound:
        wanted.append(inbound_connector(names, site, edge.dn))
    if internet:
        wanted.append(internet_connector(names, site, edge.dn))
    for connector in wanted:
        add_source(port, names, connector)
    return tuple(connector.name for connector in wanted)
