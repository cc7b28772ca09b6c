"""Our side: the sockets, the TLS session and the judge that receive mail, and nothing else.

    python -m scripts.benchmark.handshake.server cert.pem key.pem TLSv1.2 PUBLISHED LOOP

A connection shakes hands, the peer's certificate is looked up among ``PUBLISHED`` ones and judged,
and one octet says whether it is trusted. LOOP is ``uvloop`` or ``asyncio``. Prints its port.
"""

from __future__ import annotations

import asyncio
import os
import sys
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from directory.clock import SystemClock
from directory.model.dn import DN
from edgesync.config import Policy
from edgesync.lab.stream_endpoint import StreamEndpoint
from edgesync.organization.servers import ServerObject, ServerRole
from edgesync.trust import direct
from edgesync.trust.anchors import Anchor, Side, TrustAnchors
from edgesync.trust.tls import (
    HandshakeDone,
    NeedData,
    PeerClosed,
    TlsFailed,
    TlsIdentity,
    TlsSession,
    TlsVersion,
)

IDLE_S = 30.0
POLICY = Policy()


def identity_of(certificate: Path, key: Path) -> TlsIdentity:
    """A certificate and its key from PEM files."""
    loaded = load_pem_private_key(key.read_bytes(), None)
    return TlsIdentity(x509.load_pem_x509_certificate(certificate.read_bytes()), loaded)  # type: ignore[arg-type]  # an RSA key


def published(count: int, trusted: bytes) -> TrustAnchors:
    """Anchors of ``count`` servers, one of them with the client's certificate."""
    base = DN.parse("CN=Servers,O=Benchmark")
    one = ServerObject(
        base.child("CN", "EDGE"), "EDGE", roles=ServerRole.EDGE, internal_certificate=trusted
    )
    anchors = TrustAnchors.of(Side.HUB, [one])
    # others only fill the table: their octets are never read
    table = dict(anchors._by_digest)  # noqa: SLF001 - ten thousand real certificates take minutes
    for number in range(count - 1):
        der = os.urandom(800)
        name = f"S{number}"
        anchor = Anchor(base.child("CN", name), name, name, ServerRole.EDGE, der)
        table[sha256(der).digest()] = (anchor,)
    return TrustAnchors(Side.HUB, anchors.anchors, table)


class Handshake:
    """One connection."""

    idle_timeout_s = IDLE_S

    def __init__(self, identity: TlsIdentity, version: TlsVersion, anchors: TrustAnchors) -> None:
        self._tls = TlsSession.server(identity, versions=(version,))
        self._anchors = anchors
        self.is_over = False

    def start(self) -> None:
        """The client speaks first."""

    def receive_data(self, data: bytes) -> None:
        """Shake hands, judge, say so, hang up."""
        self._tls.receive_data(data)
        while not self.is_over:
            event = self._tls.next_event()
            if isinstance(event, NeedData):
                return
            if isinstance(event, HandshakeDone):
                now = SystemClock().now()
                result = direct.check(event.peer, self._anchors, now=now, policy=POLICY)
                self._tls.send(b"+" if result else b"-")
                self.is_over = True
            elif isinstance(event, TlsFailed | PeerClosed):
                self.is_over = True

    def data_to_send(self) -> bytes:
        """What OpenSSL wants sent."""
        return self._tls.data_to_send()

    def time_out(self) -> None:
        """Nobody there."""
        self.is_over = True


async def serve(arguments: list[str]) -> None:
    """Serve until killed."""
    certificate, key, version, count = arguments[:4]
    identity = identity_of(Path(certificate), Path(key))
    anchors = published(int(count), identity.der)
    endpoint = StreamEndpoint(
        lambda _local, _remote: Handshake(identity, TlsVersion(version), anchors)
    )
    await endpoint.start()
    print(endpoint.address[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[5] == "uvloop":
        import uvloop

        uvloop.run(serve(sys.argv[1:]))
    else:
        asyncio.run(serve(sys.argv[1:]))
