"""The smallest change that turns what the target has into what it should have."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from directory.model.dn import DN
from directory.model.encoded import EncodedEntry, decode_attribute
from directory.model.entry import Entry
from directory.model.messages import AddRequest, DeleteRequest, ModifyDnRequest, ModifyRequest
from directory.model.modification import Modification, replace
from edgesync.port.port import Write
from edgesync.sync.kinds import Identity, ReplicatedKind
from edgesync.sync.project import Projection


class Change(StrEnum):
    """What happens to one entry of the target."""

    ADD = "add"
    MODIFY = "modify"
    MOVE = "move"
    DELETE = "delete"


class PlannedChange(NamedTuple):
    """One entry's change: requests in their order, attributes touched, and why."""

    change: Change
    kind: str
    attributes: tuple[str, ...]
    requests: tuple[Write, ...]
    reason: str

    @property
    def dn(self) -> DN:
        """The name of the entry, after the change if it has another one then."""
        first = self.requests[0]
        match first:
            case AddRequest():
                return first.entry.dn
            case ModifyDnRequest():
                return DN(first.new_rdn.rdns + (first.new_superior or first.dn.parent).rdns)
            case _:
                return first.dn


def plan(
    kind: ReplicatedKind, current: Entry | None, desired: Projection | None
) -> PlannedChange | None:
    """What to do about one object; None when nothing is."""
    if kind.identity is Identity.FIXED:
        if current is None or desired is None:
            return None
        return _modify(kind, current, desired)
    if desired is None:
        return None if current is None else _delete(kind, current)
    if current is None:
        return _add(kind, desired)
    if not desired.is_name_of(current):
        return _move(kind, current, desired)
    return _modify(kind, current, desired)


def _add(kind: ReplicatedKind, desired: Projection) -> PlannedChange:
    entry, names = desired.added()
    return PlannedChange(
        Change.ADD, kind.name, names, (AddRequest(entry),), "in the source, not in the target"
    )


def _delete(kind: ReplicatedKind, current: Entry) -> PlannedChange:
    return PlannedChange(
        Change.DELETE, kind.name, (), (DeleteRequest(current.dn),),
        "not in the source, or no longer to be replicated",
    )  # fmt: skip


def _move(kind: ReplicatedKind, current: Entry, desired: Projection) -> PlannedChange:
    superior = desired.dn.parent
    move = ModifyDnRequest(
        current.dn,
        DN(desired.dn.rdns[:1]),
        new_superior=None if superior == current.dn.parent else superior,
    )
    requests: tuple[Write, ...] = (move,)
    modifications = differences(kind, current, desired)
    if modifications:
        requests = (move, ModifyRequest(desired.dn, modifications))
    return PlannedChange(
        Change.MOVE, kind.name, tuple(m.name for m in modifications), requests,
        f"renamed in the source; was {current.dn.rdn}",
    )  # fmt: skip


def _modify(kind: ReplicatedKind, current: Entry, desired: Projection) -> PlannedChange | None:
    modifications = differences(kind, current, desired)
    if not modifications:
        return None
    names = tuple(m.name for m in modifications)
    return PlannedChange(
        Change.MODIFY, kind.name, names, (ModifyRequest(current.dn, modifications),),
        f"differs in {', '.join(names)}",
    )  # fmt: skip


def differences(
    kind: ReplicatedKind, current: Entry, desired: Projection
) -> tuple[Modification, ...]:
    """Replacements of the attributes that differ; the name's own attribute is the move's matter.

    What came in wire form is compared in it: nearly all is equal to the last octet.
    """
    have = _wire_forms(current)
    changes: list[Modification] = []
    for name, folded in desired.projector.managed:
        wanted = desired.blobs.get(name)
        if have is None:
            present = current.values(name)
        elif (blob := have.get(folded)) == wanted:
            continue
        else:
            present = _values(blob)
        if not _same(present, values := _values(wanted)):
            changes.append(replace(name, *values))
    if kind.identity is Identity.GUID_ATTRIBUTE and not _same(
        current.values(kind.key), (desired.key,)
    ):
        changes.append(replace(kind.key, desired.key))
    return tuple(changes)


def _wire_forms(entry: Entry) -> dict[bytes, bytes] | None:
    """The attributes of an entry in wire form, by folded name; None where it has no such form."""
    if not isinstance(entry, EncodedEntry):
        return None
    found: dict[bytes, bytes] = {}
    for blob in entry.wire_forms():
        at = 4 if blob[1] < 0x80 else 4 + (blob[1] & 0x7F)
        name = blob[at : at + blob[at - 1]].lower()
        if name in found:
            return None  # in two pieces: its values have to be put together
        found[name] = blob
    return found


def _values(blob: bytes | None) -> tuple[bytes, ...]:
    return () if blob is None else decode_attribute(blob)[1]


def _same(have: Sequence[bytes], want: Sequence[bytes]) -> bool:
    if len(have) != len(want):
        return False
    return tuple(have) == tuple(want) or sorted(have) == sorted(want)
