"""From a description to a living lab: what setup would have done on every machine."""

from __future__ import annotations

from uuid import UUID

from directory.entropy import SeededEntropy
from directory.model.messages import AddRequest
from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.cmdlets.setup import setup_certificate
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.lab.description import LabDescription, ServerDescription
from edgesync.lab.directories import AD
from edgesync.lab.lab import Lab
from edgesync.lab.people import people
from edgesync.organization import setup
from edgesync.organization.client_access import add_client_access
from edgesync.organization.domains import AcceptedDomain, DomainKind, RemoteDomain
from edgesync.organization.names import ADMINISTRATIVE_GROUP, ConfigurationNames
from edgesync.organization.virtual_directories import default_directories
from edgesync.sync.service_config import new_service_config, of_profile
from edgesync.transport.machine_accounts import add_machine_account
from edgesync.transport.recipient_lookup import HOME_SERVER, home_server_name

DOMAIN_CONTROLLER = "dc01"
_CONTROLLER_YEARS = 5


def edge_instance(description: LabDescription, edge: str) -> UUID:
    """GUID of an Edge's ADAM instance: part of its configuration partition's name."""
    return SeededEntropy(description.seed, f"adam/{edge}").uuid()


def populate(lab: Lab) -> None:
    """Fill a lab's empty directories and machines as its description says."""
    description = lab.description
    ad = lab.ad_port()
    names = lab.ad.names
    prepare_forest(lab)
    _add_domains(lab)
    for server in lab.servers():
        install(lab, server)
    add_domain_controller(lab)
    homes = [
        home_server_name(description.organization, ADMINISTRATIVE_GROUP, server.name).encode()
        for server in lab.servers("hub", "mailbox")
    ]
    for number, entry in enumerate(people(names, description.recipients)):
        home = (homes[number % len(homes)],) if homes else ()
        ad.add(AddRequest(entry.with_attributes({HOME_SERVER: home})))


def prepare_forest(lab: Lab) -> None:
    """AD after PrepareAD, and EdgeSync's service configuration where the version has one."""
    description, ad = lab.description, lab.ad_port()
    setup.build_forest(ad, lab.ad.names, description.sites)
    if description.profile.sync_editable:  # since 2010 setup makes one for each site
        for site in description.sites:
            new_service_config(ad, lab.ad.names, site, of_profile(description.profile))


def install(lab: Lab, server: ServerDescription) -> None:
    """What the setup of one server writes into its directory, and its certificate."""
    if server.role == "edge":
        setup.build_edge_directory(lab.edge_port(server.name), lab.edge(server.name).names)
    names: ConfigurationNames = lab.names_of(server.name)
    port = lab.port_of(server.name)
    site = lab.ad.names.site(server.site) if server.site else None
    entry = setup.server_object(
        names, server.name, server.fqdn, server.roles, lab.description.profile, site
    )
    setup.add_server(port, names, entry)
    if server.role != "edge":
        add_machine_account(lab.ad_port(), lab.ad.names, server.name, server.fqdn)
    setup.add_default_connectors(port, names, entry)
    setup_certificate(lab.host(server.name))
    if lab.description.has_web_site(server):
        directories = default_directories(names, entry, lab.description.version)
        add_client_access(port, names, entry, directories)


def add_domain_controller(lab: Lab) -> None:
    """AD's own certificate, for LDAPS: self-signed like everything in the lab."""
    host = f"{DOMAIN_CONTROLLER}.{lab.description.forest}"
    key = lab.keys.next_key(AD)
    certificate = issue_self_signed(
        CertificateSubject.of_server(DOMAIN_CONTROLLER.upper(), host),
        key,
        now=lab.clock.now(),
        serial=serial_number(lab.entropy("certificates/AD")),
        profile=IssueProfile(_CONTROLLER_YEARS),
    )
    lab.machines[AD].put(TransportCertificate(certificate, key, friendly_name="Domain controller"))


def _add_domains(lab: Lab) -> None:
    names = lab.ad.names
    port = lab.ad_port()
    for number, item in enumerate(lab.description.domains):
        name = item.name or item.domain
        dn = names.accepted_domains.child("CN", name)
        domain = AcceptedDomain(dn, name, item.domain, DomainKind(item.kind), number == 0)
        setup.add_domain(port, domain)
    dn = names.remote_domains.child("CN", "Default")
    setup.add_domain(port, RemoteDomain(dn, "Default", "*"))
