"""Where private keys come from: a pool that a seed orders, or real generation.

RSA generation takes no seed, so a lab that must be the same on every machine takes its keys from
primes shipped with the package. PKCS#1 v1.5 signatures are deterministic, so the certificates are
then the same too. Bundled keys are public knowledge: a listener outside loopback must refuse them
(:func:`is_bundled`).
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from edgesync.errors import ConfigurationError

PrivateKey = rsa.RSAPrivateKey | EllipticCurvePrivateKey
"""Keys a machine store holds; Exchange itself makes RSA keys only."""

EXPONENT = 65537
"""Public exponent of every key Windows makes (certificate-facts 1)."""

KEY_SIZES = (1024, 2048, 4096)
"""Sizes New-ExchangeCertificate takes, bits (certificate-facts 2.1)."""

DEFAULT_KEY_SIZE = 2048


class KeySource(Protocol):
    """Hands out private keys, never the same one twice in a row."""

    def next_key(self, owner: str, size: int = DEFAULT_KEY_SIZE) -> rsa.RSAPrivateKey:
        """A key for a server; ``size`` in bits, one of KEY_SIZES."""
        ...


class FreshKeys:
    """Keys made by OpenSSL when asked: unpredictable, about 70 ms each."""

    def next_key(self, owner: str, size: int = DEFAULT_KEY_SIZE) -> rsa.RSAPrivateKey:
        """A key nobody has had before."""
        del owner
        _require_size(size)
        return rsa.generate_private_key(public_exponent=EXPONENT, key_size=size)


class BundledKeys:
    """Keys of the package, in an order that only the seed decides.

    ``position`` counts the keys handed out; a lab that closes and opens again gives it back, so
    that it goes on where it was. After a whole pool (64 keys of 2048 bits) the order repeats.
    """

    def __init__(self, seed: int, position: int = 0) -> None:
        self._seed = seed
        self.position = position

    def next_key(self, owner: str, size: int = DEFAULT_KEY_SIZE) -> rsa.RSAPrivateKey:
        """The next key of the pool of that size."""
        del owner
        _require_size(size)
        order = _order(self._seed, size)
        key = _key(size, order[self.position % len(order)])
        self.position += 1
        return key


def is_bundled(key: CertificatePublicKeyTypes) -> bool:
    """Whether everybody can know the private half of this key."""
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size not in KEY_SIZES:
        return False
    return key.public_numbers().n in _moduli(key.key_size)


def _require_size(size: int) -> None:
    if size not in KEY_SIZES:
        raise ConfigurationError(
            f"a key cannot have {size} bits", f"use {', '.join(map(str, KEY_SIZES))}"
        )


@cache
def _primes(size: int) -> tuple[tuple[int, int], ...]:
    text = files("edgesync.certificates").joinpath("testkeys", f"rsa{size}.txt").read_text("ascii")
    pairs = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return tuple((int(p, 16), int(q, 16)) for p, q in pairs)


@cache
def _moduli(size: int) -> frozenset[int]:
    return frozenset(p * q for p, q in _primes(size))


@cache
def _order(seed: int, size: int) -> tuple[int, ...]:
    def rank(index: int) -> bytes:
        return hashlib.sha256(f"{seed}/{size}/{index}".encode()).digest()

    return tuple(sorted(range(len(_primes(size))), key=rank))


@cache
def _key(size: int, index: int) -> rsa.RSAPrivateKey:
    p, q = _primes(size)[index]
    d = rsa.rsa_recover_private_exponent(EXPONENT, p, q)
    numbers = rsa.RSAPrivateNumbers(
        p=p, q=q, d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p), dmq1=rsa.rsa_crt_dmq1(d, q), iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(EXPONENT, p * q),
    )  # fmt: skip
    # The primes are ours and tested; checking them again would cost 40 ms instead of 0.2.
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)
