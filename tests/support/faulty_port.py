"""A directory port that breaks where it is told to: before a write, after it, at any operation."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from directory.errors import LdapError, ResultCode
from directory.model.messages import SearchRequest
from edgesync.port.passed import PassedPort
from edgesync.port.port import DirectoryPort, Write

T = TypeVar("T")


class Fault(StrEnum):
    """What goes wrong at one operation."""

    LOST_BEFORE = "connection lost before the write"
    LOST_AFTER = "acknowledgement lost after the write"
    REFUSED = "the directory refuses"


class FaultyPort(PassedPort):
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
        super().__init__(inner)
        self.at = at
        self.fault = fault
        self.code = code
        self.hits = hits
        self.always = always
        self.count = 0
        self.before: Callable[[Write | SearchRequest], None] = lambda _request: None

    def passing(self, request: Write | SearchRequest, call: Callable[[], T]) -> T:
        self.before(request)
        if not self.hits(request):
            return call()
        number, self.count = self.count, self.count + 1
        if number != self.at and not self.always:
            return call()
        if self.fault is Fault.REFUSED:
            raise LdapError(self.code, "as the test wants it")
        if self.fault is Fault.LOST_AFTER:
            call()
        raise self.lose()
