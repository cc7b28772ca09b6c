"""A key too short for anybody: what an old tool left behind. Everybody may know it."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

_PRIMES = (
    0xF19046AF80932B0954310ED7D6238D6E83DDB1F27C097B1F478FA59CEDFC980E9076ACA05F19E6228DBBB0F28BD5BB6D,
    0xD6B0D06106375B29CB54722DCF5671C88AD055D94B5E658C3D42241B981E9EA22E5947CC5CBD22FCA0BB6BC92B81C0FD,
)
_EXPONENT = 65537


@cache
def short_key() -> rsa.RSAPrivateKey:
    """An RSA key of 768 bits; no library of today makes one."""
    p, q = _PRIMES
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q),
        rsa.RSAPublicNumbers(_EXPONENT, p * q),
    ).private_key()  # fmt: skip
