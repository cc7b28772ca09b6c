"""EdgeSync as services of the lab's servers: who opens which session, what runs when.

The engine, the subscription and the credentials know nothing of labs; this is where a Hub's store,
AD, an Edge's ADAM and the wires between them meet.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from edgesync.certificates.certificate import KeyProvider, TransportCertificate
from edgesync.config import SyncTiming
from edgesync.errors import NoSuchThing, PortUnavailable
from edgesync.lab.adam_port import reach_adam
from edgesync.lab.edge_sync_log import EdgeSyncLogs
from edgesync.lab.faults.book import Wire
from edgesync.lab.faults.struck_port import open_session
from edgesync.lab.imported import StandIn, stand_in
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.lab.paths import LabFolder
from edgesync.organization.servers import ServerObject, ServerRole, list_servers, read_server
from edgesync.port.pinning import pinned_session
from edgesync.port.pipelined import PipelinedPort
from edgesync.port.port import DirectoryPort
from edgesync.subscription.accounts import account_dn, list_accounts
from edgesync.subscription.channel import (
    Connect,
    EdgeSession,
    HubIdentity,
    open_edge_session,
    usable_credentials,
)
from edgesync.subscription.credential_service import (
    CredentialServiceReport,
    run_credential_service,
)
from edgesync.subscription.credentials import (
    CredentialRecord,
    Secret,
    decrypt,
    readable_records,
)
from edgesync.subscription.export import export_subscription
from edgesync.subscription.file import SubscriptionFile
from edgesync.subscription.renewal import (
    complete_first_session,
    next_credential,
    try_next_credential,
)
from edgesync.subscription.subscribe import Imported, import_subscription
from edgesync.sync.context import SyncContext
from edgesync.sync.kinds import Job
from edgesync.sync.report import Result, SyncRun
from edgesync.sync.run import ALL_JOBS, run_sync
from edgesync.sync.service_config import timing_of

if TYPE_CHECKING:
    from edgesync.sync.history import History


class EdgeSync:
    """What MSExchangeEdgeSync and the Credential Service do in this lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.network = lab.service(Network)
        self._history: History | None = None
        self.logs = EdgeSyncLogs(lab)
        self.stopwatch: Callable[[], float] | None = None
        """What runs are timed with; None: the lab's clock, which may stand still."""
        self.should_stop: Callable[[], bool] = lambda: False
        """Asked between batches of a run: true ends it, with the cookie where the data are."""
        self.stop_watch = threading.Event()
        """Ends a ``sync watch``."""
        self.through: Callable[[str, str, DirectoryPort], DirectoryPort] = _as_it_is
        """What lies between a Hub, an Edge and the Edge's ADAM: faults, in a simulation."""
        self.source_through: Callable[[str, str, DirectoryPort], DirectoryPort] = _as_it_is
        """What lies between a Hub, an Edge it synchronizes and the AD it reads."""
        self.brought_nearer: Callable[[str], int] = lambda _edge: 0
        """Counts what brings a fault nearer that waits upon the way to an Edge."""
        self.after_run: list[Callable[[str, Job, datetime, Result], None]] = []
        """Told of every run that wrote: the schedule counts from there."""

    @property
    def history(self) -> History:
        """Past runs, kept in the lab's folder."""
        if self._history is None:
            # sqlite-utils takes a tenth of a second to import: only who syncs pays for it
            from edgesync.sync.history import History

            root = self.lab.root
            self._history = History(LabFolder(root).history if root else None)
        return self._history

    def close(self) -> None:
        """Let the history's file go."""
        if self._history is not None:
            self._history.close()
            self._history = None

    # subscriptions ---------------------------------------------------------------------------

    def export(self, edge: str, *, account_expiry: timedelta | None = None) -> SubscriptionFile:
        """New-EdgeSubscription on the Edge."""
        lab = self.lab
        directory = lab.edge(edge)
        return export_subscription(
            lab.edge_port(edge),
            directory.names,
            directory.name,
            now=lab.clock.now(),
            profile=lab.description.profile,
            entropy=lab.entropy(f"subscription/{directory.name}"),
            emit=lab.emit,
            account_expiry=account_expiry,
        )

    def import_(
        self,
        file: SubscriptionFile,
        site: str,
        *,
        create_internet_connector: bool = True,
        create_inbound_connector: bool = True,
    ) -> tuple[Imported, tuple[StandIn, ...]]:
        """New-EdgeSubscription in the organisation.

        Hubs of an imported organisation whose keys nobody exported get stand-ins first: from
        here on they must present a certificate.
        """
        lab = self.lab
        substitutes = tuple(
            found
            for hub in lab.servers("hub")
            if hub.site.casefold() == site.casefold() and (found := stand_in(lab, hub.name))
        )
        imported = import_subscription(
            lab.ad_port(),
            lab.ad.names,
            file,
            site,
            now=lab.clock.now(),
            policy=lab.description.trust_policy,
            profile=lab.description.profile,
            entropy=lab.entropy("subscription/AD"),
            emit=lab.emit,
            create_internet_connector=create_internet_connector,
            create_inbound_connector=create_inbound_connector,
        )
        return imported, substitutes

    def subscribe(self, edge: str, site: str) -> Imported:
        """Export and import in one go."""
        return self.import_(self.export(edge), site)[0]

    # sessions --------------------------------------------------------------------------------

    def edge_object(self, edge: str) -> ServerObject:
        """The Edge as AD knows it.

        Raises:
            NoSuchThing: when it is not subscribed.
        """
        name = self.lab.edge(edge).name
        found = read_server(self.lab.ad_port(), self.lab.ad.names, name)
        if found is None:
            raise NoSuchThing(
                f"{name} is not subscribed", f"edgesync subscription export {name}, then import"
            )
        return found

    def subscribed(self) -> tuple[ServerObject, ...]:
        """Edges that AD knows."""
        known = list_servers(self.lab.ad_port(), self.lab.ad.names, role=ServerRole.EDGE)
        return tuple(edge for edge in known if edge.name in self.lab.edges)

    def hubs_of(self, edge: ServerObject) -> tuple[ServerObject, ...]:
        """Hubs of the site an Edge is subscribed to, by name."""
        return list_servers(
            self.lab.ad_port(), self.lab.ad.names, role=ServerRole.HUB, site=edge.site
        )

    def identity(self, hub: str) -> HubIdentity:
        """A Hub with the key of its internal transport certificate."""
        name = self.lab.server(hub).name
        server = read_server(self.lab.ad_port(), self.lab.ad.names, name)
        if server is None:
            raise NoSuchThing(f"{name} has no object in AD", "edgesync server list")
        certificate = self._own(name)
        if certificate is None:
            return HubIdentity(server, None)
        capi = certificate.key_provider is KeyProvider.CAPI
        return HubIdentity(server, certificate.key, capi)

    def _own(self, server: str) -> TransportCertificate | None:
        """The certificate a server's directory names, when its store has it with the key."""
        published = self.lab.host(server).published()
        if published is None:
            return None
        return next((c for c in self.lab.store(server).certificates if c.der == published), None)

    def open_session(self, hub: str, edge: str) -> EdgeSession:
        """A Hub's session on an Edge's ADAM: certificate compared first, then bound."""
        return open_edge_session(
            self.identity(hub),
            self.edge_object(edge),
            self.connector(hub, edge),
            now=self.lab.clock_of(self.lab.server(hub).name).now(),
            emit=self.lab.emit,
        )

    def connector(self, hub: str, edge: str) -> Connect:
        """How a Hub reaches an Edge's ADAM: LDAPS while the lab is up, in process otherwise."""
        lab = self.lab
        directory = lab.edge(edge)
        hub_name = lab.server(hub).name

        def connect(expected: bytes, user: str, secret: Secret) -> DirectoryPort:
            if frozenset((hub_name.casefold(), directory.name.casefold())) in self.network.cut:
                raise PortUnavailable(
                    f"{directory.name} does not answer on its LDAPS port",
                    "look at the network between the two",
                )
            reach_adam(directory, self.edge_object(edge).adam_ssl_port)
            bind_name = str(account_dn(directory.names, user))
            url = lab.addresses.get(directory.name, {}).get("ldaps")
            shown = self.network.presented(directory.name)
            presented = shown.der if shown and shown.has_private_key else None

            def open_() -> DirectoryPort:
                if url is not None:
                    return PipelinedPort.connect(url, bind_name, secret.reveal(), pin=expected)
                return pinned_session(
                    directory.agent,
                    presented=presented,
                    expected=expected,
                    bind_name=bind_name,
                    password=secret.reveal(),
                    peer=directory.name,
                    note=lab.note,
                )

            wire = Wire(directory.name, "ldaps", hub_name, is_at_listener=url is None)
            return open_session(lab, wire, open_, presented=presented, expected=expected)

        return connect

    def timing(self, site: str, *, server: str = "") -> SyncTiming:
        """The clockwork of a site: its EdgeSyncServiceConfig, or the version's fixed one.

        Raises:
            RefusedByRule: 2010 and later without that object; 1045 is logged.
        """
        lab = self.lab
        return timing_of(
            lab.ad_port(),
            lab.ad.names,
            site,
            lab.description.profile,
            server=server or site,
            now=lab.clock.now(),
            emit=lab.emit,
        )

    # runs --------------------------------------------------------------------------------------

    def context(self, hub: str, edge: str) -> SyncContext:
        """A run's surroundings."""
        lab = self.lab
        known = self.edge_object(edge)
        if known.site is None:
            raise NoSuchThing(f"{known.name} belongs to no AD site", "subscribe it again")
        return SyncContext(
            hub=lab.server(hub).name,
            edge=known.name,
            source=self.source_through(hub, known.name, lab.ad_port()),
            open_target=lambda _edge: self.through(
                hub, known.name, self.open_session(hub, known.name).port
            ),
            names=lab.ad.names,
            site=known.site.rdn.value,
            timing=self.timing(known.site.rdn.value, server=lab.server(hub).name),
            policy=lab.description.trust_policy,
            emit=lab.emit,
            edge_names=lab.edge(known.name).names,
            clock=lab.clock_of(lab.server(hub).name),
            history=self.history,
            stopwatch=self.stopwatch,
            should_stop=self.should_stop,
        )

    def run(
        self,
        edge: str,
        *,
        hub: str | None = None,
        jobs: Sequence[Job] = ALL_JOBS,
        full: bool = False,
        force_cookie: bool = False,
        what_if: bool = False,
        manual: bool = True,
        delete_threshold: int | None = None,
        progress: Callable[[Mapping[str, Any]], None] = lambda _step: None,
    ) -> SyncRun:
        """Synchronize one Edge; the Credential Service looks after the credentials that came."""
        lab = self.lab
        chosen = hub or self.choose_hub(edge)
        wrong_by = lab.clock_of(lab.server(chosen).name).now() - lab.clock.now()
        run = run_sync(
            self.context(chosen, edge),
            now=lab.clock.now() + wrong_by,
            jobs=jobs,
            full=full,
            force_cookie=force_cookie,
            what_if=what_if,
            manual=manual,
            delete_threshold=delete_threshold,
            progress=progress,
        )
        if not what_if:
            self.logs.write(chosen, run)
            installed = self.credential_service(edge)
            if not installed.failed and all(r.result is Result.SUCCESS for r in run.runs):
                self._complete_first_session(chosen, edge)
            for report in run.runs:
                for tell in self.after_run:
                    at = report.started_at - wrong_by
                    tell(report.edge, Job(report.job), at, report.result)
        return run

    def _complete_first_session(self, hub: str, edge: str) -> None:
        """The bootstrap credential leaves AD once this subscription's accounts are there.

        Accounts of the subscription before it may still be, and say nothing.
        """
        directory = self.lab.edge(edge)
        known = self.edge_object(edge)
        current = {r.user_name for _, r in readable_records(known.credentials) if r.number >= 0}
        if current & set(list_accounts(self.lab.edge_port(edge), directory.names)):
            complete_first_session(self.lab.ad_port(), self.identity(hub).server, known)

    def try_next_credential(self, hub: ServerObject, edge: str, *, within: timedelta) -> bool:
        """Log on with the credential that takes over soon; a failure is event 1004.

        True when none takes over within that time, or it works.
        """
        lab = self.lab
        known = self.edge_object(edge)
        record = next_credential(hub, known, lab.clock.now())
        if record is None or known.internal_certificate is None:
            return True
        if record.effective_at - lab.clock.now() > within:
            return True
        expected = known.internal_certificate

        def log_on(credential: CredentialRecord) -> None:
            secret = decrypt(credential, self.identity(hub.name).key, hub.name)
            self.connector(hub.name, edge)(expected, credential.user_name, secret).close()

        return try_next_credential(record, hub, known, log_on, now=lab.clock.now(), emit=lab.emit)

    def choose_hub(self, edge: str) -> str:
        """The Hub that runs by itself: the lease's holder, else the first that has a credential."""
        known = self.edge_object(edge)
        hubs = self.hubs_of(known)
        if not hubs:
            raise NoSuchThing(
                f"{known.name} is orphaned: its site has no Hub", "subscribe it to another site"
            )
        now = self.lab.clock.now()
        able = [h for h in hubs if usable_credentials(h, known, now)] or list(hubs)
        return able[0].name

    def credential_service(self, edge: str) -> CredentialServiceReport:
        """One pass of the Credential Service on an Edge."""
        lab = self.lab
        directory = lab.edge(edge)
        certificate = self._own(directory.name)
        return run_credential_service(
            directory.port(f"Credential Service on {directory.name}"),
            directory.names,
            directory.name,
            certificate.key if certificate else None,
            now=lab.clock_of(directory.name).now(),
            emit=lab.emit,
        )


def _as_it_is(_hub: str, _edge: str, port: DirectoryPort) -> DirectoryPort:
    return port
