"""A directory session of the lab's own over a line with faults."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from directory.errors import LdapError, ResultCode
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyRequest,
    SearchRequest,
)
from edgesync.errors import PortUnavailable
from edgesync.lab.faults.book import FaultBook, Wire
from edgesync.lab.faults.fault import FaultKind
from edgesync.lab.faults.keys import keys_of
from edgesync.lab.lab import Lab
from edgesync.port.passed import PassedPort
from edgesync.port.pinning import check_pin
from edgesync.port.port import DirectoryPort, Write

T = TypeVar("T")

ANSWER_TIMEOUT_S = 120.0
"""An answer later than this never comes, for a replication session (``port.pipelined``)."""


class StruckPort(PassedPort):
    """Passes everything on, except what a fault strikes; lost stays lost."""

    def __init__(self, inner: DirectoryPort, book: FaultBook, wire: Wire) -> None:
        super().__init__(inner)
        self._book, self._wire = book, wire

    def passing(self, request: Write | SearchRequest, call: Callable[[], T]) -> T:
        """Do one operation, as far as the faults of the line let it."""
        struck = self._book.request(self._wire, operation_of(request))
        kinds = {fault.kind for fault in struck}
        if FaultKind.RESET in kinds:
            raise self.lose()
        done = call()
        if FaultKind.LOSE_ACK in kinds or any(f.seconds >= ANSWER_TIMEOUT_S for f in struck):
            raise self.lose()
        return done


def operation_of(request: Write | SearchRequest) -> str:
    """A request's name, as faults and logs write it."""
    if isinstance(request, SearchRequest):
        return "search"
    if isinstance(request, AddRequest):
        return "add"
    if isinstance(request, ModifyRequest):
        return "modify"
    return "delete" if isinstance(request, DeleteRequest) else "modify-dn"


def open_session(
    lab: Lab,
    wire: Wire,
    open_: Callable[[], DirectoryPort],
    *,
    presented: bytes | None,
    expected: bytes,
) -> DirectoryPort:
    """A pinned session of a Hub on an Edge, over a line with or without faults.

    ``presented`` is the certificate the Edge has: one in the middle shows a look-alike of it.

    Raises:
        PinMismatch: somebody in the middle showed another certificate.
        LdapError: the bind is refused.
        PortUnavailable: the line breaks.
    """
    book = lab.service(FaultBook)
    if not book.is_hit(wire):
        return open_()
    kinds = {fault.kind for fault in book.connection(wire)}
    if FaultKind.CUT in kinds:
        raise PortUnavailable(f"{wire.server} does not answer", "edgesync fault list")
    if FaultKind.RESIGN_TLS in kinds:
        shown = lab.service(keys_of).look_alike(presented or b"").der
        check_pin(shown, expected, wire.server)
    _check_bind(book, wire)
    return StruckPort(open_(), book, wire)


def _check_bind(book: FaultBook, wire: Wire) -> None:
    """Let a bind of the lab's own through, or not."""
    kinds = {fault.kind for fault in book.request(wire, "bind")}
    if FaultKind.REFUSE_BIND in kinds:
        raise LdapError(ResultCode.INVALID_CREDENTIALS, "")
    if kinds & {FaultKind.RESET, FaultKind.LOSE_ACK}:
        raise PortUnavailable(f"{wire.server} broke the connection off", "connect again")
