"""An organisation for tests of trust and transport: real certificates, dicts as directories."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from directory.clock import ManualClock
from directory.entropy import SeededEntropy
from directory.model.entry import Entry
from edgesync.certificates.cmdlets.setup import setup_certificate
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.keys import BundledKeys
from edgesync.certificates.store import MachineStore
from edgesync.config import PROFILES, Policy, Version
from edgesync.events import Event
from edgesync.organization import setup
from edgesync.organization.address_hash import hash_with_type
from edgesync.organization.connectors import (
    LoggingLevel,
    ReceiveConnector,
    list_receive_connectors,
    write_connector,
)
from edgesync.organization.domains import AcceptedDomain
from edgesync.organization.names import ConfigurationNames, EdgeNames, ForestNames
from edgesync.organization.recipients import Recipient, mailbox_entry
from edgesync.organization.servers import ServerRole, publish_certificate, read_server
from edgesync.subscription.connectors import inbound_connector, internet_connector
from edgesync.transport.connector_choice import open_receiver
from edgesync.transport.delivery import MailboxStore
from edgesync.transport.handshake import HandshakeReport, Probe
from edgesync.transport.host import TransportHost, identity_of
from edgesync.transport.link import Dial, Link, LinkFailed, MemoryLink
from edgesync.transport.machine_accounts import add_machine_account, machine_secrets
from edgesync.transport.message import Submission
from edgesync.transport.queue import MailQueue
from edgesync.transport.recipient_lookup import ad_lookup, edge_lookup, home_server_name
from edgesync.transport.service import TransportService
from edgesync.trust.tls import TlsIdentity
from tests.support.dict_port import DictPort

START = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)
FOREST = ForestNames.of("contoso.test", "Contoso")
SITE = "Default-First-Site-Name"
EDGE_INSTANCE = UUID("11111111-2222-4333-8444-555555555555")


@dataclass
class Machine:
    """One server with handles on everything around it."""

    host: TransportHost
    directory: DictPort
    events: list[Event]
    received: list[Submission]
    address: str

    @property
    def name(self) -> str:
        return self.host.name

    @property
    def certificates(self) -> CertificateHost:
        return self.host.server

    @property
    def identity(self) -> TlsIdentity | None:
        """What the machine shows in X-ANONYMOUSTLS."""
        return identity_of(self.host.internal_certificate(), self.host)

    @property
    def event_names(self) -> list[str]:
        return [event.kind.name for event in self.events]

    @property
    def connector(self) -> ReceiveConnector:
        """The connector on port 25."""
        found = list_receive_connectors(self.directory, self.host.names, self.name)
        return next(c for c in found if c.port == 25)

    def configure(self, **changes: object) -> None:
        """Change the connector on port 25."""
        write_connector(self.directory, replace(self.connector, **changes))  # type: ignore[arg-type]  # its own fields

    def log_rows(self) -> list[str]:
        return [row.render() for row in self.host.receive_log.recent]


@dataclass
class Organization:
    """AD, its Hubs, and Edges each with their own ADAM."""

    version: Version = Version.EXCHANGE_2007
    policy: Policy = field(default_factory=Policy)
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    ad: DictPort = field(default_factory=DictPort)
    machines: dict[str, Machine] = field(default_factory=dict)
    keys: BundledKeys = field(default_factory=lambda: BundledKeys(7))
    services: dict[str, TransportService] = field(default_factory=dict)
    mailboxes: MailboxStore = field(default_factory=MailboxStore)
    strangers: dict[str, Dial] = field(default_factory=dict)
    unplugged: set[str] = field(default_factory=set)
    mx: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        setup.build_forest(self.ad, FOREST, (SITE, "Branch"))
        self.accept("contoso.test")

    def accept(self, domain: str) -> None:
        """Add an accepted domain to AD."""
        dn = FOREST.accepted_domains.child("CN", domain)
        setup.add_domain(self.ad, AcceptedDomain(dn, domain, domain))

    def hub(self, name: str, site: str = SITE) -> Machine:
        return self._install(name, ServerRole.HUB, self.ad, FOREST, site)

    def edge(self, name: str) -> Machine:
        directory = DictPort()
        names = EdgeNames.of(EDGE_INSTANCE)
        setup.build_edge_directory(directory, names)
        return self._install(name, ServerRole.EDGE, directory, names, "")

    def subscribe(self, edge: Machine) -> None:
        """What the subscription and a first sync leave behind: each directory knows the other."""
        entry = read_server(edge.directory, edge.host.names, edge.name)
        assert entry is not None
        copy = replace(entry, dn=FOREST.server(edge.name), site=FOREST.site(SITE))
        self.ad.entries[copy.dn] = copy.entry()
        for make in (inbound_connector, internet_connector):
            write_connector(self.ad, make(FOREST, SITE, copy.dn))
            write_connector(edge.directory, make(edge.host.names, SITE, entry.dn))
        self.replicate(edge)

    def subscribe_again(self, edge: Machine) -> None:
        """Remove the Edge from AD and subscribe it anew."""
        del self.ad.entries[FOREST.server(edge.name)]
        self.subscribe(edge)

    def replicate(self, edge: Machine) -> None:
        """One run of EdgeSync: Hub objects and accepted domains into ADAM."""
        for machine in self.machines.values():
            if machine.host.is_edge:
                continue
            found = read_server(self.ad, FOREST, machine.name)
            assert found is not None
            dn = edge.host.names.server(machine.name)
            edge.directory.entries[dn] = replace(found, dn=dn).entry()
        for dn, entry in list(self.ad.entries.items()):
            if dn.parent == FOREST.accepted_domains:
                copied = edge.host.names.accepted_domains.child("CN", dn.rdn.value)
                edge.directory.entries[copied] = Entry(copied, entry.attributes)
        settings = self.ad.entries[FOREST.transport_settings]
        target = edge.host.names.transport_settings
        edge.directory.entries[target] = Entry(target, settings.attributes)

    def mailbox(self, alias: str, home: str = "", *, inside_only: bool = False) -> str:
        """Add a mail-enabled user and give its address."""
        address = f"{alias}@contoso.test"
        person = Recipient(
            FOREST.users.child("CN", alias), alias, alias=alias, mail=address,
            proxy_addresses=(f"SMTP:{address}",), require_auth_to_send_to=inside_only,
        )  # fmt: skip
        entry = mailbox_entry(person)
        if home:
            legacy = home_server_name("Contoso", "Group", home).encode()
            entry = entry.with_attributes({"msExchHomeServerName": (legacy,)})
        self.ad.entries[entry.dn] = entry
        for machine in self.machines.values():
            if machine.host.is_edge:
                self._project(machine, person)
        return address

    def _project(self, edge: Machine, person: Recipient) -> None:
        names = edge.host.names
        assert isinstance(names, EdgeNames)
        hashed = tuple(hash_with_type(p) for p in person.proxy_addresses)
        dn = names.recipients.child("CN", person.name)
        edge.directory.entries[dn] = Entry(dn, {"cn": (b"x",), "proxyAddresses": hashed})

    def start_mail(self) -> None:
        """Give every machine a queue, and wires to the others."""
        secrets = machine_secrets(self.ad, FOREST, b"domain key")
        for machine in self.machines.values():
            host = machine.host
            if isinstance(host.names, EdgeNames):
                host.lookup = edge_lookup(machine.directory, host.names, host.policy)
            else:
                add_machine_account(self.ad, FOREST, machine.name, host.fqdn)
                host.lookup = ad_lookup(self.ad, FOREST)
                host.machine_secret = secrets
            self.services[machine.name] = TransportService(
                host,
                MailQueue(),
                self.mailboxes,
                self._dialer(machine),
                lambda domain: self.mx.get(domain, ()),
            )

    def settle(self, *, force: bool = False) -> None:
        """Run all queues until nothing moves."""
        for _ in range(20):
            reports = [service.run(force=force) for service in self.services.values()]
            if not any(r.delivered or r.relayed or r.returned for r in reports):
                return
            force = False
        raise AssertionError("mail does not come to rest")

    def _dialer(self, client: Machine) -> Dial:
        def dial(target: str, port: int) -> Link:
            if target in self.strangers:
                return self.strangers[target](target, port)
            for machine in self.machines.values():
                if target in (machine.host.fqdn, machine.name) and target not in self.unplugged:
                    return self.dial(client, machine, port)
            raise LinkFailed(f"{target}: no such host")

        return dial

    def dial(self, client: Machine, server: Machine, port: int = 25) -> MemoryLink:
        """Connect one machine to another, in memory."""
        local, remote = (
            f"{client.address}:{1024 + len(server.host.sessions)}",
            f"{server.address}:{port}",
        )
        receiver = open_receiver(server.host, local=remote, remote=local, port=port)
        if receiver is None:
            raise LinkFailed("connection refused")
        return MemoryLink(receiver, local=local, remote=remote)

    def probe(self, client: Machine, server: Machine, *, present: bool = True) -> HandshakeReport:
        """X-ANONYMOUSTLS from one machine to another."""
        identity = client.identity if present else None
        return Probe(client.host.fqdn, identity=identity).run(self.dial(client, server), self.clock)

    def _install(
        self, name: str, role: ServerRole, directory: DictPort, names: ConfigurationNames, site: str
    ) -> Machine:
        events: list[Event] = []
        fqdn = f"{name.lower()}.contoso.test"
        profile = PROFILES[self.version]
        server = setup.server_object(
            names, name, fqdn, role, profile, FOREST.site(site) if site else None
        )
        setup.add_server(directory, names, server)
        setup.add_default_connectors(directory, names, server)
        certificates = CertificateHost(
            name=name, fqdn=fqdn, roles=role, profile=profile, policy=self.policy,
            store=MachineStore(), directory=directory, server_dn=names.server(name),
            clock=self.clock, entropy=SeededEntropy(7, name), keys=self.keys, emit=events.append,
            accepted_domains=lambda: ("contoso.test",),
        )  # fmt: skip
        received: list[Submission] = []
        host = TransportHost(
            certificates, names, site=FOREST.site(site) if site else None, submit=received.append
        )
        machine = Machine(host, directory, events, received, f"10.0.0.{len(self.machines) + 1}")
        self.machines[name] = machine
        setup_certificate(certificates)
        machine.configure(protocol_logging_level=LoggingLevel.VERBOSE)
        return machine


def subscribed(version: Version = Version.EXCHANGE_2007, **policy: str) -> Organization:
    """HUB01 and EDGE01, subscribed and synced."""
    organization = Organization(version, Policy(**policy))  # type: ignore[arg-type]  # words of the policy
    organization.hub("HUB01")
    organization.subscribe(organization.edge("EDGE01"))
    return organization


__all__ = [
    "FOREST",
    "SITE",
    "START",
    "Machine",
    "Organization",
    "publish_certificate",
    "subscribed",
]
