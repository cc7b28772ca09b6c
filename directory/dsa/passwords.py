"""Passwords at rest: a memory-hard hash that a stolen journal does not give away."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Sequence

from directory.dsa import nt_hash, scram
from directory.entropy import Entropy

SCHEME = b"{SCRYPT}"
SALT_OCTETS = 16
"""RFC 7914's recommendation for a salt."""

PASSWORD_OCTETS_MAX = 4096
"""Longest password tried, so that a bind cannot make us hash megabytes."""

VERIFIED_MAX = 1024
"""Verifications remembered, so that a client that binds for each request does not pay each time."""

FORESEEN_MAX = 1024
"""Results of other threads kept until they are asked for: one for each client that binds now."""

NOTHING = b""
"""Stands for the stored password of an account that has none."""

COST_LOG2_MAX = 20
"""Largest cost accepted from a stored hash: 1 GiB."""

_LEGACY = {
    b"{SSHA}": ("sha1", True), b"{SHA}": ("sha1", False), b"{SMD5}": ("md5", True),
    b"{MD5}": ("md5", False), b"{SSHA256}": ("sha256", True), b"{SHA256}": ("sha256", False),
    b"{SSHA512}": ("sha512", True), b"{SHA512}": ("sha512", False),
}  # fmt: skip


class PasswordHasher:
    """Hashes and verifies; ``cost_log2`` is scrypt's N as a power of two."""

    def __init__(self, entropy: Entropy, cost_log2: int) -> None:
        self._entropy = entropy
        self._cost = cost_log2
        self._scram_iterations = max(4096, scram.ITERATIONS >> max(0, 14 - cost_log2))
        self._key = entropy.token_bytes(32)
        self._verified: OrderedDict[bytes, None] = OrderedDict()
        self._foreseen: dict[bytes, bool] = {}
        self._accounts: set[bytes] = set()

    def hash(self, password: bytes) -> bytes:
        """What to store for a password; what is hashed already stays as it is."""
        if is_hashed(password):
            return password
        salt = self._entropy.token_bytes(SALT_OCTETS)
        digest = _scrypt(password, salt, self._cost)
        parts = (b"%d" % self._cost, base64.b64encode(salt), base64.b64encode(digest))
        return SCHEME + b"$".join(parts)

    def scram(self, password: bytes) -> bytes:
        """A SCRAM verifier of a password, to be stored beside its hash."""
        salt = self._entropy.token_bytes(SALT_OCTETS)
        return scram.Verifier.of(password, salt, self._scram_iterations).encode()

    def stable_salt(self, name: str) -> bytes:
        """A salt for an account that does not exist: always the same for one name."""
        return hmac.digest(self._key, name.lower().encode(), "sha256")[:SALT_OCTETS]

    def verify(self, password: bytes, stored: bytes) -> bool:
        """Whether a password is the one stored.

        A recent success is remembered under the stored hash itself: a changed password has
        another hash, so that nothing of the old one is remembered.
        """
        if len(password) > PASSWORD_OCTETS_MAX:
            return False
        memo = self._memo(password, stored)
        if memo in self._verified:
            self._verified.move_to_end(memo)
            return True
        found = self._foreseen.pop(memo, None)
        if not (_matches(password, stored) if found is None else found):
            return False
        self._verified[memo] = None
        if len(self._verified) > VERIFIED_MAX:
            self._verified.popitem(last=False)
        return True

    def waste(self, password: bytes) -> None:
        """Take as long as a verification: a name that does not exist must not answer sooner."""
        if self._foreseen.pop(self._memo(password, NOTHING), None) is None:
            self._take_long(password)

    def recently(self, name: str, password: bytes) -> bool:
        """Whether an account's password was right not long ago: hashing is not expected then."""
        return self._account(name, password) in self._accounts

    def was_right(self, name: str, password: bytes) -> None:
        """Note that a bind succeeded. It decides nothing: ``verify`` looks at what is stored."""
        if len(self._accounts) >= VERIFIED_MAX:
            self._accounts.clear()
        self._accounts.add(self._account(name, password))

    def _account(self, name: str, password: bytes) -> bytes:
        return hmac.digest(self._key, name.encode() + b"\0" + password, "sha256")

    def work(self, password: bytes, stored: Sequence[bytes]) -> Callable[[], None] | None:
        """The hashing of a verification to come, to be called in another thread; None if quick.

        It takes some 50 ms, in which a thread that serves others should not be held. ``verify``
        of one of the stored passwords, or ``waste`` for NOTHING among them, then only looks.
        """
        if len(password) > PASSWORD_OCTETS_MAX:
            return None
        if any(self._memo(password, value) in self._verified for value in stored):
            return None
        if not any(value == NOTHING or value.upper().startswith(SCHEME) for value in stored):
            return None

        def foresee() -> None:
            if len(self._foreseen) >= FORESEEN_MAX:
                self._foreseen.clear()  # of clients that went away meanwhile
            for value in stored:
                if value == NOTHING:
                    self._take_long(password)
                found = value != NOTHING and _matches(password, value)
                self._foreseen[self._memo(password, value)] = found
                if found:
                    break

        return foresee

    def _memo(self, password: bytes, stored: bytes) -> bytes:
        return hmac.digest(self._key, stored + b"\0" + password, "sha256")

    def _take_long(self, password: bytes) -> None:
        _scrypt(password[:PASSWORD_OCTETS_MAX], b"\0" * SALT_OCTETS, self._cost)


def is_hashed(value: bytes) -> bool:
    """Whether a value is in a scheme that ``verify`` knows."""
    scheme = value[: value.find(b"}") + 1].upper()
    return scheme in {SCHEME, scram.SCHEME, nt_hash.SCHEME} or scheme in _LEGACY


def _scrypt(password: bytes, salt: bytes, cost_log2: int) -> bytes:
    n = 1 << cost_log2
    return hashlib.scrypt(
        password, salt=salt, n=n, r=8, p=1, maxmem=128 * 8 * n + (1 << 20), dklen=32
    )


def _matches(password: bytes, stored: bytes) -> bool:
    end = stored.find(b"}") + 1
    scheme, body = stored[:end].upper(), stored[end:]
    try:
        if scheme == SCHEME:
            cost, salt, digest = body.split(b"$")
            if int(cost) > COST_LOG2_MAX:
                return False
            own = _scrypt(password, base64.b64decode(salt), int(cost))
            return hmac.compare_digest(own, base64.b64decode(digest))
        if scheme == scram.SCHEME:
            kept = scram.Verifier.decode(stored)
            same = scram.Verifier.of(password, kept.salt, kept.iterations)
            return hmac.compare_digest(same.stored_key, kept.stored_key)
        if scheme == nt_hash.SCHEME:
            return nt_hash.matches(password, stored)
        if scheme in _LEGACY:
            name, salted = _LEGACY[scheme]
            raw = base64.b64decode(body)
            size = hashlib.new(name, usedforsecurity=False).digest_size
            salt = raw[size:] if salted else b""
            own = hashlib.new(name, password + salt, usedforsecurity=False).digest()
            return hmac.compare_digest(own, raw[:size])
    except (ValueError, binascii.Error):
        return False
    return False
