"""Every path of the reference's table (certificate-facts 0, 7), each tried by a real handshake.

Direct trust has its matrix; here are the other paths too: between Hubs, from Unified Messaging,
from the Internet, from mail programs and browsers, and from VoIP gateways.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from directory.clock import Clock
from directory.errors import DirectoryError
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
from edgesync.organization.voice import IpGateway, list_gateways
from edgesync.planning.ask_ldaps import ask_ldaps
from edgesync.planning.client_view import views_of, words_of
from edgesync.planning.observation import Obstacle
from edgesync.planning.paths import PathRow, Question, questions
from edgesync.transport.client import DialogueFailed, Line, SmtpClient
from edgesync.transport.handshake import Probe
from edgesync.transport.host import TransportHost, identity_of
from edgesync.transport.link import LinkFailed, drive
from edgesync.transport.outbound_security import OutboundSecurity, SendFailed
from edgesync.transport.routing import DeliveryType, NextHop, is_inbound
from edgesync.trust.tls import HandshakeDone

DIRECT_TRUST = "direct trust"
_CLIENTS = {
    "client-https": ("https", "HTTPS", "Basic, forms or certificate"),
    "client-pops": ("pops", "TLS", "password"),
    "client-imaps": ("imaps", "TLS", "password"),
}
_TELLING = ("220", "235", "334", "4", "5", "250-X-ANONYMOUSTLS", "250-STARTTLS", "250-X-EXPS",
            "250-AUTH", "X-ANONYMOUSTLS", "STARTTLS", "X-EXPS", "EHLO")  # fmt: skip
LINES_MAX = 16
"""Protocol lines kept as evidence: a whole conversation up to where mail would begin."""


def every_path(lab: Lab, clock: Clock) -> Iterator[PathRow]:
    """All rows, in the order of the reference's table. ``clock`` measures handshakes only."""
    ask = PathTester(lab, clock).ask
    return map(ask, questions(lab))


@dataclass(frozen=True, slots=True)
class PathTester:
    """Tries paths of one lab. ``clock`` measures handshakes only."""

    lab: Lab
    clock: Clock

    def ask(self, question: Question) -> PathRow:
        """One path, tried now."""
        match question.path:
            case "hub-hub" | "hub-edge" | "um-hub":
                return self._mail(question, self._hop(question))
            case "edge-hub":
                return self._from_edge(question)
            case "internet-edge":
                return self._starttls(question, SMTP_PORT, "none")
            case "client-hub":
                return self._starttls(question, SUBMISSION_PORT, "Basic after TLS")
            case "hub-adam":
                return self._edge_sync(question)
            case "admin-adam":
                return self._local(question)
            case "gateway-um":
                return self._voice(question)
            case "cas-proxy":
                return self._proxy(question)
        return self._client(question)

    # mail ------------------------------------------------------------------------------------

    def _hop(self, question: Question) -> NextHop:
        target = self.lab.server(question.target)
        if question.path == "hub-edge":
            return NextHop(DeliveryType.TO_EDGE, target.name)
        same = self.lab.server(question.source).site == target.site
        kind = DeliveryType.WITHIN_SITE if same else DeliveryType.REMOTE_SITE
        return NextHop(kind, target.name, hosts=(target.fqdn,))

    def _from_edge(self, question: Question) -> PathRow:
        connectors = self._host(question.source).send_connectors()
        inbound = next((c for c in connectors if is_inbound(c)), None)
        if inbound is None:
            return PathRow(question, SMTP_PORT, "X-ANONYMOUSTLS", DIRECT_TRUST,
                           reason="no connector to the site: EdgeSync has not run")  # fmt: skip
        return self._mail(question, NextHop(DeliveryType.SMART_HOST, "--", inbound))

    def _mail(self, question: Question, hop: NextHop) -> PathRow:
        """The sending server's own conversation, up to where it would hand over mail."""
        source, target = question.source, question.target
        host, client, reason = self._host(source), SmtpClient(), ""
        is_direct = question.path in ("hub-edge", "edge-hub")
        conversation = _establish(host, hop, target, client)
        try:
            link = self._network.dial(source, target)
            drive(conversation, link)
            if is_direct:
                reason = self._unrecognised(target, link.local)
        except (LinkFailed, SendFailed, DialogueFailed) as failure:
            reason = str(failure)
        done = client.handshake
        shows = is_direct and done is not None
        identity = identity_of(host.internal_certificate(), host) if shows else None
        return PathRow(
            question, SMTP_PORT, "X-ANONYMOUSTLS", DIRECT_TRUST if is_direct else "Kerberos",
            done.peer if done else None, identity.der if identity else None, reason,
            chain=done.peer_chain if done else (), tls=_tls(done),
            lines=_telling(client.transcript),
        )  # fmt: skip

    def _unrecognised(self, target: str, remote: str) -> str:
        """Why the receiver took a sender for a stranger; empty when it knew its certificate."""
        sessions = self._host(target).sessions
        record = next((r for r in reversed(sessions) if r.remote == remote), None)
        if record is None or record.trust is None:
            return f"{target} did not ask for direct trust"
        return "" if record.trust else f"{target}: {record.trust.reason.value}"

    def _starttls(self, question: Question, port: int, authentication: str) -> PathRow:
        """Any mail server to an Edge, a mail program to a Hub: nobody's identity is checked."""
        probe = Probe("client.invalid", verb="STARTTLS", ask_relay=False)
        try:
            link = self._network.dial_from_outside(question.target, port)
        except LinkFailed as failure:
            return PathRow(question, port, "STARTTLS", authentication, reason=str(failure))
        report = probe.run(link, self.clock)
        done = report.handshake
        return PathRow(
            question, port, "STARTTLS", authentication, report.server_certificate,
            reason=report.detail if report.reason is not None else "",
            chain=done.peer_chain if done else (), tls=_tls(done),
            lines=_telling(report.transcript),
        )  # fmt: skip

    # EdgeSync --------------------------------------------------------------------------------

    def _edge_sync(self, question: Question) -> PathRow:
        """Hub to an Edge's ADAM."""
        seen = ask_ldaps(self.lab, question.source, question.target)
        trusted = seen.trust is not None and bool(seen.trust)
        reason = "" if trusted and seen.obstacle is Obstacle.NONE else seen.detail or "not trusted"
        return PathRow(
            question, ADAM_SSL_PORT, "LDAPS", "ESRA user and password", seen.presented,
            reason=reason, tls=seen.tls,
        )  # fmt: skip

    def _local(self, question: Question) -> PathRow:
        """The administrator on the Edge itself."""
        reason = ""
        try:
            _ = self.lab.edge_port(question.target).identity
        except (EdgeSyncError, DirectoryError) as error:
            reason = str(error)
        return PathRow(question, ADAM_LDAP_PORT, "none", "local administrator", reason=reason)

    # clients and voice -----------------------------------------------------------------------

    def _client(self, question: Question) -> PathRow:
        """A browser, Outlook, a device, a mail program: TLS as far as the certificate."""
        service, verb, authentication = _CLIENTS[question.path]
        port = CLIENT_ACCESS_PORTS[service]
        access, server = self.lab.service(ClientAccess), question.target
        if service == "https" and access.web_server(server).host.start_log_on is not None:
            authentication = f"NTLM, {authentication}"
        done, reason = _shake(partial(access.dial, server, service), self.lab.server(server).fqdn)
        if done is None:
            return PathRow(question, port, verb, authentication, reason=reason)
        note = words_of(question, views_of(self.lab, question, done.peer_chain))
        return PathRow(
            question, port, verb, authentication, done.peer, note=note, chain=done.peer_chain,
            tls=_tls(done),
        )  # fmt: skip

    def _proxy(self, question: Question) -> PathRow:
        """A Client Access server to one of another site, by the rules of proxying."""
        access, server = self.lab.service(ClientAccess), question.target
        port, authentication = CLIENT_ACCESS_PORTS["https"], "Kerberos"
        done, reason = _shake(partial(access.dial, server, "https"), self.lab.server(server).fqdn)
        if done is None:
            return PathRow(question, port, "HTTPS", authentication, reason=reason)
        reason = words_of(question, views_of(self.lab, question, done.peer_chain))
        return PathRow(
            question, port, "HTTPS", authentication, done.peer, reason=reason,
            chain=done.peer_chain, tls=_tls(done),
        )  # fmt: skip

    def _voice(self, question: Question) -> PathRow:
        """A gateway's TLS to Unified Messaging, or that it is clear text as the dial plan says."""
        voice, server = self.lab.service(UnifiedMessaging), question.target
        mode = voice.host(server).mode
        known = list_gateways(self.lab.ad_port(), self.lab.ad.names)
        gateway = next((g for g in known if g.name == question.source), None)
        note = self._voice_note(server, gateway)
        if not mode.takes_tls:
            reason = voice.refuses_plain(gateway) if gateway is not None else ""
            return PathRow(question, UM_PORTS["sip"], "none", "address", reason=reason, note=note)
        fqdn = self.lab.server(server).fqdn
        done, reason = _shake(partial(voice.dial, server, "sips"), fqdn)
        if done is not None and gateway is not None:
            reason = voice.refuses_tls(gateway, server, done.peer_chain)
        return PathRow(
            question, UM_PORTS["sips"], "mutual TLS", "certificate", done.peer if done else None,
            reason=reason, note=note, chain=done.peer_chain if done else (), tls=_tls(done),
        )  # fmt: skip

    def _voice_note(self, server: str, gateway: IpGateway | None) -> str:
        """Why calls are refused although the connection is not, or would go another way."""
        host = self.lab.service(UnifiedMessaging).host(server)
        would = host.decide()
        if (would.word, would.security) != (host.mode.word, host.mode.security):
            return f"restart_needed: by its settings of now the mode would be {would.word}"
        if not host.mode.dial_plans:
            return "no_dial_plan: every call is refused"
        return "" if gateway is not None else "no_gateway: every call is refused"

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


def _shake(connect: Callable[[], AnyLink], name: str) -> tuple[HandshakeDone | None, str]:
    """The handshake of a TLS listener, or why there is none."""
    try:
        connection = WebConnection(connect(), name)
        try:
            return connection.shake_hands(), ""
        finally:
            connection.close()
    except (LinkFailed, NoHandshake) as failure:
        return None, str(failure)


def _tls(done: HandshakeDone | None) -> str:
    return f"{done.version.value}, {done.cipher}" if done is not None else ""


def _telling(transcript: Iterable[Line]) -> tuple[str, ...]:
    """What was said about TLS and authentication, and every refusal."""
    told = (f"{'>' if line.who == 'C' else '<'} {line.text}" for line in transcript
            if line.text.startswith(_TELLING))  # fmt: skip
    return tuple(islice(told, LINES_MAX))
