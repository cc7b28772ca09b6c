"""The four truths of a server's internal transport certificate: they agree, or mail stops.

Installed in its store, presented to others, published in AD, replicated into each subscribed
Edge's ADAM (certificate-facts 1.1, 4.2). Each with where it was read and what wrote it last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cryptography import x509

from directory.model.dn import DN
from edgesync.certificates.certificate import MALFORMED, thumbprint
from edgesync.certificates.store import MachineStore
from edgesync.lab.lab import Lab
from edgesync.organization.names import ConfigurationNames
from edgesync.organization.servers import INTERNAL_CERTIFICATE, read_server
from edgesync.planning.changelog import Provenance, last_change
from edgesync.planning.observation import Installed, PeerFacts
from edgesync.trust.anchors import TRANSPORT_ROLES, certificate_of


class Kind(StrEnum):
    """Which of the four truths."""

    INSTALLED = "installed"
    PRESENTED = "presented"
    PUBLISHED = "published"
    REPLICATED = "replicated"


@dataclass(frozen=True, slots=True)
class Truth:
    """One copy of a certificate in one place. ``der`` None: the place is there and holds none."""

    kind: Kind
    where: str
    """A person's words for the place: ``AD``, ``ADAM of EDGE01``, ``store of HUB01``."""
    der: bytes | None
    dn: DN | None = None
    changed: Provenance | None = None
    usable: bool = True
    """Installed: whether the key is there and the transport service may read it."""
    services: str = ""

    @property
    def thumbprint(self) -> str:
        """SHA-1 as Exchange shows it; empty when there is no certificate."""
        return thumbprint(self.der) if self.der else ""

    @property
    def validity(self) -> tuple[datetime, datetime] | None:
        """NotBefore and NotAfter, UTC; None for what is not a certificate."""
        if self.der is None:
            return None
        try:
            certificate = x509.load_der_x509_certificate(self.der)
            span = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        except MALFORMED:
            return None
        return span

    def document(self) -> dict[str, Any]:
        """The truth as JSON."""
        valid = self.validity
        return {
            "kind": self.kind.value,
            "where": self.where,
            "dn": str(self.dn) if self.dn else None,
            "attribute": INTERNAL_CERTIFICATE if self.dn else None,
            "thumbprint": self.thumbprint or None,
            "sha256": hashlib.sha256(self.der).hexdigest().upper() if self.der else None,
            "not_before": _instant(valid[0]) if valid else None,
            "not_after": _instant(valid[1]) if valid else None,
            "usable": self.usable,
            "services": self.services,
            "changed": self.changed.document() if self.changed else None,
        }


@dataclass(frozen=True, slots=True)
class FourTruths:
    """Everything the lab holds about one server's internal transport certificate."""

    server: str
    installed: tuple[Truth, ...]
    named: Truth
    """What the server's own directory tells it to present: AD's copy, or an Edge's own ADAM."""
    published: Truth
    """AD's copy; for an Edge that is the subscription's."""
    replicated: tuple[Truth, ...]
    """Copies in the ADAM of subscribed Edges (of Hubs only)."""
    presented: tuple[Truth, ...] = ()
    """What was seen on the wire, when somebody looked."""

    @property
    def agree(self) -> bool:
        """Whether every copy that is there is one and the same, usable certificate."""
        copies = {t.der for t in (self.named, self.published, *self.replicated, *self.presented)}
        if len(copies) != 1 or None in copies:
            return False
        return any(t.der in copies and t.usable for t in self.installed)

    def all(self) -> Iterator[Truth]:
        """Every truth, in the order people ask for them."""
        yield from self.presented
        yield self.published
        if self.named.dn != self.published.dn:
            yield self.named
        yield from self.replicated
        yield from self.installed

    def document(self) -> dict[str, Any]:
        """The four truths as JSON."""
        return {
            "server": self.server,
            "agree": self.agree,
            "truths": [truth.document() for truth in self.all()],
        }


def four_truths(lab: Lab, server: str, *presented: Truth) -> FourTruths:
    """What is known of a server's internal transport certificate, everywhere it is kept."""
    name = lab.server(server).name
    published = published_copy(lab, name)
    own = _copy(lab, name, name, Kind.REPLICATED) if name in lab.edges else published
    return FourTruths(
        name,
        installed_in(lab.store(name), name),
        own,
        published,
        tuple(_copy(lab, edge, name, Kind.REPLICATED) for edge in replicas_of(lab, name)),
        presented,
    )


def published_copy(lab: Lab, server: str) -> Truth:
    """AD's copy of a server's certificate."""
    return _read(lab, lab.ad.names, server, Kind.PUBLISHED, "AD", lab.ad)


def _copy(lab: Lab, edge: str, server: str, kind: Kind) -> Truth:
    """The copy in one Edge's ADAM."""
    directory = lab.edge(edge)
    return _read(lab, directory.names, server, kind, f"ADAM of {directory.name}", directory)


def _read(
    lab: Lab, names: ConfigurationNames, server: str, kind: Kind, where: str, directory: Any
) -> Truth:
    dn = names.server(server)
    found = read_server(directory.port(lab.note), names, server)
    value = certificate_of(found.internal_certificate) if found else None
    return Truth(kind, where, value, dn, last_change(directory, dn, INTERNAL_CERTIFICATE))


def installed_in(store: MachineStore, server: str) -> tuple[Truth, ...]:
    """The certificates of a machine's own store; pending requests are none."""
    return tuple(
        Truth(
            Kind.INSTALLED,
            f"store of {server}",
            item.der,
            usable=item.has_private_key and item.network_service,
            services=str(item.services),
        )
        for item in store.certificates
        if not item.is_pending
    )


def subscribed(lab: Lab) -> tuple[str, ...]:
    """Edges that AD has a server object with a site for: the subscribed ones, by name."""
    names = lab.ad.names
    port = lab.ad_port()
    found = ((edge, read_server(port, names, edge)) for edge in sorted(lab.edges))
    return tuple(edge for edge, server in found if server is not None and server.site is not None)


def replicas_of(lab: Lab, server: str) -> tuple[str, ...]:
    """Edges whose ADAM should hold a server's certificate: a Hub's, of its site or of all."""
    if server in lab.edges:
        return ()
    names, port = lab.ad.names, lab.ad_port()
    hub = read_server(port, names, server)
    if hub is None or not hub.roles & TRANSPORT_ROLES:
        return ()
    everywhere = lab.description.trust_policy.hub_certificates == "organization"
    found = []
    for edge in subscribed(lab):
        known = read_server(port, names, edge)
        if everywhere or (known is not None and known.site == hub.site):
            found.append(edge)
    return tuple(found)


def peer_facts(lab: Lab, verifier: str, peer: str, *, offers: bool = True) -> PeerFacts:
    """The copies that decide why a peer's certificate is or is not the one expected."""
    published = published_copy(lab, peer).der
    trusted = (
        _copy(lab, verifier, peer, Kind.REPLICATED).der if verifier in lab.edges else published
    )
    named = _copy(lab, peer, peer, Kind.REPLICATED).der if peer in lab.edges else published
    installed = tuple(
        Installed(item.der, item.has_private_key and item.network_service,
                  item.not_before.timestamp())
        for item in lab.store(peer).certificates
        if not item.is_pending
    )  # fmt: skip
    return PeerFacts(published, trusted, named, installed, offers)


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
