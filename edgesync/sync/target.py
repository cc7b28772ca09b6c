"""The target's side of a job: what is there now, and writing what should be.

Writes go out in the order deletes, moves, changes, adds, so that a name is free before it is
taken. An entry the target refuses is an error of that entry; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from directory.errors import LdapError, ResultCode
from directory.model.controls import Control, TreeDelete
from directory.model.entry import Entry
from directory.model.filter import And, Equality, Or
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    Scope,
    SearchRequest,
)
from directory.model.modification import add
from edgesync.errors import TargetRefused
from edgesync.port.port import DirectoryPort, batch, iterate, read
from edgesync.sync.kinds import Identity, ReplicatedKind
from edgesync.sync.plan import Change, PlannedChange, Write, differences
from edgesync.sync.project import Projection
from edgesync.sync.report import EntryError, Tally

KEYS_PER_SEARCH = 200
"""Alternatives in one filter: far below any server's limit, few enough round trips."""

CONSECUTIVE_FAILURES_MAX = 100
"""Refusals in a row with one code until the target itself counts as unwilling."""

_ORDER = {Change.DELETE: 0, Change.MOVE: 1, Change.MODIFY: 2, Change.ADD: 3}


class Target:
    """One session on the target, counting what it refuses."""

    def __init__(
        self, port: DirectoryPort, tally: Tally, on_error: Callable[[EntryError], None]
    ) -> None:
        self._port = port
        self._tally = tally
        self._on_error = on_error
        self._failures: tuple[ResultCode | None, int] = (None, 0)
        self.touched: set[str] = set()
        """Normal names of entries written in this run: a sweep must leave them."""

    def all(self, kind: ReplicatedKind) -> dict[bytes, Entry]:
        """Every replica of a kind by key. Entries of the kind without a key count as foreign."""
        if kind.identity is Identity.FIXED:
            return self._fixed(kind)
        request = SearchRequest(
            kind.target_base, Scope.SUBTREE, kind.target_filter, self._attributes(kind)
        )
        found: dict[bytes, Entry] = {}
        for number, entry in enumerate(self._below(kind, request)):
            key = entry.first(kind.key) or f"foreign {number}".encode()
            if key in found:  # two replicas of one object: keep the first, sweep the other
                key = f"double {number}".encode()
            found[key] = entry
        return found

    def by_keys(self, kind: ReplicatedKind, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """The replicas with these keys."""
        if kind.identity is Identity.FIXED:
            return self._fixed(kind)
        found: dict[bytes, Entry] = {}
        for start in range(0, len(keys), KEYS_PER_SEARCH):
            some = tuple(Equality(kind.key, key) for key in keys[start : start + KEYS_PER_SEARCH])
            request = SearchRequest(
                kind.target_base, Scope.SUBTREE, And((kind.target_filter, Or(some))),
                self._attributes(kind),
            )  # fmt: skip
            for entry in self._below(kind, request):
                key = entry.first(kind.key)
                if key is not None:
                    found[key] = entry
        return found

    def _below(self, kind: ReplicatedKind, request: SearchRequest) -> Iterator[Entry]:
        for entry in iterate(self._port, request):
            if entry.dn != kind.target_base:  # the container may be of the kind's class itself
                yield entry

    def _fixed(self, kind: ReplicatedKind) -> dict[bytes, Entry]:
        entry = read(self._port, kind.target_base, self._attributes(kind))
        return {} if entry is None else {b"": entry}

    @staticmethod
    def _attributes(kind: ReplicatedKind) -> tuple[str, ...]:
        return tuple(dict.fromkeys((kind.key, kind.rdn, *kind.managed)))

    def apply(
        self, changes: Iterable[tuple[ReplicatedKind, PlannedChange, Projection | None]]
    ) -> None:
        """Write planned changes; refusals are counted and reported, the rest goes on.

        Raises:
            TargetRefused: the target refuses everything.
            PortUnavailable: the connection is gone.
        """
        with batch(self._port):
            for kind, change, desired in sorted(changes, key=lambda item: _ORDER[item[1].change]):
                if change.change is Change.DELETE and change.dn.normal in self.touched:
                    continue  # the name was taken by another object meanwhile
                try:
                    self._execute(kind, change, desired)
                except LdapError as error:
                    self._refused(change, error)
                else:
                    self._failures = (None, 0)
                    self._tally.done(change.change)
                    if change.change is not Change.DELETE:
                        self.touched.add(change.dn.normal)

    def _execute(
        self, kind: ReplicatedKind, change: PlannedChange, desired: Projection | None
    ) -> None:
        for request in change.requests:
            try:
                self._send(request)
            except LdapError as error:
                if (
                    error.code is ResultCode.ENTRY_ALREADY_EXISTS
                    and change.change in {Change.ADD, Change.MOVE}
                    and desired is not None
                ):
                    self._adopt(kind, change, desired, error)
                    return
                if error.code is ResultCode.NO_SUCH_OBJECT and change.change is Change.DELETE:
                    return  # gone already: that is what was wanted
                raise

    def _adopt(
        self, kind: ReplicatedKind, change: PlannedChange, desired: Projection, error: LdapError
    ) -> None:
        """Take over an entry of that name: made by hand, or of an object made anew."""
        entry = read(self._port, desired.dn, ("objectClass", *self._attributes(kind)))
        if entry is None:
            raise error
        if change.change is Change.MOVE:
            old = change.requests[0]
            assert isinstance(old, ModifyDnRequest)
            self._send(DeleteRequest(old.dn))
        modifications = differences(kind, entry, desired)
        present = {value.lower() for value in entry.values("objectClass")}
        missing = tuple(name for name in kind.classes if name.lower() not in present)
        if missing:
            modifications = (add("objectClass", *missing), *modifications)
        if modifications:
            self._send(ModifyRequest(desired.dn, modifications))

    def _send(self, request: Write) -> None:
        match request:
            case AddRequest():
                self._port.add(request)
            case ModifyRequest():
                self._port.modify(request)
            case ModifyDnRequest():
                self._port.modify_dn(request)
            case DeleteRequest():
                self._delete(request)

    def _delete(self, request: DeleteRequest) -> None:
        try:
            self._port.delete(request)
        except LdapError as error:
            if error.code is not ResultCode.NOT_ALLOWED_ON_NON_LEAF:
                raise
            controls: tuple[Control, ...] = (TreeDelete(critical=True),)
            self._port.delete(request, controls)

    def _refused(self, change: PlannedChange, error: LdapError) -> None:
        entry_error = EntryError(str(change.dn), error.code.rfc_name, error.diagnostic)
        self._tally.refuse(entry_error)
        self._on_error(entry_error)
        code, count = self._failures
        count = count + 1 if code is error.code else 1
        self._failures = (error.code, count)
        if count >= CONSECUTIVE_FAILURES_MAX:
            raise TargetRefused(
                f"the target refused {count} entries in a row: {error}",
                "it may be read-only, full, or the account may lack rights",
            ) from error
