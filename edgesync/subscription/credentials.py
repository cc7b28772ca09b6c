"""Credentials of EdgeSync: what a record holds, and who can read it (edgesync-facts 3).

A record is kept as one value of ``msExchEdgeSyncCredential``: JSON with the documented property
names, so that any LDAP browser shows it. The password inside is encrypted for one server with the
public key of its internal transport certificate: RSA-OAEP with SHA-256, our stand-in, since no
source gives the padding.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from directory.entropy import Entropy
from edgesync.errors import CredentialUndecryptable, KeyUnavailable

ATTRIBUTE = "msExchEdgeSyncCredential"

PASSWORD_LENGTH = 127
"""Characters of a password: the most that Windows' dialogs take (facts 3.3 say "the greatest")."""

RECORD_SIZE_MAX = 64 * 1024
"""Bytes of one record read: RSA-16384 ciphertext in base64 is 2.7 kB."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
"""64 characters of three of Windows' complexity classes, so that 6 bits choose one without bias."""

_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
_OAEP_OVERHEAD = 2 * hashes.SHA256.digest_size + 2
_ESRA = re.compile(r"ESRA\.(?P<edge>.+)\.(?P<hub>[^.]+)\.(?P<number>\d+)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Secret:
    """A password in clear. It shows itself only to ``reveal()``."""

    _value: bytes = field(repr=False)

    def reveal(self) -> bytes:
        """The bytes; the caller must not log or print them."""
        return self._value

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class CredentialRecord:
    """Who may bind where, from when to when. An empty source server marks the bootstrap account."""

    target_server_fqdn: str
    source_server_fqdn: str
    effective_at: datetime
    expires_at: datetime
    user_name: str
    password: bytes = field(repr=False)
    """Encrypted for the one server that must read it."""

    @property
    def is_bootstrap(self) -> bool:
        """Whether this is the account made at export, good for the first session only."""
        return not self.source_server_fqdn

    @property
    def number(self) -> int:
        """The n of ``ESRA.<edge>.<hub>.<n>``; -1 for the bootstrap account."""
        match = _ESRA.match(self.user_name)
        return -1 if self.is_bootstrap or match is None else int(match["number"])

    def is_usable(self, now: datetime) -> bool:
        """Whether it may be presented at an instant."""
        return self.effective_at <= now < self.expires_at


def bootstrap_name(edge: str) -> str:
    """Name of the account made at export (edgesync-facts 2)."""
    return f"ESRA.{edge}"


def replication_name(edge: str, hub: str, number: int) -> str:
    """Name of a Hub's own account on an Edge (edgesync-facts 1.3 step 6)."""
    return f"ESRA.{edge}.{hub}.{number}"


def new_password(entropy: Entropy, *readers: bytes) -> Secret:
    """A random password that fits the keys of every certificate (DER) it will be encrypted for."""
    room = min((_capacity(_public_key(der)) for der in readers), default=PASSWORD_LENGTH)
    raw = entropy.token_bytes(min(PASSWORD_LENGTH, room))
    return Secret("".join(_ALPHABET[byte & 63] for byte in raw).encode("ascii"))


def encrypt(secret: Secret, certificate: bytes) -> bytes:
    """A password that only the holder of this certificate's (DER) key can read.

    Raises:
        KeyUnavailable: the certificate's key is not RSA.
    """
    return _public_key(certificate).encrypt(secret.reveal(), _OAEP)


def decrypt(record: CredentialRecord, key: PrivateKeyTypes | None, server: str) -> Secret:
    """A record's password, read with the key of ``server``'s internal transport certificate.

    Raises:
        CredentialUndecryptable: no key, or the certificate changed after the record was made.
    """
    fix = "subscribe the Edge again: edgesync subscription export EDGE, then import"
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CredentialUndecryptable(
            f"{server} has no RSA key to read credential {record.user_name} with", fix
        )
    try:
        return Secret(key.decrypt(record.password, _OAEP))
    except ValueError as error:
        raise CredentialUndecryptable(
            f"credential {record.user_name} was encrypted for a key {server} no longer uses", fix
        ) from error


def encode_record(record: CredentialRecord) -> bytes:
    """A record as one attribute value."""
    return json.dumps(
        {
            "TargetServerFQDN": record.target_server_fqdn,
            "SourceServerFQDN": record.source_server_fqdn,
            "EffectiveTime": _instant(record.effective_at),
            "ExpirationTime": _instant(record.expires_at),
            "UserName": record.user_name,
            "Password": base64.b64encode(record.password).decode("ascii"),
        },
        separators=(",", ":"),
    ).encode()


def decode_record(value: bytes) -> CredentialRecord:
    """A record from an attribute value.

    Raises:
        ValueError: the value is not such a record.
    """
    if len(value) > RECORD_SIZE_MAX:
        raise ValueError(f"credential record larger than {RECORD_SIZE_MAX} bytes")
    try:
        given = json.loads(value)
        return CredentialRecord(
            str(given["TargetServerFQDN"]),
            str(given["SourceServerFQDN"]),
            datetime.fromisoformat(given["EffectiveTime"]).astimezone(UTC),
            datetime.fromisoformat(given["ExpirationTime"]).astimezone(UTC),
            str(given["UserName"]),
            base64.b64decode(given["Password"], validate=True),
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a credential record: {error!r}") from error


def readable_records(values: Iterable[bytes]) -> list[tuple[bytes, CredentialRecord]]:
    """The records among attribute values, each with its value, oldest number first.

    Values that are no records (somebody wrote into the attribute by hand) are left out.
    """
    found: list[tuple[bytes, CredentialRecord]] = []
    for value in values:
        try:
            found.append((value, decode_record(value)))
        except ValueError:
            continue
    return sorted(found, key=lambda pair: (pair[1].user_name.casefold(), pair[1].number, pair[0]))


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _public_key(certificate: bytes) -> rsa.RSAPublicKey:
    key: PublicKeyTypes = x509.load_der_x509_certificate(certificate).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyUnavailable(
            "EdgeSync encrypts credentials with RSA; the internal transport certificate has "
            f"a key of another kind ({type(key).__name__})",
            "use a certificate with an RSA key as internal transport certificate",
        )
    return key


def _capacity(key: rsa.RSAPublicKey) -> int:
    return key.key_size // 8 - _OAEP_OVERHEAD


def describe_records(values: Sequence[bytes]) -> list[dict[str, Any]]:
    """Records for reports: whose, for whom, from when to when; nothing of the password."""
    return [
        {
            "user_name": record.user_name,
            "source": record.source_server_fqdn or None,
            "target": record.target_server_fqdn,
            "effective_utc": _instant(record.effective_at),
            "expires_utc": _instant(record.expires_at),
            "is_bootstrap": record.is_bootstrap,
        }
        for _, record in readable_records(values)
    ]
