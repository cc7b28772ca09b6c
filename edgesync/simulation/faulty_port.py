"""A directory session over a bad line: requests or acknowledgements get lost, or come twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from directory.errors import LdapError
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


class Crash(BaseException):
    """The process dies here. No handler of the code under test may catch it."""


class PortFault(StrEnum):
    """What goes wrong with one write."""

    LOSE_REQUEST = "lose-request"
    """It never arrives; the line is gone."""
    LOSE_ACK = "lose-ack"
    """It is done, but nobody hears of it; the line is gone."""
    REPEAT = "repeat"
    """It arrives twice; the second answer is the one that counts for nobody."""
    CRASH = "crash"
    """The process dies before it is sent."""
    CRASH_AFTER = "crash-after"
    """The process dies after it was done."""


@dataclass
class PortPlan:
    """Which write of the sessions between two machines is hit; one hit, then the line is well."""

    fault: PortFault
    at: int
    """Number of the write, counted over all sessions from the moment the fault was set."""
    seen: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether it has struck."""
        return self.seen > self.at

    def strikes(self) -> bool:
        """Count a write; whether it is the one."""
        self.seen += 1
        return self.seen == self.at + 1


@dataclass
class FaultyPort:
    """Passes everything on; tells ``before`` and ``after`` of writes, and lets plans strike."""

    inner: DirectoryPort
    plans: Sequence[PortPlan] = ()
    before: Callable[[Write], None] = lambda _write: None
    after: Callable[[Write], None] = lambda _write: None
    is_lost: bool = field(default=False, init=False)

    @property
    def identity(self) -> DirectoryIdentity:
        """The directory's rootDSE."""
        self._alive()
        return self.inner.identity

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        """One page."""
        self._alive()
        return self.inner.search(request, controls)

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        """Add one entry."""
        self._write(request, lambda: self.inner.add(request, controls))

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        """Change one entry."""
        self._write(request, lambda: self.inner.modify(request, controls))

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        """Rename or move."""
        self._write(request, lambda: self.inner.modify_dn(request, controls))

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        """Delete one entry."""
        self._write(request, lambda: self.inner.delete(request, controls))

    def close(self) -> None:
        """Let the session go."""
        self.inner.close()

    def _alive(self) -> None:
        if self.is_lost:
            raise PortUnavailable("the connection is lost", "connect again")

    def _write(self, request: Write, call: Callable[[], None]) -> None:
        self._alive()
        self.before(request)
        fault = next((plan.fault for plan in self.plans if plan.strikes()), None)
        if fault is PortFault.CRASH:
            raise Crash
        if fault is PortFault.LOSE_REQUEST:
            self._lose()
        call()
        self.after(request)
        if fault is PortFault.CRASH_AFTER:
            raise Crash
        if fault is PortFault.LOSE_ACK:
            self._lose()
        if fault is PortFault.REPEAT:
            try:
                call()
            except LdapError:
                return  # an entry cannot be added twice, nor a value deleted twice

    def _lose(self) -> None:
        self.is_lost = True
        raise PortUnavailable("the connection is lost", "connect again")


@dataclass
class OtherController:
    """AD read from another domain controller: same content, another invocation and name."""

    inner: DirectoryPort
    invocation_id: UUID
    name: str

    @property
    def identity(self) -> DirectoryIdentity:
        """The other controller's rootDSE."""
        own = self.inner.identity
        return DirectoryIdentity(
            self.invocation_id, own.naming_contexts, own.highest_usn, own.supported_controls,
            self.name,
        )  # fmt: skip

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        """One page."""
        return self.inner.search(request, controls)

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        """Add one entry."""
        self.inner.add(request, controls)

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        """Change one entry."""
        self.inner.modify(request, controls)

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        """Rename or move."""
        self.inner.modify_dn(request, controls)

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        """Delete one entry."""
        self.inner.delete(request, controls)

    def close(self) -> None:
        """Let the session go."""
        self.inner.close()
