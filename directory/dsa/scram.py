"""SCRAM-SHA-256 (RFC 5802, RFC 7677): the server's half, over a stored verifier (RFC 5803).

The verifier is PBKDF2 with many rounds, since the mechanism leaves no choice of hash: it is
kept by generic directories only, where clients expect the mechanism.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from directory.entropy import Entropy

SCHEME = b"{SCRAM-SHA-256}"
ITERATIONS = 65_536
"""PBKDF2 rounds: RFC 7677 asks for 4096 at least; this takes a client some 40 ms."""

NONCE_OCTETS = 18
"""Of the server's part of the nonce; 24 characters in base64."""

MESSAGE_OCTETS_MAX = 8192
"""Longest client message read: names and nonces are short."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """What the server keeps of a password for this mechanism."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    @classmethod
    def of(cls, password: bytes, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
        """The verifier of a password."""
        salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        stored = hashlib.sha256(client_key).digest()
        return cls(iterations, salt, stored, hmac.digest(salted, b"Server Key", "sha256"))

    @classmethod
    def decode(cls, value: bytes) -> Verifier:
        """Read a stored value.

        Raises:
            ValueError: when it is none.
        """
        if not value.startswith(SCHEME):
            raise ValueError("no SCRAM verifier")
        rounds, salt, stored, server = value[len(SCHEME) :].split(b"$")
        decode = base64.b64decode
        return cls(int(rounds), decode(salt), decode(stored), decode(server))

    def encode(self) -> bytes:
        """The value to store."""
        encode = base64.b64encode
        parts = (b"%d" % self.iterations, encode(self.salt), encode(self.stored_key),
                 encode(self.server_key))  # fmt: skip
        return SCHEME + b"$".join(parts)


class ScramRefused(ValueError):
    """The exchange failed; the text is for the log, clients learn only that it failed."""


@dataclass(slots=True)
class ScramExchange:
    """One exchange: ``start`` with the client's first message, ``finish`` with its second."""

    binding: bytes | None
    name: str = ""
    authorization_id: str = ""
    _first_bare: str = ""
    _header: str = ""
    _server_first: str = ""
    _nonce: str = ""
    _verifier: Verifier | None = None

    def read_first(self, message: bytes) -> None:
        """Take the client-first-message: who it says it is.

        Raises:
            ScramRefused: when it cannot be read, or demands a channel binding there is none for.
        """
        text = _text(message)
        flag, comma, rest = text.partition(",")
        authorization, comma2, bare = rest.partition(",")
        if not comma or not comma2 or flag[:1] not in {"n", "y"}:
            raise ScramRefused("channel binding is not offered for this mechanism")
        self._header = f"{flag},{authorization},"
        self._first_bare = bare
        fields = _fields(bare)
        if "m" in fields or "n" not in fields or not fields.get("r"):
            raise ScramRefused("client-first-message without name or nonce")
        self.name = fields["n"].replace("=2C", ",").replace("=3D", "=")
        self.authorization_id = authorization.removeprefix("a=") if authorization else ""
        self._nonce = fields["r"]

    def challenge(self, verifier: Verifier, entropy: Entropy) -> bytes:
        """The server-first-message."""
        self._verifier = verifier
        self._nonce += base64.b64encode(entropy.token_bytes(NONCE_OCTETS)).decode()
        salt = base64.b64encode(verifier.salt).decode()
        self._server_first = f"r={self._nonce},s={salt},i={verifier.iterations}"
        return self._server_first.encode()

    def finish(self, message: bytes) -> bytes:
        """The server-final-message, if the client-final-message proves the password.

        Raises:
            ScramRefused: when it does not.
        """
        assert self._verifier is not None
        text = _text(message)
        without_proof, mark, proof_text = text.rpartition(",p=")
        fields = _fields(without_proof)
        header = base64.b64encode(self._header.encode()).decode()
        if not mark or fields.get("r") != self._nonce or fields.get("c") != header:
            raise ScramRefused("client-final-message does not continue this exchange")
        signed = f"{self._first_bare},{self._server_first},{without_proof}".encode()
        verifier = self._verifier
        try:
            proof = base64.b64decode(proof_text, validate=True)
        except ValueError:  # binascii.Error is one; so is a letter that is not ASCII
            raise ScramRefused("proof is not base64") from None
        signature = hmac.digest(verifier.stored_key, signed, "sha256")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), verifier.stored_key):
            raise ScramRefused("wrong password")
        server_signature = hmac.digest(verifier.server_key, signed, "sha256")
        return b"v=" + base64.b64encode(server_signature)


def _text(message: bytes) -> str:
    if len(message) > MESSAGE_OCTETS_MAX:
        raise ScramRefused("message too long")
    try:
        return message.decode("utf-8")
    except UnicodeDecodeError:
        raise ScramRefused("message is not UTF-8") from None


def _fields(text: str) -> dict[str, str]:
    return {part[0]: part[2:] for part in text.split(",") if part[1:2] == "="}
