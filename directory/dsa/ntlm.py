"""NTLM from the server's side (MS-NLMP section 3.2): one challenge, one answer, NTLMv2 only.

pyspnego's own acceptor finds passwords in a file that an environment variable names, and draws
its challenge from the system: neither suits a directory. Its messages and key functions do.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass, field
from datetime import datetime

from spnego._ntlm_raw.crypto import hmac_md5, ntowfv2
from spnego._ntlm_raw.messages import (
    Authenticate,
    AvFlags,
    AvId,
    Challenge,
    FileTime,
    Negotiate,
    NegotiateFlags,
    NTClientChallengeV2,
    TargetInfo,
    Version,
)
from spnego.exceptions import SpnegoError

from directory.entropy import Entropy

MALFORMED = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError,
    struct.error, SpnegoError,
)  # fmt: skip
"""What pyspnego's parsers raise on octets that are no message."""

TOKEN_OCTETS_MAX = 65_536
"""Longest token looked at; one with a Kerberos ticket of a member of many groups has 48 KiB."""

NTLMV1_OCTETS = 24
"""Length of an NTLMv1 response; one of NTLMv2 is always longer (MS-NLMP 2.2.2.6, 2.2.2.8)."""

PROOF_OCTETS = 16
SIGNATURE = b"NTLMSSP\0"
VERSION = Version(major=10, minor=0, build=17763)
"""Windows Server 2019, which the directory's functional level goes with."""

LAYERS = NegotiateFlags.sign | NegotiateFlags.seal
"""A signed or sealed connection after the bind, which is not offered: TLS is."""

_OFFERED = (  # the client decides
    NegotiateFlags.extended_session_security
    | NegotiateFlags.key_128 | NegotiateFlags.key_56
)  # fmt: skip
_ALWAYS = (
    NegotiateFlags.ntlm | NegotiateFlags.request_target | NegotiateFlags.target_info
    | NegotiateFlags.always_sign
)  # fmt: skip


class NtlmRefused(Exception):
    """The client's message is malformed, or asks for what is not offered."""


@dataclass(frozen=True, slots=True)
class Names:
    """Who the server says it is; empty where it has no domain."""

    netbios_host: str
    dns_host: str
    netbios_domain: str = ""
    dns_domain: str = ""


@dataclass(slots=True)
class NtlmExchange:
    """One authentication: ``challenge``, then ``read``, then ``is_proved``."""

    names: Names
    user: str = ""
    domain: str = ""
    wants_layers: bool = False
    flags: int = 0
    _nonce: bytes = field(default=b"", repr=False)
    _sent: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)
    _answer: Authenticate | None = field(default=None, repr=False)

    @property
    def is_challenged(self) -> bool:
        """Whether the client's answer is due."""
        return bool(self._nonce)

    def challenge(self, token: bytes, entropy: Entropy, now: datetime) -> bytes:
        """The CHALLENGE_MESSAGE for a NEGOTIATE_MESSAGE.

        Raises:
            NtlmRefused: it is none, or its sender has no character set.
        """
        try:
            asked = Negotiate.unpack(_checked(token)).flags
        except MALFORMED as error:
            raise NtlmRefused("malformed NTLM negotiate message") from error
        # Unicode wherever both can (MS-NLMP 2.2.2.5); curl offers the OEM character set only
        charset = asked & NegotiateFlags.unicode or asked & NegotiateFlags.oem
        if not charset:
            raise NtlmRefused("NTLM in no character set")
        target = TargetInfo()
        if self.names.netbios_domain:
            kind = NegotiateFlags.target_type_domain
            target[AvId.dns_domain_name] = self.names.dns_domain
        else:
            kind = NegotiateFlags.target_type_server
        name = self.names.netbios_domain or self.names.netbios_host
        target[AvId.nb_domain_name] = name
        target[AvId.nb_computer_name] = self.names.netbios_host
        target[AvId.dns_computer_name] = self.names.dns_host
        target[AvId.timestamp] = FileTime.from_datetime(now)
        nonce = entropy.token_bytes(8)
        flags = asked & _OFFERED | _ALWAYS | kind | charset
        made = Challenge(flags, nonce, target_name=name, target_info=target, version=VERSION)
        answer = made.pack()
        self._nonce, self._sent = nonce, (token, answer)
        return answer

    def read(self, token: bytes) -> None:
        """Take the AUTHENTICATE_MESSAGE apart: afterwards the exchange has a name.

        Raises:
            NtlmRefused: it is none, anonymous, or has an NTLMv1 or LM response only.
        """
        try:
            message = Authenticate.unpack(_checked(token))
            user, domain = message.user_name, message.domain_name
            response = message.nt_challenge_response or b""
            self.flags = message.flags
        except MALFORMED as error:
            raise NtlmRefused("malformed NTLM authenticate message") from error
        if not user:
            raise NtlmRefused("anonymous NTLM")
        self.user, self.domain = user, domain or ""
        if len(response) <= NTLMV1_OCTETS:
            raise NtlmRefused("NTLMv1")
        self.wants_layers = bool(self.flags & LAYERS)
        self._answer = message

    def is_proved(self, nt_hash: bytes) -> bool:
        """Whether the client knows the password of an NT hash, and nobody changed its messages.

        Raises:
            NtlmRefused: the response is malformed.
        """
        message = self._answer
        assert message is not None
        response = message.nt_challenge_response or b""
        proof, client = response[:PROOF_OCTETS], response[PROOF_OCTETS:]
        key = ntowfv2(self.user, nt_hash, self.domain)
        # the octets as they came: packed again they might differ from what the client signed
        if not hmac.compare_digest(hmac_md5(key, self._nonce + client), proof):
            return False
        try:
            given = NTClientChallengeV2.unpack(client).av_pairs
            if not given.get(AvId.flags, 0) & AvFlags.mic:
                return True
            sent = message.mic or b""
            message.mic = b"\0" * 16
        except MALFORMED as error:
            raise NtlmRefused("malformed NTLMv2 response") from error
        session = hmac_md5(key, proof)  # without layers no other key is exchanged
        own = hmac_md5(session, b"".join(self._sent) + message.pack())
        return hmac.compare_digest(own, sent)


def _checked(token: bytes) -> bytes:
    if len(token) > TOKEN_OCTETS_MAX or not token.startswith(SIGNATURE):
        raise ValueError("no NTLM message")
    return token
