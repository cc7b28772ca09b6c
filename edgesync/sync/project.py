"""From an entry of the source to what the target should have of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from directory.model.dn import DN
from directory.model.entry import Entry
from edgesync.errors import SourceRefused
from edgesync.sync.kinds import Identity, ReplicatedKind
from edgesync.sync.transform import TRANSFORMATIONS


@dataclass(frozen=True, slots=True)
class Projection:
    """What the target should have: a name, an identity, the attributes the source decides."""

    dn: DN
    key: bytes
    attributes: Mapping[str, tuple[bytes, ...]]
    rdn_value: str


def source_guid(entry: Entry) -> UUID:
    """A source entry's identity: objectGUID, or entryUUID where there is none.

    Raises:
        SourceRefused: the entry shows neither.
    """
    raw = entry.first("objectGUID")
    if raw is not None and len(raw) == 16:
        return UUID(bytes_le=raw)
    text = entry.text("entryUUID")
    if text:
        return UUID(text)
    raise SourceRefused(
        f"{entry.dn} has neither objectGUID nor entryUUID",
        "the account may lack the right to read operational attributes",
    )


def key_of(kind: ReplicatedKind, guid: UUID) -> bytes:
    """A source identity as the replica's key attribute has it."""
    return str(guid).encode() if kind.key_is_text else guid.bytes_le


def project(entry: Entry, kind: ReplicatedKind) -> Projection:
    """What the target should have of a source entry that is in scope."""
    guid = source_guid(entry)
    attributes: dict[str, tuple[bytes, ...]] = {}
    for rule in kind.rules:
        values = entry.values(rule.source)
        if values:
            transformed = TRANSFORMATIONS[rule.transformation](values, kind.setting)
            if transformed:
                attributes[rule.target] = attributes.get(rule.target, ()) + transformed
    if kind.identity is Identity.FIXED:
        return Projection(kind.target_base, b"", attributes, "")
    rdn_value = str(guid)
    if kind.identity is Identity.GUID_ATTRIBUTE:
        rdn_value = entry.text(kind.rdn_source) or entry.dn.rdn.value
    dn = kind.target_base.child(kind.rdn.upper() if kind.rdn == "cn" else kind.rdn, rdn_value)
    return Projection(dn, key_of(kind, guid), attributes, rdn_value)
