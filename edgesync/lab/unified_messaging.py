"""The Unified Messaging servers of a lab: who answers calls, who calls, and where messages go."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from directory.entropy import SystemEntropy
from edgesync.certificates.certificate import RootCAType
from edgesync.certificates.store_state import StoreState, TrustedRoot
from edgesync.lab.authorities import found_in
from edgesync.lab.lab import Lab
from edgesync.lab.mail import MailSystem
from edgesync.lab.network import Network
from edgesync.lab.session_link import SessionLink
from edgesync.lab.stream_endpoint import StreamSession
from edgesync.organization.servers import ServerRole
from edgesync.organization.voice import SIP_PORT, SIP_TLS_PORT, IpGateway, PeerKind
from edgesync.transport.endpoint import SocketLink
from edgesync.transport.link import LinkFailed
from edgesync.transport.message import Submission
from edgesync.trust.pkix import Expectation, validate
from edgesync.trust.tls import TlsIdentity
from edgesync.unified_messaging.host import UmHost
from edgesync.unified_messaging.peer import Call, CallReport, Link, VoicePeer
from edgesync.unified_messaging.sip_session import SipSession

PORTS = {"sip": SIP_PORT, "sips": SIP_TLS_PORT}
"""What a UM server listens for; which of them answers is the service's mode."""

VOICE_SECONDS_MAX = 300
"""Longest voice message, seconds."""

_SAMPLE_RATE = 8000
_BOUNDARY = "=_voice_message"
_LOCAL = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Guise:
    """As whom a peer calls: what it presents, and whether UM's certificate was copied to it."""

    identity: TlsIdentity | None = None
    knows_server: bool = True
    transport: str = ""
    """``tcp`` or ``tls``; as the service's mode asks for when empty."""


class UnifiedMessaging:
    """The Unified Messaging servers of one lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._hosts: dict[str, UmHost] = {}

    def servers(self) -> tuple[str, ...]:
        """Names of the servers with the role."""
        return tuple(s.name for s in self.lab.servers() if s.roles & ServerRole.UNIFIED_MESSAGING)

    def host(self, name: str) -> UmHost:
        """A server's service; started by the first who ever asks, and running until restarted."""
        name = self.lab.server(name).name
        if name not in self._hosts:
            self._hosts[name] = UmHost(
                self.lab.host(name), self.lab.ad.names, SystemEntropy(), self.lab.ledger
            )
        return self._hosts[name]

    def accept(self, name: str, service: str, remote: str) -> StreamSession | None:
        """A new connection (``sip`` or ``sips``); None: the mode does not take it."""
        host = self.host(name)
        if service == "sip":
            return SipSession(host, None, remote) if host.mode.takes_tcp else None
        identity = host.identity() if host.mode.takes_tls else None
        return SipSession(host, identity, remote) if identity is not None else None

    def dial(self, name: str, service: str) -> Link:
        """Connect to a server: by socket while the lab is up, in memory while not.

        Raises:
            LinkFailed: the service does not take this transport.
        """
        name = self.lab.server(name).name
        address = self.lab.addresses.get(name, {}).get(service)
        if address is not None:
            host, _, port = address.partition("://")[2].rpartition(":")
            return SocketLink.connect(host, int(port))
        session = self.accept(name, service, _LOCAL)
        if session is None:
            mode = self.host(name).mode.word
            raise LinkFailed(f"{name} does not listen for {service}: its mode is {mode}")
        return SessionLink(session)

    def call(self, server: str, gateway: IpGateway, guise: Guise) -> CallReport:
        """Let a gateway or communications server call a UM server.

        Raises:
            LinkFailed: it does not listen for that transport.
        """
        host = self.host(server)
        transport = guise.transport or ("tls" if host.mode.takes_tls else "tcp")
        is_tls = transport == "tls"
        peer = VoicePeer(
            gateway.kind, gateway.address, self._trusted_by(gateway, host, guise),
            self.lab.authorities.crls(self.lab.clock), guise.identity,
        )  # fmt: skip
        link = self.dial(host.name, "sips" if is_tls else "sip")
        call = Call(peer, host.fqdn, link, is_tls=is_tls, entropy=host.secrets)
        host.last_refusal = ""
        report = call.run(host.media_security(is_tls=is_tls), now=self.lab.clock.now())
        if report.is_accepted or not host.last_refusal:
            return report
        return replace(report, reason="peer_refused", detail=host.last_refusal)

    def refuses_plain(self, gateway: IpGateway) -> str:
        """Why a gateway's machine does not talk plain TCP; empty when it does."""
        if gateway.kind is PeerKind.OCS:
            return "tls_required: a communications server talks to other servers over TLS only"
        return ""

    def refuses_tls(self, gateway: IpGateway, server: str, sent: Sequence[bytes]) -> str:
        """Why mutual TLS fails between a gateway's machine and a server; empty when it does not.

        ``sent`` is what the server presented. A gateway is taken to have the server's certificate
        copied to it, as administrators do (certificate-facts 7.2).
        """
        if not gateway.has_fqdn:
            return f"needs_fqdn: {gateway.address} is no host name, as mutual TLS needs it"
        host = self.host(server)
        trusted = self._trusted_by(gateway, host, Guise())
        expect = Expectation((host.fqdn,))
        now, crls = self.lab.clock.now(), self.lab.authorities.crls(self.lab.clock)
        verdict = validate(sent, trusted, now=now, expect=expect, crls=crls)
        return "" if verdict else f"certificate_refused: {verdict.detail}"

    def _trusted_by(self, gateway: IpGateway, host: UmHost, guise: Guise) -> StoreState:
        """Roots on the peer's machine. OCS takes no copied certificate, whoever copied it."""
        authorities = self.lab.authorities
        roots = [
            TrustedRoot(item.certificate, item.kind)
            for item in map(authorities.get, authorities.names)
            if item.parent is None
        ]
        own = host.certificate()
        if gateway.kind is PeerKind.GATEWAY and guise.knows_server and own is not None:
            roots.append(TrustedRoot(own.certificate, RootCAType.REGISTRY))
        return StoreState(roots=tuple(roots))

    def issue_to(self, gateway: IpGateway) -> TlsIdentity:
        """A certificate of the enterprise authority with the gateway's name."""
        lab = self.lab
        found_in(lab)
        key = lab.keys.next_key(f"gateway/{gateway.name}")
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, gateway.address)])
        names = x509.SubjectAlternativeName([x509.DNSName(gateway.address)])
        request = (
            x509.CertificateSigningRequestBuilder()
            .subject_name(name)
            .add_extension(names, critical=False)
            .sign(key, hashes.SHA256())
        )
        issuer = lab.authorities.get("enterprise")
        entropy = lab.entropy("authority/enterprise")
        return TlsIdentity(issuer.sign(request, now=lab.clock.now(), entropy=entropy), key)

    def leave_message(
        self, server: str, caller: str, recipients: Iterable[str], seconds: int
    ) -> Submission:
        """Submit a voice message to a Hub of the server's site, over SMTP with TLS.

        It is in the server's queue until a Hub has taken it: run the lab's mail.
        """
        host = self.lab.service(Network).host(server)
        service = self.lab.service(MailSystem).services[host.name]
        wanted = tuple(recipients)
        content = _voice_message(caller, wanted, seconds, format_datetime(self.lab.clock.now()))
        return service.send(caller, wanted, content)


def _voice_message(caller: str, recipients: tuple[str, ...], seconds: int, date: str) -> bytes:
    """A message with a silent recording, as Outlook expects voice mail."""
    message = EmailMessage(policy=SMTP)
    message["From"] = caller
    message["To"] = ", ".join(recipients)
    message["Date"] = date
    message["Subject"] = f"Voice Message from {caller} ({seconds} seconds)"
    message["Content-Class"] = "voice"
    message.set_content("You received a voice message.\n")
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(_SAMPLE_RATE)
        file.writeframes(b"\x80" * (_SAMPLE_RATE * seconds))
    message.add_attachment(
        sound.getvalue(), maintype="audio", subtype="wav", filename="voice-message.wav"
    )
    message.set_boundary(_BOUNDARY)
    return message.as_bytes()
