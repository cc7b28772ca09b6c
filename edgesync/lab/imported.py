"""A lab of a real organisation: what its exports say, as it is, with the gaps filled and named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509

from directory.model.dn import DN
from directory.model.messages import AddRequest
from edgesync.certificates.certificate import KeyProvider, RootCAType, TransportCertificate
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.certificates.services import Services
from edgesync.lab.build import add_domain_controller, prepare_forest
from edgesync.lab.description import (
    ORIGIN,
    DomainDescription,
    LabDescription,
    ServerDescription,
)
from edgesync.lab.imported_web import imported_directories
from edgesync.lab.importers.exported import ExportedServer, OrganizationExport
from edgesync.lab.lab import Lab
from edgesync.organization import connectors, domains, setup
from edgesync.organization.client_access import add_client_access
from edgesync.organization.names import DEFAULT_SITE
from edgesync.organization.servers import ServerObject, ServerRole, publish_certificate, read_server
from edgesync.transport.machine_accounts import add_machine_account

_YEAR = timedelta(days=365.25)
_STAND_IN = "(stand-in)"


def describe(export: OrganizationExport, edges: Sequence[str] = (), *, seed: int) -> LabDescription:
    """The lab on paper: the exported servers, and Edges that shall be added."""
    sites = dict.fromkeys(server.site or DEFAULT_SITE for server in export.servers)
    servers = [_described(server) for server in export.servers]
    servers += [
        ServerDescription(name, "edge", f"{name.lower()}.{export.forest}") for name in edges
    ]
    return LabDescription(
        name=export.organization or export.forest,
        forest=export.forest,
        organization=export.organization,
        version=export.version,
        sites=tuple(sites) or (DEFAULT_SITE,),
        servers=tuple(servers),
        domains=tuple(
            DomainDescription(item.domain, item.kind.value, item.name)
            for item in export.accepted_domains
        ),
        recipients=0,
        seed=seed,
        started=export_time(export),
        source="import",
    )


def export_time(export: OrganizationExport) -> datetime:
    """When the exports were made, as far as they tell: the lab's clock starts there.

    Not before the newest object was last changed, and not before a certificate that was Valid
    had begun.
    """
    began = [
        x509.load_der_x509_certificate(item.der).not_valid_before_utc + timedelta(days=1)
        for item in export.certificates
        if item.status == "Valid"
    ]
    known = [*began, *([export.last_changed] if export.last_changed else [])]
    return max(known).replace(microsecond=0) if known else ORIGIN


def _described(server: ExportedServer) -> ServerDescription:
    role = server.roles.word
    site = "" if role == "edge" else server.site or DEFAULT_SITE
    return ServerDescription(server.name, "hub" if role == "mailbox" else role, server.fqdn, site)


def populate_from(lab: Lab, export: OrganizationExport) -> None:
    """Fill an empty lab with what the exports say."""
    ad = lab.ad_port()
    prepare_forest(lab)
    for accepted in export.accepted_domains:
        setup.add_domain(ad, accepted)
    for remote in export.remote_domains:
        setup.add_domain(ad, remote)
    if export.transport_config is not None:
        domains.write_transport_config(ad, export.transport_config)
    for server in export.servers:
        _add_server(lab, export, server)
    for connector in export.send_connectors:
        ad.add(AddRequest(connectors.entry_of(connector)))
    add_domain_controller(lab)


def _add_server(lab: Lab, export: OrganizationExport, server: ExportedServer) -> None:
    names, port = lab.names_of(server.name), lab.port_of(server.name)
    site: DN | None = lab.ad.names.site(server.site) if server.site else None
    entry = ServerObject(
        names.server(server.name),
        server.name,
        server.roles,
        site=site,
        internal_certificate=export.published.get(server.name),
        serial_number=server.serial_number or lab.description.profile.serial_number,
        version_number=server.version_number,
    ).with_fqdn(server.fqdn)
    setup.add_server(port, names, entry)
    if lab.description.has_web_site(lab.server(server.name)):
        add_client_access(port, names, entry, imported_directories(names, entry, export))
    if not server.roles & ServerRole.EDGE:
        add_machine_account(lab.ad_port(), lab.ad.names, server.name, server.fqdn)
    receive = export.receive_connectors.get(server.name)
    for connector in receive or setup.default_receive_connectors(names, entry):
        port.add(AddRequest(connectors.entry_of(connector)))
    store = lab.store(server.name)
    for item in export.certificates:
        if item.server.casefold() != server.name.casefold():
            continue
        certificate = x509.load_der_x509_certificate(item.der)
        kept = TransportCertificate(
            certificate,
            services=item.services or Services.NONE,
            friendly_name=item.friendly_name,
            exportable=bool(item.exportable),
            key_provider=KeyProvider.CNG if item.provider_type == 0 else KeyProvider.CAPI,
        )
        store.put(kept)
        if kept.is_self_signed:
            store.trust(certificate, RootCAType.REGISTRY)


@dataclass(frozen=True, slots=True)
class StandIn:
    """A certificate of the lab's own in the place of a real one whose key nobody exported."""

    server: str
    real: str
    thumbprint: str
    is_published: bool = False
    """Published instead, as internal transport certificate; else presented to clients only."""

    def __str__(self) -> str:
        does = "is published instead" if self.is_published else "is what clients are shown"
        return (
            f"{self.server}: the exports hold no private key of {self.real}; a certificate of the "
            f"same profile with a key of the lab's own, {self.thumbprint}, stands in for it and "
            f"{does}"
        )


def stand_in(lab: Lab, server: str) -> StandIn | None:
    """Give a server that must present its internal certificate one it has the key of.

    Nothing happens when it has the key already, or publishes nothing. The real certificate stays
    in its store, and the change log keeps that it was published.
    """
    described = lab.server(server)
    known = read_server(lab.port_of(server), lab.names_of(server), described.name)
    if known is None or known.internal_certificate is None:
        return None
    real = TransportCertificate(x509.load_der_x509_certificate(known.internal_certificate))
    store = lab.store(server)
    held = store.get(real.thumbprint)
    if held is not None and held.has_private_key:
        return None
    substitute = _substitute(lab, server, held or real, held.services if held else Services.SMTP)
    publish_certificate(lab.port_of(server), known.dn, substitute.der)
    return StandIn(described.name, real.thumbprint, substitute.thumbprint, is_published=True)


def stand_ins_for_clients(lab: Lab) -> list[StandIn]:
    """Give each web site that is bound to a certificate without its key one to present."""
    made = []
    for server in filter(lab.description.has_web_site, lab.servers()):
        bound = [c for c in lab.store(server.name).certificates if Services.IIS in c.services]
        if not bound or any(c.has_private_key for c in bound):
            continue
        services = bound[0].services & (Services.IIS | Services.POP | Services.IMAP)
        substitute = _substitute(lab, server.name, bound[0], services)
        made.append(StandIn(server.name, bound[0].thumbprint, substitute.thumbprint))
    return made


def _substitute(
    lab: Lab, server: str, real: TransportCertificate, services: Services
) -> TransportCertificate:
    """A certificate of the same profile with a key of the lab's own; one for each real one."""
    store = lab.store(server)
    name = f"{real.friendly_name or 'Microsoft Exchange'} {_STAND_IN}"
    for known in store.certificates:
        if known.friendly_name == name and known.domains == real.domains and known.has_private_key:
            widened = replace(known, services=known.services | services)
            store.put(widened)
            return widened
    host = lab.host(server)
    key = host.next_key(real.key_size or 2048)
    years = max(1, round((real.not_after - real.not_before) / _YEAR))
    certificate = issue_self_signed(
        CertificateSubject(real.certificate.subject, _names(real)),
        key,
        now=real.not_before,
        serial=serial_number(host.entropy),
        profile=IssueProfile(years),
    )
    substitute = TransportCertificate(
        certificate, key, services=services, friendly_name=name, network_service=True
    )
    store.put(substitute)
    store.trust(certificate, RootCAType.REGISTRY)
    return substitute


def _names(real: TransportCertificate) -> tuple[str, ...]:
    try:
        extension = real.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(extension.value.get_values_for_type(x509.DNSName))
