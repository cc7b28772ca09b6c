"""Makes the connections a verdict rests on, with the lab's own servers at both ends.

Over sockets while the lab is up, in memory while it is not: the same sender and receiver, real
TLS either way. SMTP is asked in both directions, since a verifier judges a peer's certificate as
a server's and as a client's.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from directory.clock import Clock
from edgesync.events import Event
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network, server_ip
from edgesync.organization.connectors import AuthMechanism
from edgesync.planning.ask_ldaps import ask_ldaps
from edgesync.planning.listening import recorded
from edgesync.planning.observation import Approach, Line, Observation, Obstacle, Path
from edgesync.planning.truths import peer_facts
from edgesync.transport.connector_choice import choose
from edgesync.transport.handshake import HandshakeReport, Probe, unreachable
from edgesync.transport.host import TransportHost, identity_of
from edgesync.transport.link import LinkFailed
from edgesync.trust import direct
from edgesync.trust.direct import Direction
from edgesync.trust.verdict import Reason

_OBSTACLES = {
    Reason.UNREACHABLE: Obstacle.UNREACHABLE,
    Reason.TLS_NOT_OFFERED: Obstacle.NOT_OFFERED,
    Reason.TLS_FAILED: Obstacle.TLS_FAILED,
    Reason.CONNECTOR_REFUSES: Obstacle.NO_RIGHTS,
}


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one server of a lab whether it trusts another. ``clock`` measures handshakes only."""

    lab: Lab
    clock: Clock

    def __call__(self, verifier: str, peer: str, path: Path) -> Observation:
        """Everything seen when the verifier is asked about the peer on a path."""
        verifier, peer = self.lab.server(verifier).name, self.lab.server(peer).name
        if path is Path.LDAPS:
            approaches: tuple[Approach, ...] = (ask_ldaps(self.lab, verifier, peer),)
        else:
            approaches = (self._outbound(verifier, peer), self._inbound(verifier, peer))
        return Observation(
            verifier,
            peer,
            path,
            verifier in self.lab.edges,
            approaches,
            peer_facts(self.lab, verifier, peer, offers=self._offers(peer, verifier)),
            verifier_offers=self._offers(verifier, peer),
        )

    def _outbound(self, verifier: str, peer: str) -> Approach:
        """The verifier sends to the peer and judges its server certificate."""
        host = self._host(verifier)
        with recorded(self.lab) as logged:
            report = self._dialogue(verifier, peer, ask_relay=False)
            shown = report.server_certificate
            trust = None
            if report.handshake is not None:
                trust = direct.check(
                    shown, host.anchors(), now=host.now(), policy=host.policy,
                    direction=Direction.OUTBOUND, expected=peer,
                )  # fmt: skip
                for kind in trust.events:
                    host.report(kind, subject=trust.subject, address=report.address)
        return _approach(report, Direction.OUTBOUND, shown, trust, tuple(logged))

    def _inbound(self, verifier: str, peer: str) -> Approach:
        """The peer sends to the verifier, which judges its client certificate."""
        host = self._host(verifier)
        with recorded(self.lab) as logged:
            report = self._dialogue(peer, verifier, ask_relay=True)
        record = next((r for r in reversed(host.sessions) if r.remote == report.local), None)
        trust = record.trust if record is not None else None
        approach = _approach(report, Direction.INBOUND, report.presented, trust, tuple(logged))
        refused = report.may_relay is False and trust is not None and bool(trust)
        if not refused:
            return approach
        return _approach(
            report, Direction.INBOUND, report.presented, trust, tuple(logged), Obstacle.NO_RIGHTS
        )

    def _dialogue(self, caller: str, answerer: str, *, ask_relay: bool) -> HandshakeReport:
        host = self._host(caller)
        probe = Probe(
            host.fqdn, identity=identity_of(host.internal_certificate(), host), ask_relay=ask_relay
        )
        try:
            link = self.lab.service(Network).dial(caller, answerer)
        except LinkFailed as failure:
            return unreachable(answerer, probe.verb, str(failure))
        return probe.run(link, self.clock)

    def _offers(self, server: str, caller: str) -> bool:
        """Whether the connector that answers the caller allows Exchange Server authentication."""
        host = self._host(server)
        connector = choose(host.receive_connectors(), 25, ip_address(server_ip(self.lab, caller)))
        return connector is None or AuthMechanism.EXCHANGE_SERVER in connector.auth_mechanism

    def _host(self, server: str) -> TransportHost:
        return self.lab.service(Network).host(server)


def _approach(
    report: HandshakeReport,
    direction: Direction,
    presented: bytes | None,
    trust: direct.TrustResult | None,
    logged: tuple[Event, ...],
    obstacle: Obstacle | None = None,
) -> Approach:
    found = _OBSTACLES[report.reason] if report.reason else Obstacle.NONE
    done = report.handshake
    return Approach(
        direction,
        obstacle or found,
        report.detail or (str(report.mail_reply) if obstacle and report.mail_reply else ""),
        presented if done else None,
        trust,
        f"{done.version.value}, {done.cipher}" if done else "",
        tuple(Line(">" if line.who == "C" else "<", line.text) for line in report.transcript),
        logged,
    )
