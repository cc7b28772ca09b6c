"""A directory port on a dict: enough LDAP for objects that are read by name or listed by class."""

from __future__ import annotations

from collections.abc import Sequence

from directory.errors import LdapError, ResultCode
from directory.model.controls import Control
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import And, Equality, Filter, Or, Present
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    Scope,
    SearchRequest,
)
from directory.model.modification import ModifyOperation
from edgesync.errors import PortUnavailable
from edgesync.port.port import DirectoryIdentity, SearchOutcome


class DictPort:
    """Entries by name. Set ``down`` and it cannot be reached."""

    def __init__(self) -> None:
        self.entries: dict[DN, Entry] = {}
        self.down = False

    @property
    def identity(self) -> DirectoryIdentity:
        return DirectoryIdentity(None, (), None, frozenset())

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        self._reachable()
        if request.base not in self.entries:
            raise LdapError(ResultCode.NO_SUCH_OBJECT, str(request.base))
        found = (
            entry
            for dn, entry in self.entries.items()
            if _in_scope(dn, request.base, request.scope) and _fits(entry, request.filter)
        )
        return SearchOutcome(tuple(found))

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        self._reachable()
        if request.entry.dn in self.entries:
            raise LdapError(ResultCode.ENTRY_ALREADY_EXISTS, str(request.entry.dn))
        self.entries[request.entry.dn] = request.entry

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        self._reachable()
        if request.dn not in self.entries:
            raise LdapError(ResultCode.NO_SUCH_OBJECT, str(request.dn))
        changes = {}
        for item in request.modifications:
            assert item.operation is ModifyOperation.REPLACE
            changes[item.name] = item.values or None
        self.entries[request.dn] = self.entries[request.dn].with_attributes(changes)

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        raise AssertionError("nothing here renames")

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        self._reachable()
        if self.entries.pop(request.dn, None) is None:
            raise LdapError(ResultCode.NO_SUCH_OBJECT, str(request.dn))

    def close(self) -> None:
        pass

    def _reachable(self) -> None:
        if self.down:
            raise PortUnavailable("the directory is down", "start it")


def _in_scope(dn: DN, base: DN, scope: Scope) -> bool:
    if scope is Scope.BASE:
        return dn == base
    if scope is Scope.ONE:
        return dn != base and dn.parent == base
    return dn.is_within(base)


def _fits(entry: Entry, filter_: Filter) -> bool:
    match filter_:
        case Present(name):
            return entry.has(name)
        case Equality(name, value):
            return value.lower() in (v.lower() for v in entry.values(name))
        case And(items):
            return all(_fits(entry, item) for item in items)
        case Or(items):
            return any(_fits(entry, item) for item in items)
    raise AssertionError(f"no test needs {filter_}")
