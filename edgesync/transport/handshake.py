"""Asks a server over its own protocol who it is, and whether it knows us.

This is the probe behind ``trust check`` and ``trust probe``.

The dialogue is the one mail uses: EHLO, the TLS verb, mutual TLS, EHLO again. Whether the server
took *our* certificate is asked in SMTP's own words: a server of the organisation may send to any
recipient, an anonymous client may not relay. The transaction is reset; no mail is sent.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeVar

from directory.clock import Clock
from edgesync.certificates.certificate import thumbprint
from edgesync.transport import reply
from edgesync.transport.client import DialogueFailed, Line, SmtpClient
from edgesync.transport.link import Link, LinkFailed, drive
from edgesync.transport.reply import Reply
from edgesync.trust.tls import HandshakeDone, TlsIdentity, TlsVersion
from edgesync.trust.verdict import Reason

T = TypeVar("T")

RELAY_PROBE = "postmaster@relay-probe.invalid"
"""A recipient in no organisation's domain (RFC 2606): accepted from trusted servers only."""


@dataclass(frozen=True, slots=True)
class HandshakeReport:
    """What one connection showed.

    ``reason`` is None when the handshake completed; else ``unreachable``, ``tls_not_offered``,
    ``tls_failed`` or ``connector_refuses``.
    """

    address: str
    local: str
    verb: str
    reason: Reason | None
    detail: str
    server_name: str
    keywords: tuple[str, ...]
    handshake: HandshakeDone | None
    presented: bytes | None
    """Our certificate (DER) as it was shown, or None."""
    may_relay: bool | None
    """Whether the server let us relay, which it does for servers it trusts; None: not asked."""
    mail_reply: Reply | None
    transcript: tuple[Line, ...]
    handshake_s: float
    total_s: float

    @property
    def server_certificate(self) -> bytes | None:
        """The server's certificate (DER)."""
        return self.handshake.peer if self.handshake else None

    def document(self) -> dict[str, object]:
        """As JSON."""
        done = self.handshake
        server = self.server_certificate
        return {
            "address": self.address,
            "verb": self.verb.lower(),
            "reason": self.reason.value if self.reason else None,
            "detail": self.detail,
            "server_name": self.server_name,
            "tls": done.version.value if done else None,
            "cipher": done.cipher if done else None,
            "server_thumbprint": thumbprint(server) if server else None,
            "presented_thumbprint": thumbprint(self.presented) if self.presented else None,
            "may_relay": self.may_relay,
            "handshake_s": round(self.handshake_s, 6),
            "total_s": round(self.total_s, 6),
            "transcript": [str(line) for line in self.transcript],
        }


@dataclass
class Probe:
    """One question to one server."""

    helo: str
    verb: str = "X-ANONYMOUSTLS"
    identity: TlsIdentity | None = None
    ask_relay: bool = True
    versions: tuple[TlsVersion, ...] = tuple(TlsVersion)

    def run(self, link: Link, clock: Clock) -> HandshakeReport:
        """Ask over a link; every failure is an answer. ``clock`` measures the durations."""
        client = SmtpClient()
        session = _Session(self, client, clock)
        started = clock.monotonic()
        reason, detail = None, ""
        try:
            drive(session.converse(), link)
        except LinkFailed as failure:
            reason, detail = Reason.UNREACHABLE, str(failure)
        except DialogueFailed as failure:
            reason = Reason.TLS_FAILED if failure.tls_error else session.blame
            detail = failure.detail or str(failure.answer)
        return HandshakeReport(
            link.remote, link.local, self.verb, reason, detail, client.peer_name,
            session.keywords, client.handshake, self.identity.der if self.identity else None,
            session.may_relay, session.mail_reply, tuple(client.transcript),
            session.handshake_s, clock.monotonic() - started,
        )  # fmt: skip


def unreachable(address: str, verb: str, detail: str) -> HandshakeReport:
    """The report when no connection could be made at all."""
    return HandshakeReport(
        address, "", verb, Reason.UNREACHABLE, detail, "", (), None, None, None, None, (), 0.0, 0.0
    )


class _Session:
    def __init__(self, probe: Probe, client: SmtpClient, clock: Clock) -> None:
        self._probe, self._client, self._clock = probe, client, clock
        self.blame = Reason.UNREACHABLE
        self.may_relay: bool | None = None
        self.mail_reply: Reply | None = None
        self.keywords: tuple[str, ...] = ()
        self.handshake_s = 0.0

    def converse(self) -> Generator[bytes, bytes, None]:
        client, probe = self._client, self._probe
        self._must((yield from client.greet()))
        self._must((yield from client.ehlo(probe.helo)))
        self.keywords = _words(client)
        self.blame = Reason.TLS_NOT_OFFERED
        if probe.verb not in client.keywords:
            yield from client.quit()
            raise DialogueFailed(
                reply.NO_EXCHANGE_AUTHENTICATION, f"{probe.verb} is not among what it offers"
            )
        started = self._clock.monotonic()
        self._must((yield from client.start_tls(
            probe.verb, probe.identity, versions=probe.versions)))  # fmt: skip
        self.handshake_s = self._clock.monotonic() - started
        self.blame = Reason.TLS_FAILED  # TLS 1.3: a server's refusal arrives with its next bytes
        answer = yield from client.ehlo(probe.helo)
        self.blame = Reason.CONNECTOR_REFUSES
        self._must(answer)
        self.keywords = _words(client)
        if probe.ask_relay:
            yield from self._ask()
        yield from client.quit()

    def _ask(self) -> Generator[bytes, bytes, None]:
        client = self._client
        self.mail_reply = yield from client.command("MAIL FROM:<>")
        if self.mail_reply.code != 250:
            self.may_relay = False
            return
        answer = yield from client.command(f"RCPT TO:<{RELAY_PROBE}>")
        self.may_relay = answer.code == 250
        yield from client.command("RSET")

    def _must(self, answer: Reply) -> None:
        if not answer.is_positive:
            raise DialogueFailed(answer, str(answer))


def _words(client: SmtpClient) -> tuple[str, ...]:
    return tuple(f"{word} {rest}".rstrip() for word, rest in client.keywords.items())
