"""The NTAuth store: authorities whose certificates may log users on (certificate-facts 7.1).

One object of AD's configuration partition; every Windows machine of the forest reads it there.
"""

from __future__ import annotations

from directory.errors import LdapError, ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import AddRequest, DeleteRequest, ModifyRequest
from directory.model.modification import replace
from edgesync.organization.names import ConfigurationNames
from edgesync.port.port import DirectoryPort, read

_ATTRIBUTE = "cACertificate"
_NO_LIST = (b"\x00",)
"""What Windows writes where the class demands a revocation list and there is none."""


def ntauth_dn(names: ConfigurationNames) -> DN:
    """The object's name."""
    return names.services.child("CN", "Public Key Services").child("CN", "NTAuthCertificates")


def read_ntauth(port: DirectoryPort, names: ConfigurationNames) -> tuple[bytes, ...]:
    """Certificates (DER) of the authorities that may log users on."""
    entry = read(port, ntauth_dn(names))
    return entry.values(_ATTRIBUTE) if entry is not None else ()


def write_ntauth(
    port: DirectoryPort, names: ConfigurationNames, certificates: tuple[bytes, ...]
) -> None:
    """Make these the whole store. An empty store is an object that does not exist."""
    dn = ntauth_dn(names)
    there = read(port, dn) is not None
    if not certificates:
        if there:
            port.delete(DeleteRequest(dn))
        return
    if there:
        port.modify(ModifyRequest(dn, (replace(_ATTRIBUTE, *certificates),)))
        return
    _ensure_container(port, names)
    attributes = {
        "objectClass": (b"top", b"certificationAuthority"),
        "cn": (b"NTAuthCertificates",),
        _ATTRIBUTE: certificates,
        "certificateRevocationList": _NO_LIST,
        "authorityRevocationList": _NO_LIST,
    }
    port.add(AddRequest(Entry(dn, attributes)))


def _ensure_container(port: DirectoryPort, names: ConfigurationNames) -> None:
    parent = ntauth_dn(names).parent
    entry = Entry(parent, {"objectClass": (b"top", b"container"), "cn": (b"Public Key Services",)})
    try:
        port.add(AddRequest(entry))
    except LdapError as error:
        if error.code is not ResultCode.ENTRY_ALREADY_EXISTS:
            raise
