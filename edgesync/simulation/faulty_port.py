"""A directory session over a bad line: requests or acknowledgements get lost, or come twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NoReturn, TypeVar
from uuid import UUID

from directory.errors import LdapError
from directory.model.messages import SearchRequest
from edgesync.port.passed import PassedPort
from edgesync.port.port import DirectoryIdentity, DirectoryPort, Write

T = TypeVar("T")


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
    DURING = "during"
    """Somebody else does something right before it."""


@dataclass
class PortPlan:
    """Which write of the sessions between two machines is hit; one hit, then the line is well."""

    fault: PortFault
    at: int
    """Number of the write, counted over all sessions from the moment the fault was set."""
    struck: Callable[[], None] = lambda: None
    """Told when it strikes; what happens meanwhile is done here."""
    seen: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether it has struck."""
        return self.seen > self.at

    def strikes(self) -> bool:
        """Count a write; whether it is the one."""
        self.seen += 1
        return self.seen == self.at + 1


def crash() -> NoReturn:
    """Die, here and now."""
    raise Crash


class FaultyPort(PassedPort):
    """Passes everything on; tells ``before`` and ``after`` of writes, and lets plans strike.

    ``pause`` comes before every operation: another run may go on there. ``die`` ends everything.
    """

    def __init__(
        self,
        inner: DirectoryPort,
        plans: Sequence[PortPlan] = (),
        before: Callable[[Write], None] = lambda _write: None,
        after: Callable[[Write], None] = lambda _write: None,
        pause: Callable[[], None] = lambda: None,
        die: Callable[[], NoReturn] = crash,
    ) -> None:
        super().__init__(inner)
        self.plans = plans
        self.before = before
        self.after = after
        self.pause = pause
        self.die = die

    def passing(self, request: Write | SearchRequest, call: Callable[[], T]) -> T:
        """Do one operation, unless a plan strikes."""
        self.pause()
        if isinstance(request, SearchRequest):
            return call()
        fault = self._next_fault()
        self.before(request)
        if fault is PortFault.CRASH:
            self.die()
        if fault is PortFault.LOSE_REQUEST:
            raise self.lose()
        done = call()
        self.after(request)
        if fault is PortFault.CRASH_AFTER:
            self.die()
        if fault is PortFault.LOSE_ACK:
            raise self.lose()
        if fault is PortFault.REPEAT:
            # an entry cannot be added twice, nor a value deleted twice
            with suppress(LdapError):
                call()
        return done

    def _next_fault(self) -> PortFault | None:
        plan = next((plan for plan in self.plans if plan.strikes()), None)
        if plan is None:
            return None
        plan.struck()
        return plan.fault


class OtherController(PassedPort):
    """AD read from another domain controller: same content, another invocation and name."""

    def __init__(self, inner: DirectoryPort, invocation_id: UUID, name: str) -> None:
        super().__init__(inner)
        self.invocation_id = invocation_id
        self.name = name

    @property
    def identity(self) -> DirectoryIdentity:
        """The other controller's rootDSE."""
        return replace(
            self.inner.identity, invocation_id=self.invocation_id, dns_host_name=self.name
        )
