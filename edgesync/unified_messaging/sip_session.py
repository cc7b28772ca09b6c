"""One SIP connection of a gateway, without sockets: OPTIONS, and INVITE until media are agreed.

RFC 3261 over TCP or mutual TLS. A lab carries no sound: after the ACK a call waits for its BYE.
"""

from __future__ import annotations

import re

from edgesync.organization.voice import IpGateway
from edgesync.trust.channel import Channel
from edgesync.trust.tls import TlsIdentity, TlsSession
from edgesync.unified_messaging.host import PeerRefused, UmHost
from edgesync.unified_messaging.sdp import MediaRefused, agree, parse_offer
from edgesync.unified_messaging.sip import (
    SipMalformed,
    SipMessage,
    SipReader,
    answer_to,
)

IDLE_S = 600.0
"""Longest silence of a gateway, seconds; gateways ask OPTIONS every minute or two."""

CALLS_MAX = 100
"""Calls of one connection at once: UM's default for a server (MaxCallsAllowed)."""

TAG_LENGTH = 8
ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS"
_VIA = re.compile(r"SIP\s*/\s*2\.0\s*/\s*\w+\s+(\[[^\]]+\]|[^\s:;,]+)")
_NEEDED = ("via", "from", "to", "call-id", "cseq")
_SDP = "application/sdp"


class SipSession:
    """One connection. ``identity`` None: plain TCP."""

    idle_timeout_s = IDLE_S

    def __init__(self, host: UmHost, identity: TlsIdentity | None, remote: str) -> None:
        self._host, self._remote = host, remote
        self._is_tls = identity is not None
        self._gateway: IpGateway | None = None
        self._channel = Channel()
        self._reader = SipReader()
        self._calls: dict[str, str] = {}
        """Call-ID to the tag of our end."""
        self.is_over = False
        if identity is not None:
            self._channel.start_tls(TlsSession.server(identity))

    def start(self) -> None:
        """Nothing: the gateway speaks first."""

    def receive_data(self, data: bytes) -> None:
        """Bytes from the wire; empty means the gateway hung up."""
        was_protected = self._channel.is_protected
        self._channel.receive_data(data)
        if self._channel.is_protected and not was_protected:
            self._identify()
        if not self._is_tls or self._channel.is_protected:
            self._work()
        if self._channel.is_closed:
            self.is_over = True

    def data_to_send(self) -> bytes:
        """Bytes for the wire, once."""
        return self._channel.data_to_send()

    def time_out(self) -> None:
        """The gateway has been silent too long."""
        self._close()

    def _identify(self) -> None:
        """Mutual TLS: a peer that is no gateway is hung up on before it says anything."""
        done = self._channel.handshake
        assert done is not None
        found = self._host.gateway_by_certificate(done.peer_chain if done.peer else ())
        if isinstance(found, PeerRefused):
            self._report(found.reason)
            self._close()
        else:
            self._gateway = found

    def _work(self) -> None:
        while not self.is_over:
            try:
                message = self._reader.next_message(self._channel)
            except SipMalformed as error:
                self._report(f"not SIP: {error}")
                self._close()
                return
            if message is None:
                return
            if message.method and message.method != "ACK":
                self._request(message)

    def _request(self, request: SipMessage) -> None:
        if not all(request.first(name) for name in _NEEDED):
            self._send(answer_to(request, 400, "Bad Request"))
            return
        match request.method:
            case "OPTIONS":
                capabilities = (("allow", ALLOW), ("accept", _SDP), ("supported", ""))
                self._send(answer_to(request, 200, "OK", *capabilities, tag=self._tag()))
            case "INVITE":
                self._invite(request)
            case "BYE" | "CANCEL":
                known = self._calls.pop(request.first("call-id"), None)
                if known is None:
                    gone = "Call/Transaction Does Not Exist"
                    self._send(answer_to(request, 481, gone, tag=self._tag()))
                else:
                    self._send(answer_to(request, 200, "OK"))
            case _:
                allowed = ("allow", ALLOW)
                self._send(answer_to(request, 405, "Method Not Allowed", allowed, tag=self._tag()))

    def _invite(self, request: SipMessage) -> None:
        call, tag = request.first("call-id"), self._tag()
        refusal = self._refusal(request)
        if refusal:
            self._report(refusal)
            self._send(answer_to(request, 403, "Forbidden", tag=tag))
            return
        if len(self._calls) >= CALLS_MAX:
            self._send(answer_to(request, 486, "Busy Here", tag=tag))
            return
        self._send(answer_to(request, 100, "Trying"))
        media = agree(
            parse_offer(request.body), self._host.media_security(is_tls=self._is_tls),
            host=self._host.name, entropy=self._host.secrets,
        )  # fmt: skip
        if isinstance(media, MediaRefused):
            warning = ("warning", f'304 {self._host.fqdn} "{media.reason}"')
            self._send(answer_to(request, 488, "Not Acceptable Here", warning, tag=tag))
            return
        tag = self._calls.setdefault(call, tag)
        self._send(answer_to(request, 180, "Ringing", tag=tag))
        scheme = "tls" if self._is_tls else "tcp"
        more = (
            ("contact", f"<sip:{self._host.fqdn};transport={scheme}>"),
            ("allow", ALLOW),
            ("content-type", _SDP),
        )
        self._send(answer_to(request, 200, "OK", *more, tag=tag, body=media.text))

    def _refusal(self, request: SipMessage) -> str:
        """Why the peer may not call; empty when it may."""
        if self._gateway is None:
            via = _VIA.match(request.first("via"))
            name = via[1].strip("[]") if via else ""
            found = self._host.gateway_by_address(self._remote, name)
            if isinstance(found, PeerRefused):
                return found.reason
            self._gateway = found
        if not self._host.mode.dial_plans:
            return f"{self._host.name} is in no dial plan"
        return ""

    def _tag(self) -> str:
        return self._host.secrets.token_bytes(TAG_LENGTH).hex()

    def _report(self, reason: str) -> None:
        self._host.refuse(self._remote, reason)

    def _send(self, message: SipMessage) -> None:
        self._channel.send(message.encode())

    def _close(self) -> None:
        self._channel.close()
        self.is_over = True
