"""A directory port that breaks where it is told to: before a write, after it, at any operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

from directory.errors import LdapError, ResultCode
from directory.model.controls import Control
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    SearchRequest,
)
from edgesync.errors import PortUnavailable
from edgesync.port.port import DirectoryIdentity, DirectoryPort, SearchOutcome

T = TypeVar("T")
Write = AddRequest | ModifyRequest | ModifyDnRequest | DeleteRequest


class Fault(StrEnum):
    """What goes wrong at one operation."""

    LOST_BEFORE = "connection lost before the write"
    LOST_AFTER = "acknowledgement lost after the write"
    REFUSED = "the directory refuses"


class FaultyPort:
    """Passes everything on, except the ``at``-th operation that ``hits``; lost stays lost."""

    def __init__(
        self,
        inner: DirectoryPort,
        *,
        at: int = -1,
        fault: Fault = Fault.LOST_BEFORE,
        code: ResultCode = ResultCode.UNWILLING_TO_PERFORM,
        hits: Callable[[Write | SearchRequest], bool] = lambda request: (
            not isinstance(request, SearchRequest)
        ),
        always: bool = False,
    ) -> None:
        self.inner = inner
        self.at = at
        self.fault = fault
        self.code = code
        self.hits = hits
        self.always = always
        self.count = 0
        self.is_lost = False
        self.before: Callable[[Write | SearchRequest], None] = lambda _request: None

    @property
    def identity(self) -> DirectoryIdentity:
        self._alive()
        return self.inner.identity

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        return self._through(request, lambda: self.inner.search(request, controls))

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        self._through(request, lambda: self.inner.add(request, controls))

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        self._through(request, lambda: self.inner.modify(request, controls))

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        self._through(request, lambda: self.inner.modify_dn(request, controls))

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        self._through(request, lambda: self.inner.delete(request, controls))

    def close(self) -> None:
        self.inner.close()

    def _alive(self) -> None:
        if self.is_lost:
            raise PortUnavailable("the connection is lost", "connect again")

    def _through(self, request: Write | SearchRequest, call: Callable[[], T]) -> T:
        self._alive()
        self.before(request)
        if not self.hits(request):
            return call()
        number, self.count = self.count, self.count + 1
        if number != self.at and not self.always:
            return call()
        if self.fault is Fault.REFUSED:
            raise LdapError(self.code, "as the test wants it")
        self.is_lost = True
        if self.fault is Fault.LOST_AFTER:
            call()
        raise PortUnavailable("the connection is lost", "connect again")
