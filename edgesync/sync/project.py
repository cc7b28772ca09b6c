"""From an entry of the source to what the target should have of it.

The bulk of a first synchronization is done here, so an entry that came in wire form stays in it:
an attribute that only crosses is passed on in the very bytes it came in, and what is to be added
is not even put together before it must cross a wire. Values are taken out where a transformation
needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from directory.model import ber
from directory.model.dn import DN
from directory.model.encoded import (
    EncodedEntry,
    EntryForm,
    PartedEntry,
    attribute_values,
    decode_attribute,
)
from directory.model.entry import Entry
from edgesync.errors import SourceRefused
from edgesync.sync.kinds import Identity, ReplicatedKind
from edgesync.sync.transform import TRANSFORMATIONS, Values

SPELLINGS_MAX = 1000
"""Spellings of attribute names remembered; a server has one of each."""

_GUID = b"objectguid"
GUID_OCTETS = 16
"""Of an objectGUID."""
_GUID_CHARACTERS = 36
_IS_GUID = -1
"""Stands among places of rules for the attribute that is the identity."""

_Given = tuple[int, bytes, bytes]
"""Place of a rule, an attribute for it as it is spelled, and its wire form."""


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
            return f"{projector.rdn_normal}{self.rdn_value}{projector.base_normal}"
        return self.dn.normal

    def is_name_of(self, entry: Entry) -> bool:
        """Whether an entry of the target has this name already."""
        projector = self.projector
        if projector.is_named_by_guid and isinstance(entry, EncodedEntry):
            name = f"{projector.rdn}={self.rdn_value},".encode() + projector.base_text
            if entry.name == name:
                return True
        return entry.dn == self.dn

    @property
    def attributes(self) -> Mapping[str, Values]:
        """The values of the attributes."""
        return {name: decode_attribute(blob)[1] for name, blob in self.blobs.items()}

    def added(self) -> tuple[Entry, tuple[str, ...]]:
        """The whole entry, to be added, and its attributes but for objectClass."""
        projector, kind, blobs = self.projector, self.projector.kind, self.blobs
        if projector.is_named_by_guid:
            value = self.key
            form, names = projector.form(tuple(blobs))
            named = projector.rdn_head + value
            return PartedEntry(form, value, [form.classes, *blobs.values(), named]), names
        whole = {"objectClass": kind.classes, **self.attributes}
        whole.setdefault(kind.rdn, (self.rdn_value.encode(),))
        whole.setdefault(kind.key, (self.key,))
        return Entry(self.dn, whole), tuple(dict.fromkeys((*blobs, kind.rdn, kind.key)))


class Rule(NamedTuple):
    """One attribute that crosses, made ready."""

    source: bytes
    """Folded."""
    target: str
    spelling: bytes
    """The target's name as it is written."""
    transformation: str
    """Its word in job tables."""
    transform: Callable[[Values], Values] | None
    """None: the values are as they were."""


class Projector:
    """One kind, made ready to project many entries."""

    def __init__(self, kind: ReplicatedKind) -> None:
        self.kind = kind
        self.is_named_by_guid = (
            kind.identity is Identity.GUID_NAME
            and kind.key == kind.rdn
            and kind.key_is_text
            and kind.rdn not in kind.managed
        )
        self.rdn = kind.rdn.upper() if kind.rdn == "cn" else kind.rdn
        self.rdn_head = ber.attribute_head(kind.rdn.encode(), _GUID_CHARACTERS)
        """What stands before a GUID that is the RDN's attribute."""
        self.rdn_normal = f"{self.rdn.lower()}="
        self.base_normal = f",{kind.target_base.normal}"
        self.base_text = str(kind.target_base).encode()
        self._classes = ber.attribute(b"objectClass", kind.classes)
        self._forms: dict[tuple[str, ...], tuple[EntryForm, tuple[str, ...]]] = {}
        self.rules = tuple(
            Rule(rule.source.lower().encode(), rule.target, rule.target.encode(),
                 rule.transformation, self._transform(rule.transformation))
            for rule in kind.rules
        )  # fmt: skip
        self.managed = tuple(
            (name, name.lower().encode()) for name in kind.managed if name != kind.rdn
        )
        """Attributes of the replica that belong to the source, as spelled and folded; its name's
        own attribute is the matter of a move."""
        self._meant: dict[bytes, tuple[int, ...]] = {}
        """Places of the rules that an attribute is for, by its name as it is spelled."""

    def _transform(self, name: str) -> Callable[[Values], Values] | None:
        if name == "copy":
            return None
        function, setting = TRANSFORMATIONS[name], self.kind.setting
        return lambda values: function(values, setting)

    def form(self, names: tuple[str, ...]) -> tuple[EntryForm, tuple[str, ...]]:
        """What replicas with these attributes, named by their GUID, have in common."""
        form = self._forms.get(names)
        if form is None:
            rdn = self.kind.rdn
            spelled = (b"objectClass", *(name.encode() for name in names), rdn.encode())
            common = EntryForm(self.base_text, self.rdn.encode(), self._classes, spelled)
            form = self._forms[names] = common, (*names, rdn)
        return form

    def project(self, entry: Entry) -> Projection:
        """What the target should have of a source entry that is in scope.

        Raises:
            SourceRefused: the entry shows no identity.
        """
        raw, given = self._given(entry)
        if len(raw) != GUID_OCTETS:
            raw = source_guid(entry).bytes_le
        kind = self.kind
        blobs: dict[str, bytes] = {}
        for place, spelled, blob in given:
            rule = self.rules[place]
            made: bytes | None = blob
            if rule.transform is not None:
                values = rule.transform(attribute_values(blob))
                made = ber.attribute(rule.spelling, values) if values else None
            elif spelled != rule.spelling:
                made = ber.attribute(rule.spelling, decode_attribute(blob)[1])
            if made is None:
                continue
            before = blobs.get(rule.target)  # two of the source's become one of the target's
            blobs[rule.target] = made if before is None else _joined(rule.spelling, before, made)
        if kind.identity is Identity.FIXED:
            return Projection(self, b"", "", blobs)
        text = _guid_text(raw)
        name = text
        if kind.identity is Identity.GUID_ATTRIBUTE:
            name = entry.text(kind.rdn_source) or entry.dn.rdn.value
        return Projection(self, text.encode() if kind.key_is_text else raw, name, blobs)

    def _given(self, entry: Entry) -> tuple[bytes, list[_Given]]:
        """The source's objectGUID, and its attributes that rules are for, in the rules' order."""
        meant = self._meant
        raw = b""
        found: list[_Given] = []
        for blob in _blobs(entry):
            at = 4 if blob[1] < 0x80 else 4 + (blob[1] & 0x7F)
            spelled = blob[at : at + blob[at - 1]]
            places = meant.get(spelled)
            if places is None:
                places = self._places(spelled)
            for place in places:
                if not blob[-1] and not decode_attribute(blob)[1]:
                    continue  # an attribute without values
                if place == _IS_GUID:
                    raw = raw or attribute_values(blob)[0]
                else:
                    found.append((place, spelled, blob))
        if len(found) > 1:
            found.sort(key=itemgetter(0))
            if len({place for place, _, _ in found}) < len(found):
                return raw, _whole(found)
        return raw, found

    def _places(self, spelled: bytes) -> tuple[int, ...]:
        folded = spelled.lower()
        places = tuple(place for place, rule in enumerate(self.rules) if rule.source == folded)
        if folded == _GUID:
            places = (_IS_GUID, *places)
        if len(self._meant) < SPELLINGS_MAX:
            self._meant[spelled] = places
        return places


def _whole(found: list[_Given]) -> list[_Given]:
    """One attribute that came in two pieces: legal nowhere, and yet."""
    whole: dict[int, _Given] = {}
    for place, spelled, blob in found:
        before = whole.get(place)
        joined = blob if before is None else _joined(spelled, before[2], blob)
        whole[place] = place, spelled, joined
    return list(whole.values())


def _joined(name: bytes, first: bytes, second: bytes) -> bytes:
    return ber.attribute(name, decode_attribute(first)[1] + decode_attribute(second)[1])


def _blobs(entry: Entry) -> Iterable[bytes]:
    if isinstance(entry, EncodedEntry):
        return entry.wire_forms()
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
