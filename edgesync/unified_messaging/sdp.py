"""Session descriptions: which media a call gets, and whether its keys come along.

RFC 4566, offer and answer of RFC 3264, keys in SDP of RFC 4568.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass, field

from directory.entropy import Entropy
from edgesync.organization.voice import VoipSecurity

PLAIN = "RTP/AVP"
PROTECTED = "RTP/SAVP"
SUITE = "AES_CM_128_HMAC_SHA1_80"
"""The suite every implementation has (RFC 4568 6.2.1)."""

KEY_LENGTH = 30
"""Bytes of that suite's master key and salt."""

AUDIO = ("0", "8")
"""Payload types taken: PCMU and PCMA (RFC 3551)."""

EVENTS = "101"
"""Telephone events, as everybody numbers them."""

MEDIA_PORT = 9
"""The discard port: a lab negotiates a call and carries no sound."""

LINES_MAX = 500
_CRYPTO = re.compile(r"crypto:(\d{1,9}) (\S+) inline:([A-Za-z0-9+/]{40})(?:[=|][^\s]*)?")


@dataclass(frozen=True, slots=True)
class CryptoOffer:
    """One ``a=crypto``. The key stays out of logs."""

    tag: str
    suite: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AudioOffer:
    """The first audio stream of an offer."""

    profile: str
    formats: tuple[str, ...]
    cryptos: tuple[CryptoOffer, ...]


@dataclass(frozen=True, slots=True)
class MediaRefused:
    """Why an offer cannot be taken: SIP's 488."""

    reason: str


@dataclass(frozen=True, slots=True)
class MediaAgreed:
    """What was agreed, and the answer's text. The text may hold a key."""

    profile: str
    suite: str
    """Empty without encryption."""
    text: bytes = field(repr=False)


def parse_offer(body: bytes) -> AudioOffer | None:
    """The first audio stream of a description; None when there is none."""
    profile = ""
    formats: tuple[str, ...] = ()
    cryptos: list[CryptoOffer] = []
    for line in body.decode("utf-8", "replace").splitlines()[:LINES_MAX]:
        kind, _, value = line.partition("=")
        if kind == "m":
            if profile:
                break
            words = value.split()
            if len(words) >= 4 and words[0] == "audio":
                profile, formats = words[2], tuple(words[3:])
        elif kind == "a" and profile and (found := _CRYPTO.match(value)):
            cryptos.append(CryptoOffer(found[1], found[2], found[3]))
    return AudioOffer(profile, formats, tuple(cryptos)) if profile else None


def agree(
    offer: AudioOffer | None, security: VoipSecurity, *, host: str, entropy: Entropy
) -> MediaAgreed | MediaRefused:
    """The answer of a server whose dial plan says how media are protected."""
    if offer is None:
        return MediaRefused("the offer has no audio")
    formats = [f for f in offer.formats if f in AUDIO][:1]
    if not formats:
        return MediaRefused("no payload type in common: 0 (PCMU) or 8 (PCMA)")
    if EVENTS in offer.formats:
        formats.append(EVENTS)
    if security is not VoipSecurity.SECURED:
        if offer.profile != PLAIN:
            return MediaRefused(f"media are not encrypted here, and {offer.profile} was offered")
        return MediaAgreed(PLAIN, "", describe(host, PLAIN, formats))
    if offer.profile != PROTECTED:
        return MediaRefused(f"media must be encrypted, and {offer.profile} was offered")
    crypto = next((c for c in offer.cryptos if c.suite == SUITE), None)
    if crypto is None:
        return MediaRefused(f"no a=crypto with {SUITE}")
    text = describe(host, PROTECTED, formats, crypto_line(crypto.tag, entropy))
    return MediaAgreed(PROTECTED, SUITE, text)


def crypto_line(tag: str, entropy: Entropy) -> str:
    """``a=crypto`` with a new key."""
    key = b64encode(entropy.token_bytes(KEY_LENGTH)).decode()
    return f"a=crypto:{tag} {SUITE} inline:{key}"


def describe(host: str, profile: str, formats: list[str], *more: str) -> bytes:
    """A description of one audio stream."""
    lines = [
        "v=0", f"o={host} 0 0 IN IP4 127.0.0.1", "s=session", "c=IN IP4 127.0.0.1", "t=0 0",
        f"m=audio {MEDIA_PORT} {profile} {' '.join(formats)}", *more,
    ]  # fmt: skip
    if EVENTS in formats:
        lines.append(f"a=rtpmap:{EVENTS} telephone-event/8000")
    return ("\r\n".join(lines) + "\r\n").encode()
