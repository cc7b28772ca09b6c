"""One attribute of many entries: its values, taken out of their wire forms column by column.

Values of one length (hashes, identities, flags) stand at the same octets in every wire form, and
are cut out there once the octets between have been compared. Others are read one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from operator import itemgetter

from directory.model.ber import OCTET_STRING, attribute, header
from directory.model.encoded import attribute_values

Values = Sequence[bytes]

LAYOUTS_MAX = 4
"""Lengths of one attribute's wire forms that are looked at each by itself: more vary freely."""

VALUES_MAX = 16
"""Values of one wire form that are cut out together: more are rare, and each costs a pass."""


def single_values(blobs: Values, name_octets: int) -> list[bytes] | None:
    """The values of an attribute that has one short value in every entry; else None.

    ``name_octets`` is the length of the attribute's name.
    """
    at = 8 + name_octets  # behind four tags, four lengths and the name
    first = blobs[0]
    size = len(first)
    if first[1] < 0x80 and size >= at and size == at + first[at - 1] and _are_of_size(blobs, size):
        head = slice(at)
        if set(map(itemgetter(head), blobs)) == {first[head]}:
            return list(map(itemgetter(slice(at, None)), blobs))
    values = [b[at:] for b in blobs if b[1] < 0x80 and len(b) >= at and len(b) == at + b[at - 1]]
    return values if len(values) == len(blobs) else None


def all_values(blobs: Values) -> tuple[list[bytes], list[int]]:
    """All values in any order, and beside each which entry has it.

    Raises:
        ValueError: an entry has none, or a length that could be shorter.
    """
    values: list[bytes] = []
    whose: list[int] = []
    sizes = set(map(len, blobs))
    if len(sizes) > LAYOUTS_MAX:
        _read_each(blobs, range(len(blobs)), values, whose)
        return values, whose
    for size in sorted(sizes):
        places: Sequence[int] = range(len(blobs))
        alike = blobs
        if len(sizes) > 1:
            places = [place for place, blob in enumerate(blobs) if len(blob) == size]
            alike = [blobs[place] for place in places]
        cuts = _cuts(alike[0])
        if not 0 < len(cuts) <= VALUES_MAX or not _are_alike_between(alike, cuts):
            _read_each(alike, places, values, whose)
            continue
        _check_form(alike[0], cuts)
        for cut in cuts:
            values += map(itemgetter(cut), alike)
            whose += places
    return values, whose


def wire_forms(name: bytes, rows: Sequence[Values]) -> list[bytes]:
    """``ber.attribute(name, row)`` of each row; quick where all values have one short length."""
    sizes = set(map(len, chain.from_iterable(rows)))
    size = max(sizes, default=0)
    if len(sizes) != 1 or size >= 0x80:
        return list(map(attribute, repeat(name), rows))
    start = _SHORT_STRING[size]
    heads = {
        count: attribute(name, [bytes(size)] * count)[: -count * (2 + size)] + start
        for count in set(map(len, rows))
        if count
    }
    heads[0] = attribute(name, ())
    return [heads[len(row)] + start.join(row) for row in rows]


_SHORT_STRING = tuple(bytes((OCTET_STRING, size)) for size in range(0x80))
"""What stands before a value."""


def _are_of_size(blobs: Values, size: int) -> bool:
    return set(map(len, blobs)) == {size}


def _cuts(blob: bytes) -> list[slice]:
    """Where the values of one wire form stand."""
    end = len(blob)
    at = 2 if blob[1] < 0x80 else 2 + (blob[1] & 0x7F)
    _, at, end = header(blob, at + 2 + blob[at + 1], end)
    cuts: list[slice] = []
    while at < end:
        _, start, at = header(blob, at, end)
        cuts.append(slice(start, at))
    return cuts


def _are_alike_between(blobs: Values, cuts: Sequence[slice]) -> bool:
    """Whether everything but the values is the same octets in all."""
    starts = [0, *(cut.stop for cut in cuts[:-1])]
    return all(
        len(set(map(itemgetter(slice(start, cut.start)), blobs))) == 1
        for start, cut in zip(starts, cuts, strict=True)
    )


def _read_each(blobs: Values, places: Sequence[int], values: list[bytes], whose: list[int]) -> None:
    for place, blob in zip(places, blobs, strict=True):
        found = attribute_values(blob)
        _check_form(blob, found)
        values += found
        whose += repeat(place, len(found))


def _check_form(blob: bytes, values: Sequence[object]) -> None:
    if not values or not (blob[1] < 0x80 or len(blob) >= 0x83):
        raise ValueError("an attribute the store does not keep as it is")
