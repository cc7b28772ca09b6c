"""How the fields of a configuration object stand in the directory, declared beside each field."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from enum import Flag, StrEnum
from functools import lru_cache
from typing import Any, TypeVar, cast

from directory.model.dn import DN
from directory.model.encoded import EncodedEntry
from directory.model.entry import Entry
from directory.model.modification import Modification, replace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Codec:
    """Both directions between a field's value and attribute values."""

    decode: Callable[[tuple[bytes, ...]], Any]
    encode: Callable[[Any], tuple[bytes, ...]]


def _boolean(value: bool) -> tuple[bytes, ...]:
    return (b"TRUE" if value else b"FALSE",)


TEXT = Codec(lambda v: v[0].decode(), lambda s: (s.encode(),) if s else ())
TEXTS = Codec(lambda v: tuple(x.decode() for x in v), lambda s: tuple(x.encode() for x in s))
INTEGER = Codec(lambda v: int(v[0]), lambda n: (str(int(n)).encode(),))
BOOLEAN = Codec(lambda v: v[0].upper() == b"TRUE", _boolean)
BYTES = Codec(lambda v: v[0], lambda b: (b,) if b else ())
BYTES_LIST = Codec(tuple, tuple)
NAME = Codec(lambda v: DN.parse(v[0].decode()), lambda dn: (str(dn).encode(),) if dn else ())
NAMES = Codec(
    lambda v: tuple(DN.parse(x.decode()) for x in v), lambda s: tuple(str(x).encode() for x in s)
)
SECONDS = Codec(
    lambda v: timedelta(seconds=int(v[0])), lambda d: (str(int(d.total_seconds())).encode(),)
)


def words(kind: type[StrEnum]) -> Codec:
    """One word of an enumeration."""
    return Codec(lambda v: kind(v[0].decode()), lambda w: (str(w).encode(),) if str(w) else ())


def numbers(kind: type[StrEnum]) -> Codec:
    """One word of an enumeration, kept as its position: how AD keeps Exchange's enumerations."""
    order = list(kind)
    return Codec(lambda v: order[int(v[0])], lambda w: (str(order.index(kind(w))).encode(),))


def flags(kind: type[Flag]) -> Codec:
    """A bit field as an integer."""
    return Codec(lambda v: kind(int(v[0])), lambda f: (str(f.value).encode(),))


def stored(attribute: str, codec: Codec, default: Any = MISSING) -> Any:
    """A dataclass field kept in ``attribute``; absent attributes give the default."""
    metadata = {"attribute": attribute, "codec": codec}
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


LOADED_MAX = 128
"""Objects remembered by their entry's octets: a run of EdgeSync reads the same few servers again
and again."""

LOADED_OCTETS_MAX = 16 * 1024
"""Longest entry remembered, octets: servers have some 3,000 with their certificates."""


def load(kind: type[T], entry: Entry) -> T:
    """An object from its entry. ``kind`` is frozen: the same octets give the same object.

    Raises:
        ValueError: when a required attribute is missing or a value cannot be read; names it.
    """
    if isinstance(entry, EncodedEntry) and len(entry.operation) <= LOADED_OCTETS_MAX:
        return cast("T", _remembered(cast("Hashable", kind), entry.operation))
    return _load(kind, entry)


@lru_cache(maxsize=LOADED_MAX)
def _remembered(kind: Hashable, operation: bytes) -> Any:
    return _load(cast("type[Any]", kind), EncodedEntry(operation))


def _load(kind: type[T], entry: Entry) -> T:
    given: dict[str, Any] = {"dn": entry.dn}
    for item in fields(kind):  # type: ignore[arg-type]  # T is a dataclass by construction
        attribute = item.metadata.get("attribute")
        if attribute is None:
            continue
        values = entry.values(attribute)
        if not values:
            if item.default is MISSING:
                raise ValueError(f"{entry.dn} has no {attribute}")
            continue
        try:
            given[item.name] = item.metadata["codec"].decode(values)
        except (ValueError, IndexError) as error:
            raise ValueError(f"{attribute} of {entry.dn}: {error}") from error
    return kind(**given)


def dump(value: Any) -> dict[str, tuple[bytes, ...]]:
    """An object's attributes; empty ones are left out."""
    out: dict[str, tuple[bytes, ...]] = {}
    for item in fields(value):
        attribute = item.metadata.get("attribute")
        if attribute is not None:
            values = item.metadata["codec"].encode(getattr(value, item.name))
            if values:
                out[attribute] = values
    return out


def changes(before: Mapping[str, tuple[bytes, ...]], after: Any) -> tuple[Modification, ...]:
    """The smallest modify that turns the attributes ``before`` into those of ``after``."""
    wanted = dump(after)
    names = dict.fromkeys((*before, *wanted))
    return tuple(
        replace(name, *wanted.get(name, ()))
        for name in names
        if sorted(before.get(name, ())) != sorted(wanted.get(name, ()))
    )
