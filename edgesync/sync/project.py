"""From an entry of the source to what the target should have of it.

The bulk of a first synchronization is done here, so an entry that came in wire form stays in it:
an attribute that only crosses is passed on in the very bytes it came in, and what is to be added
is not even put together before it must cross a wire. Values are taken out where a transformation
needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from directory.model import ber
from directory.model.dn import DN
from directory.model.encoded import (
    EncodedEntry,
    EntryForm,
    PartedEntry,
    attribute_blobs,
    attribute_values,
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
    def names(self) -> tuple[str, ...]:
        """The attributes of the whole entry, without objectClass."""
        if self.projector.is_named_by_guid:
            return self.projector.form(tuple(self.blobs))[1]
        kind = self.projector.kind
        return tuple(dict.fromkeys((*self.blobs, kind.rdn, kind.key)))

    @property
    def entry(self) -> Entry:
        """The whole entry, to be added."""
        projector, kind, blobs = self.projector, self.projector.kind, self.blobs
        if projector.is_named_by_guid:
            value = self.key
            form = projector.form(tuple(blobs))[0]
            named = ber.attribute(projector.rdn_type, (value,))
            return PartedEntry(form, value, [form.classes, *blobs.values(), named])
        whole = {"objectClass": kind.classes, **self.attributes}
        whole.setdefault(kind.rdn, (self.rdn_value.encode(),))
        whole.setdefault(kind.key, (self.key,))
        return Entry(self.dn, whole)


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
        self.is_named_by_guid = (
            kind.identity is Identity.GUID_NAME
            and kind.key == kind.rdn
            and kind.rdn not in kind.managed
        )
        self.rdn = kind.rdn.upper() if kind.rdn == "cn" else kind.rdn
        self.rdn_type = kind.rdn.encode()
        self.base_normal = kind.target_base.normal
        self._base = str(kind.target_base).encode()
        self._classes = ber.attribute(b"objectClass", kind.classes)
        self._forms: dict[tuple[str, ...], tuple[EntryForm, tuple[str, ...]]] = {}
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

    def form(self, names: tuple[str, ...]) -> tuple[EntryForm, tuple[str, ...]]:
        """What replicas with these attributes, named by their GUID, have in common."""
        form = self._forms.get(names)
        if form is None:
            spelled = (b"objectClass", *(name.encode() for name in names), self.rdn_type)
            common = EntryForm(self._base, self.rdn.encode(), self._classes, spelled)
            form = self._forms[names] = common, (*names, self.kind.rdn)
        return form

    def project(self, entry: Entry) -> Projection:
        """What the target should have of a source entry that is in scope.

        Raises:
            SourceRefused: the entry shows no identity.
        """
        given = self._given(entry)
        guid = given.get(_GUID)
        raw = attribute_values(guid[1])[0] if guid is not None else b""
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
                values = transform(attribute_values(blob))
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
            at = 4 if blob[1] < 0x80 else 4 + (blob[1] & 0x7F)
            spelled = blob[at : at + blob[at - 1]]
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
