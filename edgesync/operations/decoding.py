"""Attribute values in words: GUIDs, SIDs, times, flags, certificates, EdgeSync's own records.

Every binary value has a decoded form for people and keeps its raw form for programs.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import IntFlag
from typing import Any
from uuid import UUID

from cryptography import x509

from directory.model.entry import Entry
from edgesync.certificates.certificate import MALFORMED
from edgesync.organization.connectors import AuthMechanism, PermissionGroups
from edgesync.organization.servers import ServerRole, TransportServerFlags

_FILETIME_ORIGIN = datetime(1601, 1, 1, tzinfo=UTC)
_FILETIME_NEVER = (0, 2**63 - 1)
TEXT_SHOWN_MAX = 400
"""Longest value shown whole to people, characters; programs get everything."""

BYTES_SHOWN_MAX = 24
"""Longest unknown binary value shown as hex, bytes."""


def sid_text(value: bytes) -> str:
    """A security identifier as ``S-1-5-...`` (MS-DTYP 2.4.2)."""
    revision, count = value[0], value[1]
    if len(value) != 8 + 4 * count:
        raise ValueError("not a SID")
    authority = int.from_bytes(value[2:8], "big")
    parts = [int.from_bytes(value[8 + 4 * i : 12 + 4 * i], "little") for i in range(count)]
    return "-".join(map(str, ("S", revision, authority, *parts)))


def certificate_text(value: bytes) -> str:
    """Subject, thumbprint and end of a certificate."""
    import hashlib

    certificate = x509.load_der_x509_certificate(value)
    mark = hashlib.sha1(value, usedforsecurity=False).hexdigest().upper()
    subject = certificate.subject.rfc4514_string()
    return f"{subject} {mark} until {certificate.not_valid_after_utc:%Y-%m-%d}"


def _filetime(value: bytes) -> str:
    ticks = int(value)
    if ticks in _FILETIME_NEVER:
        return "never"
    return _instant(_FILETIME_ORIGIN + timedelta(microseconds=ticks // 10))


def _generalized_time(value: bytes) -> str:
    """``20261102080003.0Z`` (RFC 4517 3.3.13, as AD writes it) as people and programs read it."""
    text = value.decode("ascii").removesuffix("Z").partition(".")[0]
    return _instant(datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC))


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


class AccountControl(IntFlag):
    """userAccountControl (MS-ADTS 2.2.16), the bits that labs meet."""

    ACCOUNTDISABLE = 0x2
    LOCKOUT = 0x10
    PASSWD_NOTREQD = 0x20
    NORMAL_ACCOUNT = 0x200
    WORKSTATION_TRUST_ACCOUNT = 0x1000
    SERVER_TRUST_ACCOUNT = 0x2000
    DONT_EXPIRE_PASSWD = 0x10000
    TRUSTED_FOR_DELEGATION = 0x80000
    PASSWORD_EXPIRED = 0x800000


def _flags(
    kind: type[
        ServerRole | AuthMechanism | PermissionGroups | TransportServerFlags | AccountControl
    ],
) -> Callable[[bytes], str]:
    def decode(value: bytes) -> str:
        flags = kind(int(value))
        names = [member.name or "" for member in kind if member in flags and member.value]
        return f"{int(value)} ({' '.join(names) or 'NONE'})"

    return decode


_DECODERS: dict[str, Callable[[bytes], str]] = {
    "objectguid": lambda v: str(UUID(bytes_le=v)),
    "invocationid": lambda v: str(UUID(bytes_le=v)),
    "msexchedgesyncsourceguid": lambda v: str(UUID(bytes_le=v)),
    "msexchmailboxguid": lambda v: str(UUID(bytes_le=v)),
    "schemaidguid": lambda v: str(UUID(bytes_le=v)),
    "objectsid": sid_text,
    "usercertificate": certificate_text,
    "cacertificate": certificate_text,
    "msexchserverinternaltlscert": certificate_text,
    "accountexpires": _filetime,
    "pwdlastset": _filetime,
    "whencreated": _generalized_time,
    "whenchanged": _generalized_time,
    "createtimestamp": _generalized_time,
    "modifytimestamp": _generalized_time,
    "lastlogon": _filetime,
    "lastlogontimestamp": _filetime,
    "badpasswordtime": _filetime,
    "msexchcurrentserverroles": _flags(ServerRole),
    "msexchtransportserverflags": _flags(TransportServerFlags),
    "useraccountcontrol": _flags(AccountControl),
    "labauthmechanism": _flags(AuthMechanism),
    "msexchsmtpreceivepermissiongroups": _flags(PermissionGroups),
}


def decoded(name: str, value: bytes) -> str | None:
    """A value in words, or None when there is nothing to add to its text."""
    decoder = _DECODERS.get(name.lower().partition(";")[0])
    if decoder is None:
        return None
    try:
        return decoder(value)
    except (*MALFORMED, IndexError, OverflowError):
        return None


def shown(name: str, value: bytes) -> str:
    """A value for a person."""
    words = decoded(name, value)
    if words is not None:
        return words
    text = _as_text(value)
    if text is None:
        head = value[:BYTES_SHOWN_MAX].hex(" ")
        return head + (f" … ({len(value)} bytes)" if len(value) > BYTES_SHOWN_MAX else "")
    return text if len(text) <= TEXT_SHOWN_MAX else text[:TEXT_SHOWN_MAX] + "…"


def json_value(name: str, value: bytes) -> Any:
    """A value for a program: text, a decoded GUID or SID, or base64 (contract section 2)."""
    if name.lower() in {"objectguid", "invocationid", "objectsid", "msexchedgesyncsourceguid"}:
        words = decoded(name, value)
        if words is not None:
            return words
    text = _as_text(value)
    return text if text is not None else {"base64": base64.b64encode(value).decode()}


def entry_document(entry: Entry) -> dict[str, Any]:
    """An entry as JSON."""
    return {
        "dn": str(entry.dn),
        "attributes": {
            name: [json_value(name, value) for value in values]
            for name, values in entry.attributes.items()
        },
    }


def _as_text(value: bytes) -> str | None:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if any(ord(char) < 0x20 and char not in "\t\r\n" for char in text):
        return None
    return text
