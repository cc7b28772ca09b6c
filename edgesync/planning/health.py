"""Is everything that Hub and Edge rest on in order: the checks an Edge server lacks elsewhere.

Each finding is one sentence about one thing, with a status and, where there is one, the command
that mends it. Expiry thresholds are the vendor script's: 60 and 30 days (certificate-facts 2.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from directory.clock import Clock
from directory.errors import LdapError
from edgesync.errors import EdgeSyncError
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.lab import Lab
from edgesync.lab.network import SMTP_PORT, Network
from edgesync.organization.connectors import AuthMechanism, PermissionGroups
from edgesync.organization.servers import read_server
from edgesync.planning.inquiry import Inquiry
from edgesync.planning.matrix import MEANING, Matrix
from edgesync.planning.pairs import Topology
from edgesync.planning.truths import four_truths
from edgesync.subscription.channel import usable_credentials
from edgesync.sync.status import readable_statuses
from edgesync.sync.verify import verify
from edgesync.trust.verdict import Reason

GREEN, RED = timedelta(days=60), timedelta(days=30)
"""Remaining validity: above the first all is well, below the second it is urgent."""

RUNS_MISSED_MAX = 2
"""Scheduled runs an Edge may miss before its replica is called old."""

STAND_IN = "(stand-in)"
"""End of the friendly name of certificates an imported lab made up."""


class Status(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing looked at."""

    check: str
    subject: str
    status: Status
    detail: str
    fix: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The finding as JSON."""
        return {
            "check": self.check,
            "subject": self.subject,
            "status": self.status.value,
            "detail": self.detail,
            "fix": list(self.fix),
        }


def examine(lab: Lab, matrix: Matrix) -> tuple[HealthFinding, ...]:
    """Every check on every server, in reading order."""
    topology = Topology.of(lab)
    return (
        *_trust(matrix),
        *_certificates(lab, topology),
        *_truths(lab, topology),
        *_starttls(lab, topology),
        *_credentials(lab, topology),
        *_freshness(lab, topology),
        *_drift(lab, topology),
        *_connectors(lab, topology),
        *_redundancy(topology),
        *_stand_ins(lab),
    )


def _trust(matrix: Matrix) -> Iterator[HealthFinding]:
    for cell in matrix.applicable:
        pair = cell.pair
        subject = f"{pair.verifier} trusts {pair.peer} ({pair.path.value})"
        path = "" if pair.path.value == "smtp" else " --path ldaps"
        fix = (f"edgesync trust explain {pair.verifier} {pair.peer}{path}",)
        status = Status.ERROR if cell.is_bad else Status.OK
        if cell.reason == Reason.TRUSTED_EXPIRED.value:
            status = Status.WARNING
        detail = f"{cell.reason}: {MEANING[Reason(cell.reason)]}"
        yield HealthFinding("direct trust", subject, status, detail, fix if cell.is_bad else ())


def _transport(topology: Topology) -> list[str]:
    return [h.name for h in topology.hubs] + list(topology.edges)


def _certificates(lab: Lab, topology: Topology) -> Iterator[HealthFinding]:
    for server in _transport(topology):
        named = four_truths(lab, server).named
        valid = named.validity
        if valid is None:
            yield HealthFinding(
                "internal certificate", server, Status.ERROR,
                f"{named.where} names none: X-ANONYMOUSTLS is not offered (12012)",
                (f"edgesync cert new {server} --services SMTP --yes",),
            )  # fmt: skip
            continue
        left = valid[1] - lab.clock.now()
        detail = f"{named.thumbprint} valid until {valid[1]:%Y-%m-%d}"
        plan = (f"edgesync trust plan renew {server}",)
        if left <= timedelta(0):
            text = f"{detail}: expired; mail goes on, 12015 is logged"
            yield HealthFinding("internal certificate", server, Status.WARNING, text, plan)
        elif left < GREEN:
            text = f"{detail}: {left.days} days left" + (", urgent" if left < RED else "")
            yield HealthFinding("internal certificate", server, Status.WARNING, text, plan)
        else:
            yield HealthFinding("internal certificate", server, Status.OK, detail)


def _truths(lab: Lab, topology: Topology) -> Iterator[HealthFinding]:
    for server in _transport(topology):
        if server in topology.edges and topology.edges[server] is None:
            continue  # not subscribed: AD has nothing to agree with
        truths = four_truths(lab, server)
        if truths.agree:
            detail = "installed, published and replicated copies are one certificate"
            yield HealthFinding("four truths", server, Status.OK, detail)
            continue
        copies = "; ".join(
            f"{t.where} {t.thumbprint or 'none'}" for t in truths.all() if t.dn is not None
        )
        yield HealthFinding(
            "four truths", server, Status.ERROR, f"copies differ: {copies}",
            (f"edgesync cert show {server}",),
        )  # fmt: skip


def _starttls(lab: Lab, topology: Topology) -> Iterator[HealthFinding]:
    for edge in topology.edges:
        host = lab.service(Network).host(edge)
        for connector in host.receive_connectors():
            if connector.port != SMTP_PORT or AuthMechanism.TLS not in connector.auth_mechanism:
                continue
            fqdn = connector.fqdn or host.fqdn
            chosen = host.starttls_certificate(fqdn, f"{edge}\\{connector.name}")
            if chosen is not None:
                detail = f"{fqdn}: {chosen.thumbprint}"
                yield HealthFinding("STARTTLS", edge, Status.OK, detail)
                continue
            yield HealthFinding(
                "STARTTLS", edge, Status.WARNING,
                f"no certificate for {fqdn} (12014): mail from the Internet comes unencrypted",
                (f"edgesync cert select {edge} --for starttls",),
            )  # fmt: skip


def _credentials(lab: Lab, topology: Topology) -> Iterator[HealthFinding]:
    now = lab.clock.now()
    for edge, server in topology.edges.items():
        for hub in topology.hubs_of(edge):
            subject = f"{hub.name} to {edge}"
            if server is None or not topology.syncs(hub, edge):
                yield HealthFinding(
                    "EdgeSync credential", subject, Status.WARNING,
                    "none: the Hub came after the subscription and does not synchronize",
                    (f"edgesync subscription export {edge}",),
                )  # fmt: skip
                continue
            usable = usable_credentials(hub, server, now)
            if not usable:
                yield HealthFinding(
                    "EdgeSync credential", subject, Status.ERROR, "expired",
                    (f"edgesync trust explain {hub.name} {edge} --path ldaps",),
                )  # fmt: skip
                continue
            latest = max(usable, key=lambda r: r.expires_at)
            detail = f"{latest.user_name} until {latest.expires_at:%Y-%m-%d}"
            yield HealthFinding("EdgeSync credential", subject, Status.OK, detail)


def _freshness(lab: Lab, topology: Topology) -> Iterator[HealthFinding]:
    interval = lab.description.profile.sync.configuration_interval
    for edge, known in topology.edges.items():
        if known is None:
            continue
        own = read_server(lab.edge_port(edge), lab.edge(edge).names, edge)
        statuses = readable_statuses(v.encode() for v in own.status) if own else {}
        last = statuses.get("configuration")
        fix = (f"edgesync sync run --edge {edge}",)
        if last is None or last.synchronized_at is None:
            yield HealthFinding("last sync", edge, Status.ERROR, "never synchronized", fix)
            continue
        age = lab.clock.now() - last.synchronized_at
        old = age > RUNS_MISSED_MAX * interval
        detail = f"configuration at {last.synchronized_at:%Y-%m-%d %H:%M:%SZ}"
        status = Status.WARNING if old else Status.OK
        yield HealthFinding("last sync", edge, status, detail, fix if old else ())


def _drift(lab: Lab, topology: Topology) -> Iterator[HealthFinding]:
    service = lab.service(EdgeSync)
    for edge, known in topology.edges.items():
        if known is None or known.site is None:
            continue
        try:
            context = service.context(service.choose_hub(edge), edge)
            found = verify(context, now=lab.clock.now(), full=True)
        except (EdgeSyncError, LdapError) as error:
            yield HealthFinding("replica", edge, Status.WARNING, f"could not be compared: {error}")
            continue
        if found.is_normal:
            yield HealthFinding("replica", edge, Status.OK, "full compare: Normal")
            continue
        differ = sum(
            len(kind.org_only) + len(kind.edge_only) + len(kind.conflicts)
            for kind in found.kinds.values()
        )
        what = found.failure or f"{differ} objects differ from AD until the next sync"
        fix = (f"edgesync sync verify --edge {edge} --full", f"edgesync sync run --edge {edge}")
        detail = f"full compare: {found.status.value}; {what}"
        yield HealthFinding("replica", edge, Status.WARNING, detail, fix)


def _connectors(lab: Lab, topology: Topology) -> Iterator[HealthFinding]:
    for server in _transport(topology):
        host = lab.service(Network).host(server)
        on_port = [c for c in host.receive_connectors() if c.port == SMTP_PORT]
        fits = [
            c for c in on_port
            if AuthMechanism.EXCHANGE_SERVER in c.auth_mechanism
            and PermissionGroups.EXCHANGE_SERVERS in c.permission_groups
        ]  # fmt: skip
        if not fits:
            yield HealthFinding(
                "Receive connector", server, Status.ERROR,
                "no enabled connector on port 25 takes Exchange servers",
                (f"edgesync connector list --server {server}",),
            )  # fmt: skip
            continue
        names = {host.name.casefold(), host.fqdn.casefold(), ""}
        renamed = [c.name for c in fits if c.fqdn.casefold() not in names]
        if renamed:
            text = f"the FQDN of {renamed[0]} is not the server's: internal mail fails"
            yield HealthFinding("Receive connector", server, Status.ERROR, text)
        else:
            yield HealthFinding("Receive connector", server, Status.OK, fits[0].name)


def _redundancy(topology: Topology) -> Iterator[HealthFinding]:
    sites = {topology.site_of(e) for e in topology.edges} - {None}
    for site in sorted(sites, key=str):
        edges = [e for e in topology.edges if topology.site_of(e) == site]
        name = site.rdn.value if site else ""
        if len(edges) > 1:
            detail = f"{', '.join(edges)}: one can be renewed while the other works"
            yield HealthFinding("redundancy", name, Status.OK, detail)
        else:
            detail = f"{edges[0]} is alone: no order of steps renews it without delaying mail"
            yield HealthFinding("redundancy", name, Status.WARNING, detail)


def _stand_ins(lab: Lab) -> Iterator[HealthFinding]:
    for server in lab.servers():
        for item in lab.store(server.name).certificates:
            if item.friendly_name.endswith(STAND_IN):
                yield HealthFinding(
                    "stand-in", server.name, Status.OK,
                    f"{item.thumbprint} stands in for the real certificate, whose key the "
                    "exports do not hold",
                )  # fmt: skip


def health(lab: Lab, clock: Clock) -> tuple[Matrix, tuple[HealthFinding, ...]]:
    """The matrix and every finding, now."""
    matrix = Inquiry(lab, clock).matrix()
    return matrix, examine(lab, matrix)
