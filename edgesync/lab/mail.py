"""Mail in a lab: one transport service per Hub and Edge, and the mailboxes they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from edgesync.lab.agenda import Activity
from edgesync.lab.lab import Lab
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.transport.delivery import MailboxStore
from edgesync.transport.host import TransportHost
from edgesync.transport.link import Dial
from edgesync.transport.machine_accounts import machine_secrets
from edgesync.transport.queue import MailQueue
from edgesync.transport.recipient_lookup import ad_lookup, edge_lookup
from edgesync.transport.service import RunReport, TransportService

ROUNDS_MAX = 50
"""Passes over all servers in one run; each passes a message one hop on."""


class MailSystem:
    """What the servers of one lab share for mail. ``exchangers`` names hosts of foreign domains."""

    def __init__(self, lab: Lab) -> None:
        root = lab.root
        self._lab = lab
        self.mailboxes = MailboxStore(root / "mailboxes" if root else None)
        self.exchangers: dict[str, tuple[str, ...]] = {}
        self.services: dict[str, TransportService] = {}
        lab.agenda.add_source(self._activities)

    def attach(self, host: TransportHost, dial: Dial) -> None:
        """Give a server its recipients, its machine account's secrets, a queue and wires."""
        lab = self._lab
        names = host.names
        if isinstance(names, EdgeNames):
            host.lookup = edge_lookup(host.directory, names, host.policy)
        elif isinstance(names, ForestNames):
            host.lookup = ad_lookup(host.directory, names)
            domain_key = f"kdc/{lab.description.seed}".encode()  # a lab holds no secret
            host.machine_secret = machine_secrets(host.directory, names, domain_key)
        queue = MailQueue(lab.root / "queue" / host.name if lab.root else None)
        self.services[host.name] = TransportService(
            host, queue, self.mailboxes, dial, lambda domain: self.exchangers.get(domain, ())
        )

    def _activities(self) -> Iterator[Activity]:
        """Queues with something due: ready mail at once, failed hops at their retry."""
        for name, service in sorted(self.services.items()):
            due = service.next_due_at()
            if due is not None:
                yield Activity(f"mail {name}", due, self._deliver(service))

    def _deliver(self, service: TransportService) -> Callable[[datetime], None]:
        def run(_now: datetime) -> None:
            with self._lab.doing(f"mail of {service.host.name}"):
                service.run()

        return run

    def run(self, *, force: bool = False) -> RunReport:
        """Let every server deliver what is due, until nothing moves."""
        total = RunReport()
        for _ in range(ROUNDS_MAX):
            moved = False
            for service in tuple(self.services.values()):
                done = service.run(force=force)
                total.add(done)
                moved = moved or bool(done.delivered or done.relayed or done.returned)
            if not moved:
                break
            force = False
        return total
