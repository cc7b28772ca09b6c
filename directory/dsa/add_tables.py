"""Adds as a listener reads them, sorted into tables of entries that are alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from directory.dsa.quick_names import PLAIN_RDN
from directory.model.encoded import EntryForm, EntryTable

AddParts = tuple[bytes, list[bytes], list[bytes], list[bytes], Mapping[int, Sequence[bytes]]]
"""An entry as a listener takes it apart: its name; of each attribute its name as it is spelled, its
wire form, and its first value; and all values of those that have not one short one, by position."""


class PlacedTable(NamedTuple):
    """Entries of one form among all that are added."""

    places: Sequence[int]
    """Where each stands, ascending."""
    table: EntryTable
    singles: Sequence[Sequence[bytes] | None]
    """Beside the table's columns, the values of an attribute that has one short value in every
    entry, where that is known."""


_CLASSES = b"objectClass"


class _Alike:
    """Entries of one form, as they are found."""

    __slots__ = (
        "_above", "_classes", "_classes_at", "_kind", "_names", "_several", "form", "places",
        "rows", "singles", "values",
    )  # fmt: skip

    def __init__(self, form: EntryForm, names: list[bytes]) -> None:
        self.form = form
        self._kind, self._above = form.kind + b"=", b"," + form.above
        self._names, self._classes = names, form.classes
        self._classes_at = names.index(_CLASSES)
        self.places: list[int] = []
        self.values: list[bytes] = []
        self.rows: list[list[bytes]] = []
        self.singles: list[list[bytes]] = []
        self._several: set[int] = set()

    def take(self, place: int, entry: AddParts) -> bool:
        """Note an entry, if it is one of them; what stands for its RDN's value may be no value."""
        name, names, blobs, singles, several = entry
        kind, above = self._kind, self._above
        if (
            names != self._names or blobs[self._classes_at] != self._classes
            or not name.endswith(above) or not name.startswith(kind)
        ):  # fmt: skip
            return False
        value = name[len(kind) : -len(above)]
        if b"," in value:  # it is further below
            return False
        self.places.append(place)
        self.values.append(value)
        self.rows.append(blobs)
        self.singles.append(singles)
        self._several.update(several)
        return True

    def placed(self) -> PlacedTable:
        """All of them."""
        table = EntryTable(self.form, self.values, list(zip(*self.rows, strict=True)))
        singles = [
            None if at in self._several else column
            for at, column in enumerate(zip(*self.singles, strict=True))
        ]
        return PlacedTable(self.places, table, singles)


def sorted_into_tables(entries: Sequence[AddParts]) -> list[PlacedTable] | None:
    """Entries by their forms; None where a name or a list of attributes takes a closer look.

    Most are like the one before, or the one before that; only others have their form looked up.
    """
    forms: dict[EntryForm, _Alike] = {}
    last: _Alike | None = None
    before: _Alike | None = None
    for place, entry in enumerate(entries):
        if last is not None and last.take(place, entry):
            continue
        last, before = before, last
        if last is not None and last.take(place, entry):
            continue
        name, names, blobs, _, _ = entry
        match = PLAIN_RDN.match(name)
        if match is None or _CLASSES not in names:
            return None
        form = EntryForm(
            name[match.end() :], match[1], blobs[names.index(_CLASSES)], tuple(names)
        )  # fmt: skip
        last = forms.get(form)
        if last is None:
            last = forms[form] = _Alike(form, names)
        if not last.take(place, entry):
            return None
    return [alike.placed() for alike in forms.values()]
