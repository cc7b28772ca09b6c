"""A certificate with its store properties as Windows serialises them: friendly name, key provider.

The value is a list of elements, each property id, encoding, length and bytes, ending with the
certificate itself (wincrypt.h, CertSerializeCertificateStoreElement). Exchange keeps certificates
so in exports, and some scripts expect it in directories (certificate-facts 1.1).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from edgesync.errors import InputInvalid

CERTIFICATE_ELEMENT = 32
_KEY_PROVIDER, _FRIENDLY_NAME = 2, 11
_HEADER = struct.Struct("<III")
_PROVIDER_INFO = struct.Struct("<7I")
_DER_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True)
class SerializedCertificate:
    """The certificate, and what the store says about it. Never holds a private key."""

    der: bytes
    friendly_name: str = ""
    key_provider: str = ""
    """Name of the Windows provider of the private key; empty when the store names none."""
    provider_type: int | None = None
    """Type of the provider: 12 for CAPI's SChannel provider, 0 for CNG; None without a key."""
    properties: dict[int, bytes] = field(default_factory=dict, repr=False)


def parse_serialized_certificate(data: bytes, source: str) -> SerializedCertificate:
    """Read a serialised certificate, or plain DER, which is the same without properties.

    Raises:
        InputInvalid: naming source and offset.
    """
    if data[:1] == bytes([_DER_SEQUENCE]) and data[4:8] != struct.pack("<I", 1):
        return SerializedCertificate(data)
    properties = dict(_elements(data, source))
    der = properties.pop(CERTIFICATE_ELEMENT, b"")
    if not der:
        raise InputInvalid(f"{source}: no certificate inside the serialized one", "export it again")
    return SerializedCertificate(
        der, _text(properties.get(_FRIENDLY_NAME, b"")), *_provider(properties), properties
    )


def _elements(data: bytes, source: str) -> Iterator[tuple[int, bytes]]:
    offset = 0
    while offset < len(data):
        header = data[offset : offset + _HEADER.size]
        if len(header) < _HEADER.size:
            raise InputInvalid(f"{source}, offset {offset}: cut off", "export it again")
        kind, _encoding, length = _HEADER.unpack(header)
        start = offset + _HEADER.size
        if length > len(data) - start:
            raise InputInvalid(
                f"{source}, offset {offset}: property {kind} is longer than the rest",
                "export it again",
            )
        yield kind, data[start : start + length]
        offset = start + length


def _text(value: bytes) -> str:
    """UTF-16 up to the terminating null."""
    return value[: len(value) & ~1].decode("utf-16-le", "replace").partition("\0")[0]


def _provider(properties: dict[int, bytes]) -> tuple[str, int | None]:
    """Name and type in a serialised CRYPT_KEY_PROV_INFO: offsets of texts, numbers."""
    value = properties.get(_KEY_PROVIDER, b"")
    if len(value) < _PROVIDER_INFO.size:
        return "", None
    _container, name_at, kind, *_ = _PROVIDER_INFO.unpack_from(value)
    return (_text(value[name_at:]) if name_at else ""), kind
