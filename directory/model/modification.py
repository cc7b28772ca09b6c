"""One change inside a Modify request (RFC 4511 section 4.6, RFC 4525)."""

from __future__ import annotations

from collections.abc import Iterable
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


def with_adds_joined(modifications: Iterable[Modification]) -> list[Modification]:
    """The same changes, adds of one attribute that follow each other as one.

    Each change is checked against all values there are, so a thousand adds of one member each
    would cost a thousand times what the group weighs.
    """
    joined: list[Modification] = []
    values: list[bytes] = []
    for change in modifications:
        last = joined[-1] if joined else None
        if (
            last is not None and change.operation is last.operation is ModifyOperation.ADD
            and change.name == last.name and change.values and last.values
        ):  # fmt: skip
            values = values or list(last.values)
            values.extend(change.values)
            continue
        if last is not None and values:
            joined[-1] = Modification(ModifyOperation.ADD, last.name, tuple(values))
            values = []
        joined.append(change)
    if values:
        joined[-1] = Modification(ModifyOperation.ADD, joined[-1].name, tuple(values))
    return joined
