"""The NT hash of a password: what an NTLM client proves to know (MS-NLMP section 3.3.1).

It is MD4 of the password, unsalted: as good as the password itself to an NTLM client, and quick to
guess at. AD keeps nothing else in unicodePwd (MS-ADTS 3.1.1.3.1.5). Here it stands beside the
scrypt hash, and only where NTLM is spoken.
"""

from __future__ import annotations

import binascii
import hmac
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec

from directory.dsa.configuration import DirectoryConfiguration

SCHEME = b"{NTHASH}"
OCTETS = 16
"""Length of an MD4 digest."""


def is_kept(configuration: DirectoryConfiguration) -> bool:
    """Whether a directory keeps NT hashes, and so takes NTLM binds.

    AD and ADAM do when the extra ``ntlm`` is installed, unless the setting says otherwise.
    """
    if configuration.is_generic or configuration.ntlm is False:
        return False
    return configuration.ntlm is True or _is_installed()


@cache
def _is_installed() -> bool:
    return find_spec("spnego") is not None


def stored(password: bytes) -> bytes:
    """What to store for a password in UTF-8.

    Raises:
        ModuleNotFoundError: NTLM is asked for, and the extra ``ntlm`` is not installed.
    """
    # optional, and 0.2 s to import; OpenSSL 3 has no MD4 that hashlib could use
    from spnego._ntlm_raw.crypto import ntowfv1  # noqa: PLC0415

    return SCHEME + binascii.hexlify(ntowfv1(password.decode("utf-8", "surrogateescape")))


def is_stored(value: bytes) -> bool:
    """Whether a stored password is an NT hash."""
    return value[: len(SCHEME)].upper() == SCHEME


def find(values: Iterable[bytes]) -> bytes | None:
    """The NT hash among an account's stored passwords."""
    for value in values:
        if is_stored(value):
            try:
                digest = binascii.unhexlify(value[len(SCHEME) :])
            except binascii.Error:
                continue
            if len(digest) == OCTETS:
                return digest
    return None


def matches(password: bytes, value: bytes) -> bool:
    """Whether a stored NT hash is that of a password."""
    if not _is_installed():
        return False
    try:
        return hmac.compare_digest(stored(password), value)
    except UnicodeEncodeError:
        return False
