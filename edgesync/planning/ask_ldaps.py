"""Opens an EdgeSync session to see whether a Hub gets into an Edge's ADAM, and at which gate not.

First the certificate the Edge shows, by a real TLS handshake while the lab is up; then the session
EdgeSync itself would open: certificate compared with AD's copy, credential decrypted, bind.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from directory.errors import LdapError
from edgesync.errors import CredentialUndecryptable, EdgeSyncError, NoSuchThing, RefusedByRule
from edgesync.events import FAILED_DIRECT_TRUST_MATCH
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.faults.book import FaultBook, Wire
from edgesync.lab.faults.fault import FaultKind
from edgesync.lab.faults.keys import keys_of
from edgesync.lab.lab import Lab
from edgesync.lab.network import Network
from edgesync.organization.servers import ServerObject
from edgesync.planning.listening import recorded
from edgesync.planning.observation import Approach, Line, Obstacle
from edgesync.port.pinning import PinMismatch
from edgesync.subscription.channel import CredentialRefused, open_edge_session
from edgesync.subscription.credentials import CredentialRecord, readable_records
from edgesync.transport.endpoint import SocketLink
from edgesync.transport.link import LinkFailed
from edgesync.trust import direct
from edgesync.trust.anchors import Side, TrustAnchors
from edgesync.trust.direct import Direction, TrustResult
from edgesync.trust.tls import HandshakeDone, TlsFailed, TlsSession

ROUNDS_MAX = 50
"""Most flights of one handshake: TLS 1.2 with client certificates needs five."""


class Shown:
    """What the Edge's LDAPS port shows."""

    def __init__(self, certificate: bytes | None, tls: str = "", line: str = "") -> None:
        self.certificate, self.tls, self.line = certificate, tls, line


class NotShown(Exception):
    """It showed nothing; ``obstacle`` says why."""

    def __init__(self, obstacle: Obstacle, detail: str) -> None:
        super().__init__(detail)
        self.obstacle = obstacle


def ask_ldaps(lab: Lab, hub: str, edge: str) -> Approach:
    """One Hub's attempt to open a session on one Edge's ADAM."""
    try:
        shown = _look(lab, hub, edge)
    except NotShown as failure:
        return Approach(Direction.OUTBOUND, failure.obstacle, str(failure))
    now = lab.clock.now()
    anchors = TrustAnchors.read(Side.HUB, lab.ad_port(), lab.ad.names)
    trust = direct.check(
        shown.certificate, anchors, now=now, policy=lab.description.trust_policy,
        direction=Direction.OUTBOUND, expected=edge,
    )  # fmt: skip
    lines = (Line("*", shown.line),) if shown.line else ()
    with recorded(lab) as logged:
        obstacle, detail, trust = _log_on(lab, hub, edge, trust)
    return Approach(
        Direction.OUTBOUND, obstacle, detail, shown.certificate, trust, shown.tls, lines,
        tuple(logged),
    )  # fmt: skip


def _look(lab: Lab, hub: str, edge: str) -> Shown:
    network = lab.service(Network)
    if frozenset((hub.casefold(), edge.casefold())) in network.cut:
        raise NotShown(Obstacle.UNREACHABLE, f"no route from {hub} to {edge}")
    url = lab.addresses.get(edge, {}).get("ldaps")
    wire = Wire(edge, "ldaps", hub, is_at_listener=url is None)
    kinds = {fault.kind for fault in lab.service(FaultBook).connection(wire)}
    if FaultKind.CUT in kinds:
        raise NotShown(Obstacle.UNREACHABLE, f"no route from {hub} to {edge}")
    presented = network.presented(edge)
    der = presented.der if presented is not None and presented.has_private_key else None
    if FaultKind.RESIGN_TLS in kinds:
        return Shown(lab.service(keys_of).look_alike(der or b"").der)
    if url is None:
        return Shown(der)
    host, _, port = url.removeprefix("ldaps://").rpartition(":")
    return handshake(host, int(port))


def handshake(host: str, port: int) -> Shown:
    """The certificate an LDAPS port shows, by a handshake that sends nothing else.

    Raises:
        NotShown: nobody answers, or TLS fails.
    """
    session = TlsSession.client()
    try:
        link = SocketLink.connect(host, port)
    except LinkFailed as failure:
        raise NotShown(Obstacle.UNREACHABLE, str(failure)) from failure
    try:
        for _ in range(ROUNDS_MAX):
            event = session.next_event()
            if outgoing := session.data_to_send():
                link.send(outgoing)
            if isinstance(event, HandshakeDone):
                return Shown(event.peer, f"{event.version.value}, {event.cipher}",
                              f"ldaps://{host}:{port}")  # fmt: skip
            if isinstance(event, TlsFailed):
                raise NotShown(Obstacle.TLS_FAILED, event.reason)
            session.receive_data(link.receive())
        raise NotShown(Obstacle.TLS_FAILED, "the handshake does not end")
    except LinkFailed as failure:
        raise NotShown(Obstacle.TLS_FAILED, str(failure)) from failure
    finally:
        link.close()


def _log_on(lab: Lab, hub: str, edge: str, trust: TrustResult) -> tuple[Obstacle, str, TrustResult]:
    """Open the session EdgeSync would; the gate it stops at is the obstacle."""
    service = lab.service(EdgeSync)
    now = lab.clock.now()
    try:
        identity = service.identity(hub)
        known = service.edge_object(edge)
        session = open_edge_session(
            identity, known, service.connector(hub, edge), now=now, emit=lab.emit
        )
    except PinMismatch as error:
        # what EdgeSync logs is 10104, not the 2018 of SMTP
        return Obstacle.NONE, error.message, replace(trust, events=(FAILED_DIRECT_TRUST_MATCH,))
    except CredentialUndecryptable as error:
        return Obstacle.CREDENTIAL_UNREADABLE, error.message, replace(trust, events=())
    except CredentialRefused as error:
        return Obstacle.CREDENTIAL_REFUSED, error.message, replace(trust, events=())
    except RefusedByRule as error:
        obstacle, detail = _no_credential(identity.server, known, now, error)
        return obstacle, detail, replace(trust, events=())
    except NoSuchThing as error:
        return Obstacle.NONE, error.message, replace(trust, events=())
    except (EdgeSyncError, LdapError) as error:
        return Obstacle.UNREACHABLE, str(error), replace(trust, events=())
    session.port.close()
    record = session.credential
    return Obstacle.NONE, f"as {record.user_name}, good until {record.expires_at:%FT%TZ}", trust


def _no_credential(
    hub: ServerObject, edge: ServerObject, now: datetime, error: RefusedByRule
) -> tuple[Obstacle, str]:
    """Why there is nothing to log on with: never had one, or all are past their end."""
    own = [r for _, r in readable_records(hub.credentials) if r.target_server_fqdn == edge.fqdn]
    if not own:
        return Obstacle.CREDENTIAL_MISSING, error.message
    latest: CredentialRecord = max(own, key=lambda r: r.expires_at)
    if now >= latest.expires_at:
        return (
            Obstacle.CREDENTIAL_EXPIRED,
            f"{latest.user_name} expired at {latest.expires_at:%FT%TZ}",
        )
    begins = min(r.effective_at for r in own)
    return Obstacle.CREDENTIAL_EXPIRED, f"no credential is effective before {begins:%FT%TZ}"
