"""The other end: a VoIP gateway or a communications server that calls a UM server.

Both ask OPTIONS and then INVITE. What differs is what they put up with (certificate-facts 7.2): a
gateway takes a certificate that was copied to it, Office Communications Server takes neither plain
TCP nor a self-signed certificate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from directory.entropy import Entropy
from edgesync.certificates.certificate import thumbprint
from edgesync.certificates.crl import CrlSource
from edgesync.certificates.store_state import StoreState
from edgesync.organization.voice import PeerKind, VoipSecurity
from edgesync.trust.channel import Channel
from edgesync.trust.pkix import Expectation, validate
from edgesync.trust.tls import TlsIdentity, TlsSession
from edgesync.unified_messaging.sdp import (
    EVENTS,
    PLAIN,
    PROTECTED,
    crypto_line,
    describe,
    parse_offer,
)
from edgesync.unified_messaging.sip import SipMalformed, SipMessage, SipReader

SCHEMA = "edgesync.um-check/1"
ROUNDS_MAX = 200
"""Reads of one conversation: a dozen messages need a tenth."""

BRANCH = "z9hG4bK"
"""Begins every branch of RFC 3261."""


class Link(Protocol):
    """A two-way stream of bytes to one peer."""

    def send(self, data: bytes) -> None:
        """Hand bytes to the peer."""
        ...

    def receive(self) -> bytes:
        """Wait for bytes; none when the peer hung up."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class CallFailed(Exception):
    """The conversation ended; ``reason`` is a word, the text says more."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class VoicePeer:
    """A gateway or communications server, as far as one call shows."""

    kind: PeerKind
    name: str
    """Its own host name."""
    store: StoreState
    """What its machine trusts."""
    crls: CrlSource
    identity: TlsIdentity | None


@dataclass(frozen=True, slots=True)
class CallReport:
    """What one call came to. ``reason`` is ``accepted`` or why not."""

    peer: str
    server: str
    transport: str
    reason: str
    detail: str
    options_status: int
    invite_status: int
    media: str
    """Profile that was agreed, ``RTP/AVP`` or ``RTP/SAVP``; empty without a call."""
    presented: str
    """Thumbprint of the UM server's certificate."""

    @property
    def is_accepted(self) -> bool:
        """Whether the call was agreed."""
        return self.reason == "accepted"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "schema": SCHEMA,
            "peer": self.peer,
            "server": self.server,
            "transport": self.transport,
            "verdict": "accepted" if self.is_accepted else "refused",
            "reason": self.reason,
            "detail": self.detail,
            "options_status": self.options_status,
            "invite_status": self.invite_status,
            "media": self.media,
            "presented": self.presented,
        }


class Call:
    """One connection of a peer to a UM server."""

    def __init__(
        self, peer: VoicePeer, server_name: str, link: Link, *, is_tls: bool, entropy: Entropy
    ) -> None:
        self._peer, self._server, self._link = peer, server_name, link
        self._is_tls, self._entropy = is_tls, entropy
        self._channel, self._reader = Channel(), SipReader()
        self._call = entropy.uuid().hex
        self._sequence = 0
        self._to_tag = ""
        self.options_status = self.invite_status = 0
        self.media = self.presented = ""

    def run(self, security: VoipSecurity, *, now: datetime) -> CallReport:
        """Shake hands, ask OPTIONS, and call with the media the dial plan asks for."""
        reason, detail = "accepted", "the call was agreed"
        try:
            self._secure(now)
            self.options_status = self._ask("OPTIONS", b"").status
            self._invite(security)
        except CallFailed as failure:
            reason, detail = failure.reason, str(failure)
        except SipMalformed as error:
            reason, detail = "not_sip", str(error)
        finally:
            self._link.close()
        return CallReport(
            self._peer.name, self._server, "tls" if self._is_tls else "tcp", reason, detail,
            self.options_status, self.invite_status, self.media, self.presented,
        )  # fmt: skip

    def _secure(self, now: datetime) -> None:
        if self._is_tls:
            self._shake_hands(now)
        elif self._peer.kind is PeerKind.OCS:
            raise CallFailed("tls_required", "it talks to other servers over TLS only")

    def _shake_hands(self, now: datetime) -> None:
        self._channel.start_tls(TlsSession.client(self._peer.identity, server_name=self._server))
        self._until(lambda: self._channel.handshake, "tls_failed")
        done = self._channel.handshake
        assert done is not None
        self.presented = thumbprint(done.peer_chain[0])
        expect = Expectation((self._server,))
        verdict = validate(
            done.peer_chain, self._peer.store, now=now, expect=expect, crls=self._peer.crls
        )
        if not verdict:
            raise CallFailed("certificate_refused", f"{verdict.status.value}: {verdict.detail}")

    def _invite(self, security: VoipSecurity) -> None:
        secured = security is VoipSecurity.SECURED
        profile = PROTECTED if secured else PLAIN
        keys = (crypto_line("1", self._entropy),) if secured else ()
        answer = self._ask("INVITE", describe(self._peer.name, profile, ["0", EVENTS], *keys))
        self.invite_status = answer.status
        if answer.status != 200:
            why = answer.first("warning").partition('"')[2].rstrip('"') or answer.phrase
            raise CallFailed("call_refused", f"{answer.status}: {why}")
        agreed = parse_offer(answer.body)
        if agreed is None or agreed.profile != profile or (secured and not agreed.cryptos):
            raise CallFailed("media_refused", "the answer does not fit the offer")
        self.media = agreed.profile
        self._to_tag = answer.first("to").partition(";tag=")[2]
        self._send("ACK", b"")
        self._ask("BYE", b"")

    def _ask(self, method: str, body: bytes) -> SipMessage:
        self._send(method, body)
        while True:
            answer: SipMessage = self._until(self._next, "no_answer")
            if answer.status >= 200 and answer.first("cseq").endswith(method):
                return answer

    def _next(self) -> SipMessage | None:
        return self._reader.next_message(self._channel)

    def _send(self, method: str, body: bytes) -> None:
        if method != "ACK":  # an ACK has its INVITE's number
            self._sequence += 1
        transport = "TLS" if self._is_tls else "TCP"
        peer, server = self._peer.name, self._server
        tag = f";tag={self._to_tag}" if self._to_tag else ""
        headers = [
            ("via", f"SIP/2.0/{transport} {peer};branch={BRANCH}{self._call[:8]}{self._sequence}"),
            ("max-forwards", "70"),
            ("from", f"<sip:caller@{peer}>;tag={self._call[:16]}"),
            ("to", f"<sip:um@{server}>{tag}"),
            ("call-id", self._call),
            ("cseq", f"{self._sequence} {method}"),
            ("contact", f"<sip:caller@{peer}>"),
        ]
        if body:
            headers.append(("content-type", "application/sdp"))
        message = SipMessage(tuple(headers), body, method=method, uri=f"sip:um@{server}")
        self._channel.send(message.encode())
        if data := self._channel.data_to_send():
            self._link.send(data)

    def _until(self, found: Callable[[], Any], reason: str) -> Any:
        """Exchange bytes until something is there."""
        for _ in range(ROUNDS_MAX):
            if (value := found()) is not None:
                return value
            if self._channel.is_closed:
                break
            if data := self._channel.data_to_send():
                self._link.send(data)
            self._channel.receive_data(self._link.receive())
        failure = self._channel.failure.reason if self._channel.failure else ""
        raise CallFailed(reason, failure or "the server hung up")
