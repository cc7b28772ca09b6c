"""A Unified Messaging server: in which mode its service started, and whom it talks to.

Sources: certificate-facts 3.8, 7.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

from directory.entropy import Entropy
from edgesync import events
from edgesync.certificates.certificate import TransportCertificate, parse_certificate
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.load import load_um
from edgesync.certificates.names import names_match
from edgesync.certificates.selection import Selection
from edgesync.config import Version
from edgesync.errors import CertificateUnreadable
from edgesync.organization.names import ForestNames
from edgesync.organization.voice import (
    DialPlan,
    IpGateway,
    StartupMode,
    VoipSecurity,
    list_dial_plans,
    list_gateways,
    read_um_server,
)
from edgesync.trust.identity import identity_of
from edgesync.trust.pkix import validate
from edgesync.trust.tls import TlsIdentity

_STRICTNESS = (VoipSecurity.UNSECURED, VoipSecurity.SIP_SECURED, VoipSecurity.SECURED)


@dataclass(frozen=True, slots=True)
class ServiceMode:
    """How the service started: transports it takes, and how calls are protected."""

    security: VoipSecurity
    takes_tcp: bool
    takes_tls: bool
    dial_plans: tuple[str, ...]
    note: str = ""

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ServiceMode:
        """The mode of a service that was running when the lab was closed."""
        return cls(
            VoipSecurity(document["security"]),
            bool(document["takes_tcp"]),
            bool(document["takes_tls"]),
            tuple(document["dial_plans"]),
            str(document["note"]),
        )

    @property
    def word(self) -> str:
        """``TCP``, ``TLS`` or ``Dual``."""
        if self.takes_tcp and self.takes_tls:
            return StartupMode.DUAL.value
        return StartupMode.TLS.value if self.takes_tls else StartupMode.TCP.value


@dataclass(frozen=True, slots=True)
class PeerRefused:
    """Why a machine is not talked to."""

    reason: str


class Memory(Protocol):
    """Where a running service's mode is kept while nobody has the lab open."""

    def get(self, key: str) -> Any:
        """A remembered value, or None."""
        ...

    def set(self, **values: Any) -> None:
        """Remember values."""
        ...


@dataclass
class UmHost:
    """One Unified Messaging server.

    The mode is decided when the service starts, and stays until it is restarted, whatever becomes
    of dial plans meanwhile; certificates and gateways are read for each connection.
    """

    server: CertificateHost
    names: ForestNames
    secrets: Entropy
    """For media keys and tags: never the lab's seeded stream, which a caller could repeat."""
    memory: Memory
    last_refusal: str = ""
    """Why the latest machine that was refused was, for whoever asks about a call."""
    _mode: ServiceMode | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        """NetBIOS name."""
        return self.server.name

    @property
    def fqdn(self) -> str:
        """Host name."""
        return self.server.fqdn

    def now(self) -> datetime:
        """The server's clock."""
        return self.server.now()

    @property
    def mode(self) -> ServiceMode:
        """The running service's mode; the first question ever starts it."""
        if self._mode is None:
            kept = self.memory.get(self._key)
            self._mode = ServiceMode.from_document(kept) if kept else self._start()
        return self._mode

    def restart(self) -> ServiceMode:
        """Start the service again, with the settings of now."""
        self._mode = self._start()
        return self._mode

    @property
    def _key(self) -> str:
        return f"um/{self.name}"

    def _start(self) -> ServiceMode:
        mode = self.decide()
        self.memory.set(**{self._key: asdict(mode)})
        self.server.report(
            events.UM_STARTED, mode=mode.word, security=mode.security.value, note=mode.note
        )
        return mode

    def dial_plans(self) -> tuple[DialPlan, ...]:
        """The plans this server answers for."""
        port = self.server.directory
        mine = set(read_um_server(port, self.names, self.name).dial_plans)
        return tuple(p for p in list_dial_plans(port, self.names) if p.dn in mine)

    def selection(self) -> Selection:
        """The certificate the running service presents, and why."""
        return load_um(self.server, secured=self.mode.takes_tls)

    def certificate(self) -> TransportCertificate | None:
        """The same without the reasons."""
        return self.selection().chosen

    def identity(self) -> TlsIdentity | None:
        """What TLS presents; None while the service takes none."""
        return identity_of(self.certificate(), self.server.store.state)

    def decide(self) -> ServiceMode:
        """How a service that started now would run."""
        plans = self.dial_plans()
        security = max(
            (plan.security for plan in plans), key=_STRICTNESS.index,
            default=VoipSecurity.UNSECURED,  # no dial plan: StartSecured decides, which is 0
        )  # fmt: skip
        names = tuple(plan.name for plan in plans)
        tcp, tls = security is VoipSecurity.UNSECURED, security is not VoipSecurity.UNSECURED
        if self.server.version.at_least(Version.EXCHANGE_2010):
            mode = read_um_server(self.server.directory, self.names, self.name).startup_mode
            tcp, tls = mode is not StartupMode.TLS, mode is not StartupMode.TCP
        if tls and load_um(self.server, secured=True).chosen is None:
            note = "no certificate for UM: started without TLS"
            return ServiceMode(VoipSecurity.UNSECURED, True, False, names, note)
        return ServiceMode(security, tcp, tls, names)

    # whom it talks to ------------------------------------------------------------------------

    def refuse(self, address: str, reason: str) -> None:
        """Log that a machine was not talked to."""
        self.last_refusal = reason
        self.server.report(events.UM_PEER_REFUSED, address=address, reason=reason)

    def media_security(self, *, is_tls: bool) -> VoipSecurity:
        """How media of a call are protected: a plain connection carries no keys."""
        return self.mode.security if is_tls else VoipSecurity.UNSECURED

    def gateways(self) -> tuple[IpGateway, ...]:
        """The gateways it knows."""
        return list_gateways(self.server.directory, self.names)

    def gateway_by_certificate(self, sent: Sequence[bytes]) -> IpGateway | PeerRefused:
        """The gateway a TLS peer proved to be (DER, its own certificate first).

        Its certificate has to be trusted on this machine, by its issuer or by itself, and to name
        the FQDN of a gateway object: one with an IP address cannot use TLS.
        """
        if not sent:
            return PeerRefused("mutual TLS: the peer presented no certificate")
        state, crls = self.server.store.state, self.server.crls
        verdict = validate(sent, state, now=self.now(), crls=crls)
        if not verdict:
            return PeerRefused(f"{verdict.status.value}: {verdict.detail}")
        try:
            shown = TransportCertificate(parse_certificate(sent[0]))
        except CertificateUnreadable as error:
            return PeerRefused(error.message)
        return _first(
            (g for g in self.gateways()
             if g.has_fqdn and any(names_match(d, g.address) for d in shown.domains)),
            f"no IP gateway has an FQDN among {', '.join(shown.domains) or 'no names'}",
        )  # fmt: skip

    def gateway_by_address(self, address: str, name: str) -> IpGateway | PeerRefused:
        """The gateway behind a plain connection: by its address, or the name in its Via.

        A lab has no name service, so the name a peer gives itself is believed.
        """
        wanted = {address.casefold(), name.casefold()}
        return _first(
            (g for g in self.gateways() if g.address.casefold() in wanted),
            f"no IP gateway has the address {address} or the name {name}",
        )


def _first(found: Iterable[IpGateway], otherwise: str) -> IpGateway | PeerRefused:
    return next(iter(found), PeerRefused(otherwise))
