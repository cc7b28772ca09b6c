"""TLS as a pipe that reports and does not judge; it and ``tls_context`` speak to OpenSSL.

A handshake completes with any certificate (self-signed, serverAuth only, expired, unknown) and
with none; whoever drives the session then asks ``edgesync.trust.direct`` or
``edgesync.trust.pkix`` what the certificate is worth (certificate-facts 10). Bytes in, events
out; no socket, no clock.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from edgesync.errors import EdgeSyncError
from edgesync.trust import openssl
from edgesync.trust.tls_context import CONTEXTS, TlsIdentity, TlsVersion

__all__ = [
    "NEED_DATA",
    "ChannelNotReady",
    "HandshakeDone",
    "NeedData",
    "PeerClosed",
    "PlaintextReceived",
    "TlsEvent",
    "TlsFailed",
    "TlsIdentity",
    "TlsSession",
    "TlsVersion",
]  # fmt: skip

RECORD_HEADER = 5
RECORD_BODY_MAX = 16384 + 2048
"""Largest protected record of TLS 1.2 (RFC 5246 6.2.3); TLS 1.3 allows less."""

HANDSHAKE_MAX = 256 * 1024
"""Most bytes a peer may send before its handshake is done: ten long chains."""

FLIGHT_MAX = 64 * 1024
"""Octets given to OpenSSL at once while shaking hands; a flight with a chain has a tenth."""

PLAINTEXT_CHUNK = 16384
OUTPUT_CHUNK = 65536
_RECORD_TYPES = range(20, 24)
EXPORTER_LABEL = b"EXPORTER-Channel-Binding"
"""RFC 9266: a value only the two ends of this very connection know."""


@dataclass(frozen=True, slots=True)
class HandshakeDone:
    """The channel is encrypted. ``peer`` is the peer's certificate as it came (DER), or None."""

    version: TlsVersion
    cipher: str
    bits: int
    peer: bytes | None
    peer_chain: tuple[bytes, ...]
    """Everything the peer sent, its own certificate first."""
    complaints: tuple[int, ...]
    """OpenSSL's verification errors that were recorded and passed over (18, 26, 10, ...)."""


@dataclass(frozen=True, slots=True)
class PlaintextReceived:
    """Bytes the peer sent through the channel."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PeerClosed:
    """The peer ended the channel properly (close_notify)."""


@dataclass(frozen=True, slots=True)
class TlsFailed:
    """The channel is dead. ``reason`` is OpenSSL's, in words."""

    reason: str


class NeedData:
    """Nothing to report until more bytes come."""


NEED_DATA = NeedData()
TlsEvent = HandshakeDone | PlaintextReceived | PeerClosed | TlsFailed | NeedData


class ChannelNotReady(EdgeSyncError):
    """Plaintext was sent, or a binding asked for, before the handshake was done."""


class _State(StrEnum):
    HANDSHAKE = "handshake"
    OPEN = "open"
    OVER = "over"


class TlsSession:
    """One end of a TLS connection.

    Feed ``receive_data``, read ``next_event`` until it is NEED_DATA, and put ``data_to_send``
    on the wire after each call. After TlsFailed or PeerClosed nothing follows but what was
    received before it.
    """

    def __init__(
        self, context: openssl.SSL.Context, *, is_server: bool, server_name: str | None
    ) -> None:
        self._connection = openssl.SSL.Connection(context, None)
        self._complaints: list[int] = []
        self._connection.set_app_data(self._complaints)
        self._buffer = bytearray()
        self._fed = 0
        self._eof = False
        self._is_starved = False
        self._has_output = False
        self._state = _State.HANDSHAKE
        self._failure: TlsFailed | None = None
        if is_server:
            self._connection.set_accept_state()
        else:
            if server_name:
                self._connection.set_tlsext_host_name(server_name.encode("idna"))
            self._connection.set_connect_state()

    @classmethod
    def server(
        cls,
        identity: TlsIdentity,
        *,
        request_client_certificate: bool = True,
        versions: tuple[TlsVersion, ...] = tuple(TlsVersion),
    ) -> TlsSession:
        """The accepting end; asks for a client certificate and takes any, or none.

        Raises:
            KeyUnavailable: the key does not belong to the certificate.
        """
        context = CONTEXTS.get(
            identity, server=True, versions=versions, request=request_client_certificate
        )
        return cls(context, is_server=True, server_name=None)

    @classmethod
    def client(
        cls,
        identity: TlsIdentity | None = None,
        *,
        server_name: str | None = None,
        versions: tuple[TlsVersion, ...] = tuple(TlsVersion),
    ) -> TlsSession:
        """The connecting end; presents ``identity`` when the server asks and there is one."""
        context = CONTEXTS.get(identity, server=False, versions=versions, request=True)
        return cls(context, is_server=False, server_name=server_name)

    def receive_data(self, data: bytes) -> None:
        """Bytes from the wire; empty means the peer hung up."""
        if data:
            self._buffer += data
        else:
            self._eof = True

    def next_event(self) -> TlsEvent:
        """What happened next."""
        while True:
            if not self._is_starved:  # else OpenSSL has nothing new to think about
                event = self._step()
                if not isinstance(event, NeedData):
                    return event
                self._is_starved = True
            if not self._feed():
                return self._starved()
            self._is_starved = False

    def send(self, plaintext: bytes) -> None:
        """Encrypt bytes for the peer.

        Raises:
            ChannelNotReady: the handshake is not done, or the channel is over.
        """
        if self._state is not _State.OPEN:
            raise ChannelNotReady(
                f"plaintext on a TLS channel that is {self._state}", "wait for HandshakeDone"
            )
        self._has_output = True
        for start in range(0, len(plaintext), PLAINTEXT_CHUNK):
            self._connection.sendall(plaintext[start : start + PLAINTEXT_CHUNK])

    def data_to_send(self) -> bytes:
        """Bytes for the wire."""
        if not self._has_output:
            return b""
        self._has_output = False
        parts: list[bytes] = []
        with suppress(openssl.SSL.Error):  # nothing more
            while not parts or len(parts[-1]) == OUTPUT_CHUNK:
                parts.append(self._connection.bio_read(OUTPUT_CHUNK))
        return b"".join(parts)

    def close(self) -> None:
        """End the channel politely; ``data_to_send`` has the close_notify."""
        if self._state is _State.OPEN:
            self._has_output = True
            with suppress(
                openssl.SSL.Error
            ):  # the peer is already gone: nothing left to be polite to
                self._connection.shutdown()
        self._state = _State.OVER

    def channel_binding(self) -> bytes:
        """32 bytes that name this very connection on both ends (RFC 9266)."""
        if self._state is not _State.OPEN:
            raise ChannelNotReady("no channel to bind to", "wait for HandshakeDone")
        return bytes(self._connection.export_keying_material(EXPORTER_LABEL, 32, b""))

    def _step(self) -> TlsEvent:
        if self._failure is not None:
            return self._failure
        self._has_output = True  # an answer, an alert, a key update
        try:
            if self._state is _State.HANDSHAKE:
                self._connection.do_handshake()
                self._state = _State.OPEN
                return self._done()
            if self._state is _State.OPEN:
                return PlaintextReceived(self._connection.recv(65536))
        except openssl.SSL.WantReadError:
            return NEED_DATA
        except openssl.SSL.ZeroReturnError:
            self._state = _State.OVER
            return PeerClosed()
        except openssl.SSL.Error as error:
            return self._fail(_reason(error))
        return NEED_DATA

    def _feed(self) -> bool:
        """Give OpenSSL the next whole record: its own buffer must not grow with the peer's will.

        While shaking hands it gets all that are there, since a flight is five small records and
        each question whether it is content costs as much as a record.
        """
        whole = 0
        while size := self._next_record(whole):
            whole += size
            if self._state is not _State.HANDSHAKE or whole > FLIGHT_MAX:
                break
        if self._failure is not None:
            return True
        if not whole:
            return False
        if self._state is _State.HANDSHAKE:
            self._fed += whole
            if self._fed > HANDSHAKE_MAX:
                self._fail("handshake too long")
                return True
        self._connection.bio_write(bytes(self._buffer[:whole]))
        del self._buffer[:whole]
        return True

    def _next_record(self, at: int) -> int:
        """Size of the record at an offset of what came, once all of it is here; 0 until then."""
        left = len(self._buffer) - at
        if self._state is _State.OVER or left < RECORD_HEADER:
            return 0
        if self._buffer[at] not in _RECORD_TYPES:
            return min(left, RECORD_BODY_MAX)  # not TLS; OpenSSL names it
        size = RECORD_HEADER + int.from_bytes(self._buffer[at + 3 : at + 5], "big")
        if size > RECORD_HEADER + RECORD_BODY_MAX:
            if not at:
                self._fail("record layer length too large")
            return 0
        return size if left >= size else 0

    def _starved(self) -> TlsEvent:
        if not self._eof or self._state is _State.OVER:
            return NEED_DATA
        if self._state is _State.OPEN and not self._buffer:
            self._state = _State.OVER
            return PeerClosed()
        return self._fail("connection closed by peer")

    def _done(self) -> HandshakeDone:
        peer = self._connection.get_peer_certificate()
        chain = self._connection.get_peer_cert_chain() or []
        # bytes, never parsed here: OpenSSL lets through what other libraries cannot read
        own = _der(peer) if peer else None
        sent = [_der(certificate) for certificate in chain]
        if own is not None and own not in sent:
            sent.insert(0, own)  # a server's view of the chain leaves the client's own out
        return HandshakeDone(
            TlsVersion(self._connection.get_protocol_version_name()),
            self._connection.get_cipher_name() or "",
            self._connection.get_cipher_bits() or 0,
            own,
            tuple(sent),
            tuple(self._complaints),
        )

    def _fail(self, reason: str) -> TlsFailed:
        self._state = _State.OVER
        self._failure = TlsFailed(reason)
        return self._failure


def _der(certificate: openssl.crypto.X509) -> bytes:
    return bytes(openssl.crypto.dump_certificate(openssl.crypto.FILETYPE_ASN1, certificate))


def _reason(error: openssl.SSL.Error) -> str:
    if isinstance(error, openssl.SSL.SysCallError):
        return "connection closed by peer"
    details = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return details[-1][-1] if details else "handshake failure"
