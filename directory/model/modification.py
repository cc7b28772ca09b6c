"""One change inside a Modify request (RFC 4511 section 4.6, RFC 4525)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ModifyOperation(IntEnum):
    """What to do with the values."""

    ADD = 0
    DELETE = 1
    REPLACE = 2
    INCREMENT = 3


@dataclass(frozen=True, slots=True)
class Modification:
    """Add, delete, replace or increment values of one attribute."""

    operation: ModifyOperation
    name: str
    values: tuple[bytes, ...] = ()


def add(name: str, *values: bytes) -> Modification:
    """Add values."""
    return Modification(ModifyOperation.ADD, name, values)


def delete(name: str, *values: bytes) -> Modification:
    """Delete the values named, or the whole attribute when none is."""
    return Modification(ModifyOperation.DELETE, name, values)


def replace(name: str, *values: bytes) -> Modification:
    """Replace all values; none removes the attribute."""
    return Modification(ModifyOperation.REPLACE, name, values)
