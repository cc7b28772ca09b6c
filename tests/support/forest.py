"""A small organisation on embedded directories: AD, Hubs, Edges, recipients, no lab around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from directory.clock import ManualClock
from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.instance import DirectoryConfiguration, local_session, open_directory
from directory.entropy import SeededEntropy
from directory.model.entry import Entry
from directory.model.messages import AddRequest
from edgesync.config import PROFILES, Policy, Version, VersionProfile
from edgesync.events import Event
from edgesync.organization import setup
from edgesync.organization.domains import AcceptedDomain, RemoteDomain
from edgesync.organization.names import DEFAULT_SITE, EdgeNames, ForestNames
from edgesync.organization.recipients import Recipient, mailbox_entry
from edgesync.organization.servers import (
    ServerObject,
    ServerRole,
    publish_certificate,
    read_server,
)
from edgesync.port.embedded import EmbeddedPort
from edgesync.port.pinning import pinned_session
from edgesync.port.port import DirectoryPort
from edgesync.subscription.channel import EdgeSession, HubIdentity, open_edge_session
from edgesync.subscription.credential_service import (
    CredentialServiceReport,
    run_credential_service,
)
from edgesync.subscription.credentials import Secret, readable_records
from edgesync.subscription.export import export_subscription
from edgesync.subscription.file import SubscriptionFile
from edgesync.subscription.subscribe import Imported, import_subscription
from edgesync.sync.context import RunRecorder, SyncContext
from edgesync.sync.kinds import Job
from edgesync.sync.report import SyncRun
from edgesync.sync.run import ALL_JOBS, run_sync
from tests.support.certificates import ISSUED_AT, server_certificate

PASSWORD = b"test-only"
QUICK_HASH = 4
"""scrypt's cost in tests, as a power of two: nothing here has to withstand guessing."""


@dataclass
class EdgeMachine:
    """One Edge: its ADAM, its names, the certificate it presents."""

    name: str
    agent: DirectoryServiceAgent
    names: EdgeNames
    presented: bytes
    key: rsa.RSAPrivateKey
    port: EmbeddedPort

    def renew(self, turn: int = 1) -> None:
        """Another certificate becomes the internal one, here only."""
        self.presented, self.key = server_certificate(self.name, turn)
        publish_certificate(self.port, self.names.server(self.name), self.presented)


@dataclass
class Forest:
    """AD and the Edges around it, driven by hand."""

    version: Version = Version.EXCHANGE_2016
    policy: Policy = field(default_factory=Policy)
    clock: ManualClock = field(default_factory=lambda: ManualClock(ISSUED_AT + timedelta(days=1)))

    def __post_init__(self) -> None:
        self.names = ForestNames.of("contoso.test", "Contoso")
        self.events: list[Event] = []
        self.entropy = SeededEntropy(7, "forest")
        self.edges: dict[str, EdgeMachine] = {}
        self.hub_keys: dict[str, rsa.RSAPrivateKey] = {}
        configuration = DirectoryConfiguration(
            profile="ad",
            naming_contexts=(self.names.domain, self.names.configuration),
            schema_texts=(setup.schema_text(),),
            admin_dn=self.names.users.child("CN", "Administrator"),
            admin_password=PASSWORD,
            dns_host_name="dc01.contoso.test",
            password_cost_log2=QUICK_HASH,
        )
        self.agent = open_directory(configuration, clock=self.clock, entropy=SeededEntropy(7, "ad"))
        self.ad = EmbeddedPort(self.agent, local_session(self.agent))
        setup.build_forest(self.ad, self.names, (DEFAULT_SITE, "Branch"))
        self.add_domain("contoso.test")
        dn = self.names.remote_domains.child("CN", "Default")
        setup.add_domain(self.ad, RemoteDomain(dn, "Default", "*"))

    @property
    def profile(self) -> VersionProfile:
        return PROFILES[self.version]

    def add_domain(self, domain: str) -> AcceptedDomain:
        dn = self.names.accepted_domains.child("CN", domain)
        item = AcceptedDomain(dn, domain, domain)
        setup.add_domain(self.ad, item)
        return item

    def add_hub(self, name: str, site: str = DEFAULT_SITE) -> ServerObject:
        fqdn = f"{name.lower()}.contoso.test"
        der, key = server_certificate(name)
        server = setup.server_object(
            self.names, name, fqdn, ServerRole.HUB | ServerRole.MAILBOX, self.profile,
            self.names.site(site),
        )  # fmt: skip
        setup.add_server(self.ad, self.names, server)
        publish_certificate(self.ad, server.dn, der)
        self.hub_keys[name] = key
        return self.server(name)

    def add_edge(self, name: str) -> EdgeMachine:
        names = EdgeNames.of(SeededEntropy(7, f"adam/{name}").uuid())
        configuration = DirectoryConfiguration(
            profile="adam",
            naming_contexts=(names.configuration, names.gateway),
            schema_texts=(setup.schema_text(),),
            admin_dn=names.configuration.child("CN", "Administrator"),
            admin_password=PASSWORD,
            replication_accounts=names.accounts,
            dns_host_name=f"{name.lower()}.contoso.test",
            password_cost_log2=QUICK_HASH,
        )
        agent = open_directory(configuration, clock=self.clock, entropy=SeededEntropy(7, name))
        port = EmbeddedPort(agent, local_session(agent))
        setup.build_edge_directory(port, names)
        fqdn = f"{name.lower()}.contoso.test"
        server = setup.server_object(names, name, fqdn, ServerRole.EDGE, self.profile)
        setup.add_server(port, names, server)
        der, key = server_certificate(name)
        publish_certificate(port, server.dn, der)
        self.edges[name] = EdgeMachine(name, agent, names, der, key, port)
        return self.edges[name]

    def add_recipients(self, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            self.ad.add(AddRequest(self.recipient(number)))

    def recipient(self, number: int) -> Entry:
        name = f"User {number:04}"
        address = f"user{number}@contoso.test"
        return mailbox_entry(
            Recipient(self.names.users.child("CN", name), name, alias=f"user{number}",
                      mail=address, proxy_addresses=(f"SMTP:{address}",)),
            account=f"user{number}",
        )  # fmt: skip

    def server(self, name: str) -> ServerObject:
        found = read_server(self.ad, self.names, name)
        assert found is not None
        return found

    def export(
        self, edge: str = "EDGE01", account_expiry: timedelta | None = None
    ) -> SubscriptionFile:
        machine = self.edges[edge]
        return export_subscription(
            machine.port, machine.names, edge, now=self.clock.now(), profile=self.profile,
            entropy=self.entropy, emit=self.events.append, account_expiry=account_expiry,
        )  # fmt: skip

    def import_(
        self, file: SubscriptionFile, site: str = DEFAULT_SITE, **switches: bool
    ) -> Imported:
        return import_subscription(
            self.ad, self.names, file, site, now=self.clock.now(), policy=self.policy,
            profile=self.profile, entropy=self.entropy, emit=self.events.append, **switches,
        )  # fmt: skip

    def subscribe(self, edge: str, site: str = DEFAULT_SITE, **switches: bool) -> Imported:
        return self.import_(self.export(edge), site, **switches)

    def credential_users(self, server: str) -> list[str]:
        """Whose credentials a server's object holds, as AD has it."""
        records = readable_records(self.server(server).credentials)
        return [record.user_name for _, record in records]

    def open_session(self, hub: str, edge: str) -> EdgeSession:
        """As the Hub would over LDAPS: certificate compared, then a credential."""
        machine = self.edges[edge]

        def connect(expected: bytes, user: str, secret: Secret) -> DirectoryPort:
            return pinned_session(
                machine.agent, presented=machine.presented, expected=expected,
                bind_name=str(machine.names.account(user)), password=secret.reveal(), peer=edge,
                note=f"EdgeSync from {hub}",
            )  # fmt: skip

        identity = HubIdentity(self.server(hub), self.hub_keys[hub])
        return open_edge_session(
            identity, self.server(edge), connect, now=self.clock.now(), emit=self.events.append
        )

    def context(self, hub: str, edge: str, **more: Any) -> SyncContext:
        site = self.server(edge).site
        return SyncContext(
            hub, edge, self.ad, lambda name: self.open_session(hub, name).port, self.names,
            site.rdn.value if site else "", self.profile.sync, self.policy, self.events.append,
            clock=self.clock, **more,
        )  # fmt: skip

    def sync(
        self,
        hub: str = "HUB01",
        edge: str = "EDGE01",
        jobs: tuple[Job, ...] = ALL_JOBS,
        history: RunRecorder | None = None,
        **options: Any,
    ) -> SyncRun:
        context = self.context(hub, edge, history=history)
        return run_sync(context, now=self.clock.now(), jobs=jobs, **options)

    def credential_service(self, edge: str = "EDGE01") -> CredentialServiceReport:
        machine = self.edges[edge]
        return run_credential_service(
            machine.port, machine.names, edge, machine.key, now=self.clock.now(),
            emit=self.events.append,
        )  # fmt: skip

    def event_names(self) -> list[str]:
        return [event.kind.name for event in self.events]


def small_forest(recipients: int = 5, version: Version = Version.EXCHANGE_2016) -> Forest:
    """Two Hubs and one Edge in the first site, one Hub in the second, nothing subscribed."""
    forest = Forest(version)
    forest.add_hub("HUB01")
    forest.add_hub("HUB02")
    forest.add_hub("HUB03", "Branch")
    forest.add_edge("EDGE01")
    forest.add_recipients(recipients)
    return forest
