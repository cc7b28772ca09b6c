"""Source entries that are alike, projected column by column instead of one by one.

A first synchronization projects thousands of entries with the same attributes. What is done for
each of them is then a short loop over a list; identities are written out for all at once. What
is not certain here is left to ``Projector.project``, and both must make the same
(tests/property/sync/test_alike.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

from directory.model import ber
from directory.model.columns import single_values
from directory.model.encoded import EntryTable, PartedAnswer, attribute_values
from directory.model.entry import Entry
from edgesync.sync.project import GUID_OCTETS, Projection, Projector, Rule
from edgesync.sync.transform import COLUMN_TRANSFORMATIONS, ColumnTransformation

ALIKE_MIN = 4
"""Fewer entries are projected one by one: making lists costs more than it saves."""

FORMS_MAX = 1000
"""Lists of attribute names whose plan is remembered; a server's entries have a handful."""

_GUID = b"objectguid"
_DASH = -1
_GUID_TEXT = (
    6, 7, 4, 5, 2, 3, 0, 1, _DASH, 10, 11, 8, 9, _DASH, 14, 15, 12, 13, _DASH,
    16, 17, 18, 19, _DASH, *range(20, 32),
)  # fmt: skip
"""Which hexadecimal digit of AD's byte order stands where in the text (MS-DTYP 2.3.4)."""

_Column = Callable[[Sequence[bytes]], Sequence[bytes]]
"""From an attribute of the source to one of the target; ValueError where it is not certain."""


class ProjectedTable(NamedTuple):
    """What the target should have of some entries that are alike, named by their GUIDs."""

    projector: Projector
    keys: list[bytes]
    """GUIDs as text."""
    names: tuple[str, ...]
    columns: Sequence[Sequence[bytes]]
    """Attributes in wire form, beside the names."""

    def row(self, at: int) -> Projection:
        """One of them."""
        key = self.keys[at]
        blobs = {name: column[at] for name, column in zip(self.names, self.columns, strict=True)}
        return Projection(self.projector, key, key.decode(), blobs)

    def rows(self) -> Iterator[Projection]:
        """One after the other."""
        return map(self.row, range(len(self.keys)))

    def only(self, places: Sequence[int]) -> ProjectedTable:
        """Some of them."""
        columns = [[column[at] for at in places] for column in self.columns]
        return self._replace(keys=[self.keys[at] for at in places], columns=columns)

    def part(self, start: int, stop: int) -> ProjectedTable:
        """Some that stand together."""
        columns = [column[start:stop] for column in self.columns]
        return self._replace(keys=self.keys[start:stop], columns=columns)

    def without_attributes(self) -> ProjectedTable:
        """Their names alone, for who remembers many."""
        return self._replace(names=(), columns=())

    def added(self) -> EntryTable:
        """The whole entries, to be added."""
        form, _ = self.projector.form(self.names)
        classes = [form.classes] * len(self.keys)
        named = list(map(self.projector.rdn_head.__add__, self.keys))
        return EntryTable(form, self.keys, [classes, *self.columns, named])


class _Plan(NamedTuple):
    """How entries with certain attributes are projected."""

    guid: int
    names: tuple[str, ...]
    made: tuple[tuple[int, _Column], ...]
    """From which attribute each comes, and how."""


class AlikeProjector:
    """Projects pages of entries for one kind."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector
        self._plans: dict[tuple[bytes, ...], _Plan | None] = {}

    def project(self, entries: Sequence[Entry]) -> Iterator[ProjectedTable | Projection]:
        """What the target should have of source entries that are in scope.

        Those that are alike come together, before the others.

        Raises:
            SourceRefused: an entry shows no identity.
        """
        alone: list[Entry] = []
        by_names: dict[int, list[PartedAnswer]] = {}
        for entry in entries:
            if isinstance(entry, PartedAnswer):  # those that are alike share the names
                by_names.setdefault(id(entry.names), []).append(entry)
            else:
                alone.append(entry)
        for alike in by_names.values():
            table = self._table(alike) if len(alike) >= ALIKE_MIN else None
            if table is None:
                alone += alike
            else:
                yield table
        yield from map(self._projector.project, alone)

    def _table(self, entries: Sequence[PartedAnswer]) -> ProjectedTable | None:
        names = entries[0].names
        if names not in self._plans:
            if len(self._plans) >= FORMS_MAX:
                self._plans.clear()
            self._plans[names] = self._plan(names)
        plan = self._plans[names]
        if plan is None:
            return None
        columns = list(zip(*[entry.blobs for entry in entries], strict=True))
        raws = single_values(columns[plan.guid], len(_GUID))
        if raws is None or set(map(len, raws)) != {GUID_OCTETS}:
            return None
        try:
            made = [make(columns[at]) for at, make in plan.made]
        except ValueError:
            return None
        return ProjectedTable(self._projector, guid_texts(raws), plan.names, made)

    def _plan(self, names: tuple[bytes, ...]) -> _Plan | None:
        projector = self._projector
        folded = [name.lower() for name in names]
        rules = [rule for rule in projector.rules if rule.source in folded]
        targets = tuple(rule.target for rule in rules)
        if (
            not projector.is_named_by_guid
            or folded.count(_GUID) != 1
            or len(set(folded)) < len(folded)
            or len(set(targets)) < len(targets)
        ):
            return None
        made = tuple((folded.index(rule.source), self._column(rule)) for rule in rules)
        return _Plan(folded.index(_GUID), targets, made)

    def _column(self, rule: Rule) -> _Column:
        if rule.transform is None:
            return lambda blobs: _copied(rule.spelling, blobs)
        known = COLUMN_TRANSFORMATIONS.get(rule.transformation)
        if known is None:
            return lambda blobs: _each(rule, blobs)
        whole: ColumnTransformation = known
        return lambda blobs: whole(rule.spelling, blobs, self._projector.kind.setting)


def _copied(spelling: bytes, blobs: Sequence[bytes]) -> Sequence[bytes]:
    size = len(spelling)
    starts = [4 if blob[1] < 0x80 else 4 + (blob[1] & 0x7F) for blob in blobs]
    spelled = {blob[at : at + size] for blob, at in zip(blobs, starts, strict=True)}
    sizes = {blob[at - 1] for blob, at in zip(blobs, starts, strict=True)}
    if spelled != {spelling} or sizes != {size}:
        raise ValueError("the target spells it differently")
    if any(not blob[-1] and not attribute_values(blob) for blob in blobs):
        raise ValueError("an attribute without values")
    return blobs


def _each(rule: Rule, blobs: Sequence[bytes]) -> Sequence[bytes]:
    assert rule.transform is not None
    found = list(map(rule.transform, map(attribute_values, blobs)))
    if not all(found):
        raise ValueError("nothing is left of an attribute")
    return list(map(ber.attribute, repeat(rule.spelling), found))


def guid_texts(raws: Sequence[bytes]) -> list[bytes]:
    """``str(UUID(bytes_le=raw))`` of each, octet by octet for all at once."""
    digits = b"".join(raws).hex().encode()
    size = len(_GUID_TEXT)
    text = bytearray(b"-" * (size * len(raws)))
    for at, digit in enumerate(_GUID_TEXT):
        if digit != _DASH:
            text[at::size] = digits[digit :: 2 * GUID_OCTETS]
    whole = bytes(text)
    return [whole[at : at + size] for at in range(0, len(whole), size)]
