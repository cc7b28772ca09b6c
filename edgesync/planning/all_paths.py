"""Every path of the reference's table (certificate-facts 0, 7), each tried by a real handshake.

Direct trust has its matrix; here are the other paths too: between Hubs, from Unified Messaging,
from the Internet, from mail programs and browsers, and from VoIP gateways.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from directory.clock import Clock
from directory.errors import DirectoryError
from edgesync.certificates.certificate import thumbprint
from edgesync.client_access.https_client import Link as AnyLink
from edgesync.client_access.https_client import NoHandshake, WebConnection
from edgesync.errors import EdgeSyncError
from edgesync.lab.client_access import PORTS as CLIENT_ACCESS_PORTS
from edgesync.lab.client_access import ClientAccess
from edgesync.lab.lab import Lab
from edgesync.lab.network import SMTP_PORT, SUBMISSION_PORT, Network
from edgesync.lab.unified_messaging import PORTS as UM_PORTS
from edgesync.lab.unified_messaging import UnifiedMessaging
from edgesync.organization.servers import ADAM_LDAP_PORT, ADAM_SSL_PORT
from edgesync.planning.ask_ldaps import ask_ldaps
from edgesync.planning.observation import Obstacle
from edgesync.planning.pairs import Topology
from edgesync.transport.client import DialogueFailed, SmtpClient
from edgesync.transport.handshake import Probe
from edgesync.transport.host import TransportHost, identity_of
from edgesync.transport.link import LinkFailed, drive
from edgesync.transport.outbound_security import OutboundSecurity, SendFailed
from edgesync.transport.routing import DeliveryType, NextHop, is_inbound

DIRECT_TRUST = "direct trust"
HOPS_MAX = 2000
"""Most rows between servers; a lab of forty Hubs has 1560 pairs of them."""


@dataclass(frozen=True, slots=True)
class PathRow:
    """One path between two machines, as it went now."""

    path: str
    source: str
    target: str
    port: int
    verb: str
    authentication: str
    server: bytes | None = None
    """The certificate the target showed (DER)."""
    client: bytes | None = None
    """The certificate the source showed (DER)."""
    reason: str = ""
    """Why it failed; empty when it went well."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "path": self.path,
            "from": self.source,
            "to": self.target,
            "port": self.port,
            "verb": self.verb,
            "server_certificate": thumbprint(self.server) if self.server else "",
            "client_certificate": thumbprint(self.client) if self.client else "",
            "authentication": self.authentication,
            "ok": not self.reason,
            "reason": self.reason,
        }


def every_path(lab: Lab, clock: Clock) -> Iterator[PathRow]:
    """All rows, in the order of the reference's table. ``clock`` measures handshakes only."""
    tester = _Tester(lab, clock)
    yield from tester.between_servers()
    yield from tester.from_outside()
    yield from tester.edge_sync()
    yield from tester.clients()
    yield from tester.voice()


@dataclass(frozen=True, slots=True)
class _Tester:
    lab: Lab
    clock: Clock

    # inside the organisation -----------------------------------------------------------------

    def between_servers(self) -> Iterator[PathRow]:
        """Hub to Hub, Hub to Edge and back, Unified Messaging to Hub."""
        topology = Topology.of(self.lab)
        count = 0
        for source in topology.hubs:
            for target in topology.hubs:
                if source.name != target.name and count < HOPS_MAX:
                    count += 1
                    same = source.site == target.site
                    kind = DeliveryType.WITHIN_SITE if same else DeliveryType.REMOTE_SITE
                    hop = NextHop(kind, target.name, hosts=(target.fqdn,))
                    yield self._mail("hub-hub", source.name, target.name, hop, "Kerberos")
        for edge in topology.edges:
            for hub in topology.hubs_of(edge):
                hop = NextHop(DeliveryType.TO_EDGE, edge)
                yield self._mail("hub-edge", hub.name, edge, hop, DIRECT_TRUST)
                yield self._from_edge(edge, hub.name)
        for server in self.lab.servers("unified-messaging"):
            near = [h for h in topology.hubs if h.site and h.site.rdn.value == server.site]
            for hub in near:
                hop = NextHop(DeliveryType.WITHIN_SITE, hub.name, hosts=(hub.fqdn,))
                yield self._mail("um-hub", server.name, hub.name, hop, "Kerberos")

    def _from_edge(self, edge: str, hub: str) -> PathRow:
        connectors = self._host(edge).send_connectors()
        inbound = next((c for c in connectors if is_inbound(c)), None)
        if inbound is None:
            return PathRow("edge-hub", edge, hub, SMTP_PORT, "X-ANONYMOUSTLS", DIRECT_TRUST,
                           reason="no connector to the site: EdgeSync has not run")  # fmt: skip
        hop = NextHop(DeliveryType.SMART_HOST, "--", inbound)
        return self._mail("edge-hub", edge, hub, hop, DIRECT_TRUST)

    def _mail(
        self, path: str, source: str, target: str, hop: NextHop, authentication: str
    ) -> PathRow:
        """The sending server's own conversation, up to where it would hand over mail."""
        host, client, reason = self._host(source), SmtpClient(), ""
        conversation = _establish(host, hop, target, client)
        try:
            link = self._network.dial(source, target)
            drive(conversation, link)
            if authentication == DIRECT_TRUST:
                reason = self._unrecognised(target, link.local)
        except (LinkFailed, SendFailed, DialogueFailed) as failure:
            reason = str(failure)
        done = client.handshake
        shows = authentication == DIRECT_TRUST and done is not None
        identity = identity_of(host.internal_certificate(), host) if shows else None
        return PathRow(
            path, source, target, SMTP_PORT, "X-ANONYMOUSTLS", authentication,
            done.peer if done else None, identity.der if identity else None, reason,
        )  # fmt: skip

    def _unrecognised(self, target: str, remote: str) -> str:
        """Why the receiver took a sender for a stranger; empty when it knew its certificate."""
        sessions = self._host(target).sessions
        record = next((r for r in reversed(sessions) if r.remote == remote), None)
        if record is None or record.trust is None:
            return f"{target} did not ask for direct trust"
        return "" if record.trust else f"{target}: {record.trust.reason.value}"

    # from outside ----------------------------------------------------------------------------

    def from_outside(self) -> Iterator[PathRow]:
        """Any mail server to an Edge, and a mail program to a Hub."""
        for edge in self.lab.edges:
            yield self._starttls("internet-edge", "Internet", edge, SMTP_PORT, "none")
        for hub in self.lab.servers("hub"):
            yield self._starttls(
                "client-hub", "mail program", hub.name, SUBMISSION_PORT, "Basic after TLS"
            )

    def _starttls(
        self, path: str, source: str, target: str, port: int, authentication: str
    ) -> PathRow:
        probe = Probe("client.invalid", verb="STARTTLS", ask_relay=False)
        shown, reason = None, ""
        try:
            report = probe.run(self._network.dial_from_outside(target, port), self.clock)
            shown = report.server_certificate
            reason = report.detail if report.reason is not None else ""
        except LinkFailed as failure:
            reason = str(failure)
        return PathRow(path, source, target, port, "STARTTLS", authentication, shown, None, reason)

    # EdgeSync --------------------------------------------------------------------------------

    def edge_sync(self) -> Iterator[PathRow]:
        """Hub to an Edge's ADAM, and the administrator on the Edge itself."""
        topology = Topology.of(self.lab)
        for edge in topology.edges:
            for hub in topology.hubs_of(edge):
                if not topology.syncs(hub, edge):
                    continue
                seen = ask_ldaps(self.lab, hub.name, edge)
                trusted = seen.trust is not None and bool(seen.trust)
                reason = (
                    ""
                    if trusted and seen.obstacle is Obstacle.NONE
                    else seen.detail or "not trusted"
                )
                yield PathRow("hub-adam", hub.name, edge, ADAM_SSL_PORT, "LDAPS",
                              "ESRA user and password", seen.presented, None, reason)  # fmt: skip
            yield self._local(edge)

    def _local(self, edge: str) -> PathRow:
        reason = ""
        try:
            _ = self.lab.edge_port(edge).identity
        except (EdgeSyncError, DirectoryError) as error:
            reason = str(error)
        return PathRow(
            "admin-adam", edge, edge, ADAM_LDAP_PORT, "none", "local administrator", reason=reason
        )

    # clients and voice -----------------------------------------------------------------------

    def clients(self) -> Iterator[PathRow]:
        """Browsers, Outlook and devices to the web site; POP3 and IMAP4 programs."""
        access = self.lab.service(ClientAccess)
        words = {"https": ("HTTPS", "Basic, forms or certificate"), "pops": ("TLS", "password"),
                 "imaps": ("TLS", "password")}  # fmt: skip
        for server in access.servers():
            fqdn = self.lab.server(server).fqdn
            for service, (verb, authentication) in words.items():
                shown, reason = _shake(partial(access.dial, server, service), fqdn)
                yield PathRow(
                    f"client-{service}", "client", server, CLIENT_ACCESS_PORTS[service], verb,
                    authentication, shown, None, reason,
                )  # fmt: skip

    def voice(self) -> Iterator[PathRow]:
        """A gateway's TLS to Unified Messaging, or that it is clear text as the dial plan says."""
        service = self.lab.service(UnifiedMessaging)
        for server in service.servers():
            mode = service.host(server).mode
            port = "sips" if mode.takes_tls else "sip"
            if not mode.takes_tls:
                yield PathRow("gateway-um", "gateway", server, UM_PORTS[port], "none", "address")
                continue
            fqdn = self.lab.server(server).fqdn
            shown, reason = _shake(partial(service.dial, server, "sips"), fqdn)
            yield PathRow("gateway-um", "gateway", server, UM_PORTS[port], "mutual TLS",
                          "certificate", shown, None, reason)  # fmt: skip

    @property
    def _network(self) -> Network:
        return self.lab.service(Network)

    def _host(self, name: str) -> TransportHost:
        return self._network.host(name)


def _establish(
    host: TransportHost, hop: NextHop, target: str, client: SmtpClient
) -> Generator[bytes, bytes, None]:
    """Banner, EHLO, and what the hop asks of TLS and authentication."""
    yield from client.greet()
    yield from client.ehlo(host.fqdn)
    security = OutboundSecurity(host, hop, target, target, client, host.fqdn)
    yield from security.establish(())
    yield from client.quit()


def _shake(connect: Callable[[], AnyLink], name: str) -> tuple[bytes | None, str]:
    """The certificate a TLS listener shows, or why there is none."""
    try:
        connection = WebConnection(connect(), name)
        try:
            return connection.shake_hands().peer, ""
        finally:
            connection.close()
    except (LinkFailed, NoHandshake) as failure:
        return None, str(failure)
