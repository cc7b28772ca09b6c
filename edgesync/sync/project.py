"""From an entry of the source to what the target should have of it.

The bulk of a first synchronization is done here, so an entry that came in wire form stays in it:
an attribute that only crosses is passed on in the very bytes it came in, and what is to be added
is finished with one join. Values are taken out where a transformation needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from directory.model import ber
from directory.model.dn import DN
from directory.model.encoded import (
    ADD_REQUEST_TAG,
    EncodedEntry,
    attribute_blobs,
    decode_attribute,
    split_operation,
)
from directory.model.entry import Entry
from edgesync.errors import SourceRefused
from edgesync.sync.kinds import Identity, ReplicatedKind
from edgesync.sync.transform import TRANSFORMATIONS, Values

SPELLINGS_MAX = 1000
"""Spellings of attribute names remembered; a server has one of each."""

_GUID = b"objectguid"
_GUID_OCTETS = 16


class Projection(NamedTuple):
    """What the target should have: an identity, a name, the attributes the source decides.

    ``blobs`` are the attributes in wire form, by name.
    """

    projector: Projector
    key: bytes
    rdn_value: str
    blobs: Mapping[str, bytes]

    @property
    def dn(self) -> DN:
        """The name at the target."""
        kind = self.projector.kind
        if kind.identity is Identity.FIXED:
            return kind.target_base
        return kind.target_base.child(self.projector.rdn, self.rdn_value)

    @property
    def normal(self) -> str:
        """The name in the form that compares."""
        projector = self.projector
        if projector.is_named_by_guid:  # nothing to fold, nothing to escape
            return f"{projector.rdn.lower()}={self.rdn_value},{projector.base_normal}"
        return self.dn.normal

    @property
    def attributes(self) -> Mapping[str, Values]:
        """The values of the attributes."""
        return {name: decode_attribute(blob)[1] for name, blob in self.blobs.items()}

    @property
    def entry(self) -> EncodedEntry:
        """The whole entry, to be added."""
        projector = self.projector
        name = (
            f"{projector.rdn}={self.rdn_value},{projector.base}"
            if projector.is_named_by_guid
            else str(self.dn)
        )
        blobs = self.blobs
        parts = [projector.classes, *blobs.values()]
        if projector.kind.rdn not in blobs:
            parts.append(ber.attribute(projector.rdn_type, (self.rdn_value.encode(),)))
        if not projector.is_named_by_guid and projector.kind.key not in blobs:
            parts.append(ber.attribute(projector.key_type, (self.key,)))
        body = ber.octet_string(name.encode()) + ber.tlv(ber.SEQUENCE, b"".join(parts))
        return EncodedEntry(ber.tlv(ADD_REQUEST_TAG, body))


class _Rule(NamedTuple):
    source: bytes
    """Folded."""
    target: str
    spelling: bytes
    """The target's name as it is written."""
    transform: Callable[[Values], Values] | None
    """None: the values are as they were."""


class Projector:
    """One kind, made ready to project many entries."""

    def __init__(self, kind: ReplicatedKind) -> None:
        self.kind = kind
        self.is_named_by_guid = kind.identity is Identity.GUID_NAME and kind.key == kind.rdn
        self.rdn = kind.rdn.upper() if kind.rdn == "cn" else kind.rdn
        self.rdn_type, self.key_type = kind.rdn.encode(), kind.key.encode()
        self.base = str(kind.target_base)
        self.base_normal = kind.target_base.normal
        self.classes = ber.attribute(b"objectClass", kind.classes)
        self._rules = tuple(
            _Rule(rule.source.lower().encode(), rule.target, rule.target.encode(),
                  self._transform(rule.transformation))
            for rule in kind.rules
        )  # fmt: skip
        self._folded: dict[bytes, bytes] = {}

    def _transform(self, name: str) -> Callable[[Values], Values] | None:
        if name == "copy":
            return None
        function, setting = TRANSFORMATIONS[name], self.kind.setting
        return lambda values: function(values, setting)

    def project(self, entry: Entry) -> Projection:
        """What the target should have of a source entry that is in scope.

        Raises:
            SourceRefused: the entry shows no identity.
        """
        given = self._given(entry)
        guid = given.get(_GUID)
        raw = decode_attribute(guid[1])[1][0] if guid is not None else b""
        if len(raw) != _GUID_OCTETS:
            raw = source_guid(entry).bytes_le
        text = _guid_text(raw)
        blobs: dict[str, bytes] = {}
        for source, target, spelling, transform in self._rules:
            found = given.get(source)
            if found is None:
                continue
            spelled, blob = found
            if transform is not None:
                values = transform(decode_attribute(blob)[1])
                if not values:
                    continue
                blob = ber.attribute(spelling, values)
            elif spelled != spelling:
                blob = ber.attribute(spelling, decode_attribute(blob)[1])
            if target in blobs:  # two of the source's become one of the target's
                blob = _joined(spelling, blobs[target], blob)
            blobs[target] = blob
        kind = self.kind
        if kind.identity is Identity.FIXED:
            return Projection(self, b"", "", blobs)
        name = text
        if kind.identity is Identity.GUID_ATTRIBUTE:
            name = entry.text(kind.rdn_source) or entry.dn.rdn.value
        return Projection(self, text.encode() if kind.key_is_text else raw, name, blobs)

    def _given(self, entry: Entry) -> dict[bytes, tuple[bytes, bytes]]:
        """The attributes that have values, as spelled and in wire form, by folded name."""
        known = self._folded
        found: dict[bytes, tuple[bytes, bytes]] = {}
        for blob in _blobs(entry):
            if blob[1] < 0x80 and blob[3] < 0x80:  # nearly all of them
                spelled = blob[4 : 4 + blob[3]]
            else:
                spelled = decode_attribute(blob)[0]
            name = known.get(spelled)
            if name is None:
                name = spelled.lower()
                if len(known) < SPELLINGS_MAX:
                    known[spelled] = name
            if not blob[-1] and not decode_attribute(blob)[1]:
                continue
            if name in found:  # one attribute in two pieces: legal nowhere, and yet
                blob = _joined(spelled, found[name][1], blob)  # noqa: PLW2901 - the whole of it
            found[name] = spelled, blob
        return found


def _joined(name: bytes, first: bytes, second: bytes) -> bytes:
    return ber.attribute(name, decode_attribute(first)[1] + decode_attribute(second)[1])


def _blobs(entry: Entry) -> Iterator[bytes]:
    if isinstance(entry, EncodedEntry):
        return attribute_blobs(split_operation(entry.operation)[1])
    return (ber.attribute(name.encode(), values) for name, values in entry.attributes.items())


def _guid_text(raw: bytes) -> str:
    """``str(UUID(bytes_le=raw))``, without the object between."""
    digits = (raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]).hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


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
