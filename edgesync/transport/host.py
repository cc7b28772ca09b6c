"""A server as SMTP sees it: who it is, what it can present, what its directory says, its hooks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from directory.clock import Clock
from directory.model.dn import DN
from edgesync.certificates.certificate import TransportCertificate
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.load import context_of, issue_ephemeral
from edgesync.certificates.select import select_internal, select_starttls
from edgesync.certificates.selection import Selection
from edgesync.config import Policy, Version, VersionProfile
from edgesync.errors import ConfigurationError
from edgesync.events import INTERNAL_CERT_EPHEMERAL, EventKind
from edgesync.organization.connectors import (
    ReceiveConnector,
    SendConnector,
    list_receive_connectors,
    list_send_connectors,
)
from edgesync.organization.domains import (
    AcceptedDomain,
    TransportConfig,
    list_accepted_domains,
    read_transport_config,
)
from edgesync.organization.names import ConfigurationNames
from edgesync.organization.servers import ServerRole, TransportServerFlags, read_server
from edgesync.port.port import DirectoryPort, VersionedPort
from edgesync.transport.counts import SessionCounts
from edgesync.transport.message import Submission
from edgesync.transport.permissions import Rights
from edgesync.transport.protocol_log import ProtocolLog, ProtocolLogs
from edgesync.trust import identity
from edgesync.trust.anchors import Side, TrustAnchors
from edgesync.trust.direct import TrustResult
from edgesync.trust.tls import HandshakeDone, TlsIdentity

SESSIONS_MAX = 256
"""Session records kept for those who ask what a server made of a peer."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """What a recipient lookup found. ``mailbox`` names where mail is kept; empty on an Edge."""

    address: str
    mailbox: str = ""
    site: DN | None = None
    """AD site of the mailbox; None when unknown (an Edge) or the same."""
    require_auth: bool = False
    """Takes mail from authenticated senders only."""


RecipientLookup = Callable[[str], Recipient | None]
"""Who is behind an address: AD on a Hub, hashed proxy addresses in ADAM on an Edge."""

Authenticate = Callable[[str, str], str | None]
"""User name and password to ``DOMAIN\\user``, or None."""


def _refuse_submission(_: Submission) -> None:
    raise ConfigurationError(
        "this server has no queue to take mail into", "attach a TransportService to the host"
    )


def _nobody(_user: str, _password: str) -> str | None:
    return None


def _no_secret(_principal: str) -> bytes | None:
    return None


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """What one inbound session came to, for whoever asks afterwards."""

    at: datetime
    remote: str
    connector: str
    verb: str
    """``STARTTLS`` or ``X-ANONYMOUSTLS``."""
    handshake: HandshakeDone
    trust: TrustResult | None
    """Direct trust's answer; None where it was not asked."""
    rights: Rights


@dataclass
class TransportHost:
    """One Hub or Edge with everything its SMTP sessions need.

    ``server`` is the machine as the certificate cmdlets know it; its directory is AD for a Hub and
    the own ADAM for an Edge. Connectors, anchors and domains are read there for each session, so
    a change counts from the next session on.
    """

    server: CertificateHost
    names: ConfigurationNames
    site: DN | None = None
    lookup: RecipientLookup | None = None
    submit: Callable[[Submission], None] = _refuse_submission
    authenticate: Authenticate = _nobody
    machine_secret: Callable[[str], bytes | None] = _no_secret
    """Secret of the machine account behind a service principal name (the Kerberos stand-in)."""
    logs: ProtocolLogs | None = None
    """Protocol logs to write into; None keeps the rows in memory."""
    sessions: deque[SessionRecord] = field(default_factory=lambda: deque(maxlen=SESSIONS_MAX))
    counts: SessionCounts = field(default_factory=SessionCounts)
    """Sessions, commands, replies and verdicts so far, for those who measure."""
    _ephemeral: TransportCertificate | None = None
    _anchors: tuple[object, TrustAnchors] | None = None
    """What was read last, and of which version of the directory."""
    _reported: set[tuple[object, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.logs is None:
            self.logs = ProtocolLogs.open(self.profile, self.clock)

    @property
    def send_log(self) -> ProtocolLog:
        """The SmtpSend log."""
        assert self.logs is not None
        return self.logs.send

    @property
    def receive_log(self) -> ProtocolLog:
        """The SmtpReceive log."""
        assert self.logs is not None
        return self.logs.receive

    @property
    def name(self) -> str:
        """NetBIOS name."""
        return self.server.name

    @property
    def fqdn(self) -> str:
        """Host name."""
        return self.server.fqdn

    @property
    def profile(self) -> VersionProfile:
        """The version this server plays."""
        return self.server.profile

    @property
    def policy(self) -> Policy:
        """Choices where sources are silent."""
        return self.server.policy

    @property
    def clock(self) -> Clock:
        """The server's own clock."""
        return self.server.clock

    @property
    def directory(self) -> DirectoryPort:
        """AD for a Hub, the own ADAM for an Edge."""
        return self.server.directory

    @property
    def is_edge(self) -> bool:
        """Whether this is an Edge Transport server."""
        return bool(self.server.roles & ServerRole.EDGE)

    @property
    def side(self) -> Side:
        """Where this server stands in direct trust."""
        return Side.EDGE if self.is_edge else Side.HUB

    @property
    def build(self) -> str:
        """The build as it stands in Received lines: ``8.3.83.6``."""
        words = self.profile.serial_number.replace("(", "").replace(")", "").split()
        build = words[3] if len(words) > 3 else "0.0"
        # the object's serialNumber has 30000 + the build proper
        number, _, revision = build.partition(".")
        proper = int(number) - 30000 if number.isdecimal() and int(number) >= 30000 else number
        return f"{words[1]}.{proper}.{revision}" if len(words) > 1 else build

    @property
    def transport_flags(self) -> TransportServerFlags:
        """What Set-TransportServer switched on for this server."""
        own = read_server(self.directory, self.names, self.name)
        return own.transport_flags if own else TransportServerFlags(0)

    @property
    def is_later(self) -> bool:
        """2016 and later, whose texts differ in places."""
        return self.profile.version.at_least(Version.EXCHANGE_2016)

    def now(self) -> datetime:
        """This server's own idea of the time."""
        return self.server.now()

    def report(self, kind: EventKind, **data: str | int) -> None:
        """Log an event of this server."""
        self.server.report(kind, **data)

    def internal_certificate(self) -> TransportCertificate | None:
        """What X-ANONYMOUSTLS presents: the certificate the directory names, or a stand-in.

        Where the version makes a temporary one (certificate-facts 3.4), the same one serves until
        the named certificate can be loaded again.
        """
        selection = select_internal(
            self.server.store.certificates, self.server.published(), context_of(self.server)
        )
        self._report_once(selection)
        if not selection.needs_ephemeral:
            self._ephemeral = None
            return selection.chosen
        if self._ephemeral is None:
            self._ephemeral = issue_ephemeral(self.server)
            self.report(
                INTERNAL_CERT_EPHEMERAL,
                thumbprint=selection.name,
                ephemeral=self._ephemeral.thumbprint,
            )
        return self._ephemeral

    def starttls_certificate(self, fqdn: str, connector: str) -> TransportCertificate | None:
        """What STARTTLS presents on a connector, inbound or outbound."""
        selection = select_starttls(
            self.server.store.certificates,
            fqdn or None,
            context_of(self.server),
            connector=connector,
        )
        self._report_once(selection)
        return selection.chosen

    def anchors(self) -> TrustAnchors:
        """Whom this server's directory lets it recognise, now.

        Reading them costs what the organisation's servers cost, each session a look: they are read
        again when the directory has changed since.
        """
        version = self.directory.version if isinstance(self.directory, VersionedPort) else None
        if version is None or self._anchors is None or self._anchors[0] != version:
            read = TrustAnchors.read(self.side, self.directory, self.names)
            self._anchors = version, read
        return self._anchors[1]

    def receive_connectors(self) -> tuple[ReceiveConnector, ...]:
        """This server's Receive connectors that are enabled."""
        found = list_receive_connectors(self.directory, self.names, self.name)
        return tuple(c for c in found if c.enabled)

    def send_connectors(self) -> tuple[SendConnector, ...]:
        """All Send connectors of the organisation that are enabled."""
        return tuple(c for c in list_send_connectors(self.directory, self.names) if c.enabled)

    def accepted_domains(self) -> tuple[AcceptedDomain, ...]:
        """Domains the organisation takes mail for."""
        return list_accepted_domains(self.directory, self.names)

    def transport_config(self) -> TransportConfig:
        """The organisation's transport settings as this server's directory has them."""
        return read_transport_config(self.directory, self.names)

    def _report_once(self, selection: Selection) -> None:
        """Log what a selection says when it is new: a service says it at start, not per session."""
        for event in selection.events:
            data = tuple(v for k, v in sorted(event.data.items()) if k != "hours")
            said = (event.kind.name, data)
            if said not in self._reported:
                self._reported.add(said)
                self.server.emit(event)


def identity_of(
    certificate: TransportCertificate | None, host: TransportHost
) -> TlsIdentity | None:
    """What a host presents with one of its certificates; None: none, or its key is away."""
    return identity.identity_of(certificate, host.server.store.state)
