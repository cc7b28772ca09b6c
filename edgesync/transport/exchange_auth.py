"""A stand-in for the Kerberos step between Hubs: X-EXPS EXCHANGEAUTH (certificate-facts 4.9).

The real mechanism appears in no open specification. Ours keeps its shape and its failures: the
client proves that the domain gave it a ticket for ``SMTPSVC/<fqdn>`` (here: the secret of the
target's machine account, read from AD as a KDC would), bound to this very TLS channel, not older
than the clock skew Kerberos allows; the server proves the same back. What it is not: Kerberos.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

CLOCK_SKEW_MAX = timedelta(minutes=5)
"""Kerberos' default (RFC 4120 1.6 names it; AD uses 5 minutes)."""

NONCE_LENGTH = 16
MECHANISM = "EXCHANGEAUTH"
DOWNGRADED = "GSSAPI"
_SEPARATOR = b"\0"


def principal(fqdn: str) -> str:
    """The service principal name of a server's SMTP service."""
    return f"SMTPSVC/{fqdn}"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A client that proved itself: its name, and the token that proves the server back."""

    client: str
    answer: str


@dataclass(frozen=True, slots=True)
class Denied:
    """Why not, in Windows' word."""

    error: str = "LogonDenied"


def client_token(
    secret: bytes, *, client: str, target: str, binding: bytes, now: datetime, nonce: bytes
) -> str:
    """The one-line initial response: who, when, and a proof over both and the channel."""
    stamp = str(int(now.timestamp())).encode()
    body = _SEPARATOR.join((client.encode(), stamp, nonce.hex().encode()))
    proof = _proof(secret, b"client", body, target, binding)
    return b64encode(_SEPARATOR.join((body, proof))).decode()


def accept(
    secret: bytes | None, token: str, *, target: str, binding: bytes, now: datetime
) -> Accepted | Denied:
    """Judge a client's token; the secret is that of the machine account behind ``target``."""
    try:
        parts = b64decode(token, validate=True).split(_SEPARATOR)
    except (NotBase64, ValueError):
        return Denied()
    if secret is None or len(parts) != 4:
        return Denied()
    client, stamp, nonce, proof = parts
    body = _SEPARATOR.join((client, stamp, nonce))
    if not hmac.compare_digest(proof, _proof(secret, b"client", body, target, binding)):
        return Denied()
    try:
        at = datetime.fromtimestamp(int(stamp), UTC)
        name = client.decode()
    except (ValueError, OverflowError, OSError):
        return Denied()
    if abs(now - at) > CLOCK_SKEW_MAX:
        return Denied("LogonDenied")
    return Accepted(name, b64encode(_proof(secret, b"server", body, target, binding)).decode())


def is_genuine(secret: bytes, sent: str, answer: str, *, target: str, binding: bytes) -> bool:
    """Whether the server's token answers the one that was sent."""
    try:
        body = b64decode(sent).rpartition(_SEPARATOR)[0]
        got = b64decode(answer, validate=True)
    except (NotBase64, ValueError):
        return False
    return hmac.compare_digest(got, _proof(secret, b"server", body, target, binding))


def _proof(secret: bytes, side: bytes, body: bytes, target: str, binding: bytes) -> bytes:
    said = _SEPARATOR.join((side, body, target.casefold().encode(), binding.hex().encode()))
    return hmac.new(secret, said, hashlib.sha256).hexdigest().encode()
