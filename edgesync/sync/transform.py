"""What happens to an attribute's values on their way to the target. Jobs name these functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain

from directory.errors import InvalidDN
from directory.model.columns import wire_forms
from directory.model.dn import DN
from directory.model.encoded import attribute_values
from edgesync.organization.address_hash import AddressHash, hash_all

Values = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """What transformations may depend on."""

    roots: tuple[tuple[DN, DN], ...]
    """Names within the first of a pair become names within the second; the first pair that fits."""
    hash_address: AddressHash


Transformation = Callable[[Values, Setting], Values]


def copy(values: Values, _setting: Setting) -> Values:
    """As they are."""
    return values


def hash_addresses(values: Values, setting: Setting) -> Values:
    """Every proxy address one way (edgesync-facts 5.3). Equal addresses give one value."""
    hashed = [setting.hash_address(value.decode()) for value in values]
    return tuple(hashed) if len(hashed) == 1 else tuple(dict.fromkeys(hashed))


def hash_address_column(name: bytes, blobs: Sequence[bytes], setting: Setting) -> list[bytes]:
    """``hash_addresses`` for an attribute of many entries, from wire form to wire form.

    Raises:
        ValueError: an entry has no values, or one that is no text.
    """
    sets = list(map(attribute_values, blobs))
    if not all(sets):
        raise ValueError("an attribute without values")
    hashed = hash_all(setting.hash_address, list(chain.from_iterable(sets)))
    counts = list(map(len, sets))
    ends = accumulate(counts)
    rows: list[Values] = [
        tuple(hashed[end - count : end]) for count, end in zip(counts, ends, strict=True)
    ]
    if len(set(hashed)) < len(hashed):  # most addresses are nobody else's either
        rows = [tuple(dict.fromkeys(row)) for row in rows]
    return wire_forms(name, rows)


def rename(values: Values, setting: Setting) -> Values:
    """Names of objects: from the source's partition to the target's.

    A name outside the source's partition would mean nothing at the target and is left out.
    """
    out = []
    for value in values:
        try:
            dn = DN.parse(value.decode())
        except (InvalidDN, UnicodeDecodeError):
            continue
        for source, target in setting.roots:
            if dn.is_within(source):
                out.append(str(dn.moved(source, target)).encode())
                break
    return tuple(out)


def replication_credentials(values: Values, _setting: Setting) -> Values:
    """EdgeSync credentials that name the Hub they are for (edgesync-facts 3.1).

    A record without one is the bootstrap account's: the Edge made that account itself, and the
    record leaves AD after the first session.
    """
    return tuple(value for value in values if _names_source(value))


def _names_source(value: bytes) -> bool:
    try:
        record = json.loads(value)
    except ValueError:
        return True
    return not isinstance(record, dict) or bool(record.get("SourceServerFQDN", "?"))


TRANSFORMATIONS: dict[str, Transformation] = {
    "copy": copy,
    "hash": hash_addresses,
    "name": rename,
    "replication-credentials": replication_credentials,
}
"""By the word that stands in job tables."""

ColumnTransformation = Callable[[bytes, Sequence[bytes], Setting], list[bytes]]
"""The target's name of an attribute and its wire forms in many entries, to those it becomes;
ValueError where only a look at each entry tells."""

COLUMN_TRANSFORMATIONS: dict[str, ColumnTransformation] = {"hash": hash_address_column}
"""Those that are quicker for many entries together."""
