"""Who may synchronize an Edge: option and lock (edgesync-facts 4.4), and a compare-and-swap.

The rules are Exchange's; ``may_take`` is their table. How Exchange writes the value no source
says. Here it is one text in ``msExchEdgeSyncLease``, and every write deletes exactly the value
it replaces inside the same Modify that carries cookies and status: LDAP executes that whole or
not at all (RFC 4511 section 4.6), so a holder that lost the lease can write neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from directory.errors import LdapError, ResultCode
from directory.model import modification as change
from directory.model.dn import DN
from directory.model.messages import ModifyRequest
from directory.model.modification import Modification
from edgesync.config import SyncTiming
from edgesync.errors import LeaseLost, TargetRefused
from edgesync.port.port import DirectoryPort, read

ATTRIBUTE = "msExchEdgeSyncLease"

_SWAP_FAILED = frozenset(
    {
        ResultCode.NO_SUCH_ATTRIBUTE,
        ResultCode.ATTRIBUTE_OR_VALUE_EXISTS,
        ResultCode.CONSTRAINT_VIOLATION,
        ResultCode.OBJECT_CLASS_VIOLATION,
    }
)
"""What directories answer when the value to delete is gone, or a second one would be added."""


class LeaseKind(StrEnum):
    """LOCK: only the holder, whoever asks. OPTION: the holder is preferred."""

    OPTION = "option"
    LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Lease:
    """What one Hub holds on one Edge."""

    holder: str
    kind: LeaseKind
    expires_at: datetime
    """End of what ``kind`` says."""
    option_expires_at: datetime
    """End of the preference; the lock ends earlier."""
    generation: int = 1
    """Counts take-overs."""
    sequence: int = 0
    """Counts writes, so that no two values are equal."""


class LeaseDecision(StrEnum):
    """What a Hub that wants to synchronize may do."""

    TAKE = "take"
    TAKE_OVER = "take_over"
    RENEW = "renew"
    REFUSE_LOCKED = "refuse_locked"
    REFUSE_OPTION = "refuse_option"

    @property
    def is_refusal(self) -> bool:
        """Whether another Hub stays in charge."""
        return self in {LeaseDecision.REFUSE_LOCKED, LeaseDecision.REFUSE_OPTION}


@dataclass(frozen=True, slots=True)
class LeaseHeld:
    """Another Hub has the Edge."""

    lease: Lease


def may_take(current: Lease | None, me: str, *, now: datetime, forced: bool) -> LeaseDecision:
    """Exchange's rules: a lock stops everybody, an option everybody but a manual start."""
    if current is None or now >= current.option_expires_at:
        if current is not None and current.holder.casefold() != me.casefold():
            return LeaseDecision.TAKE_OVER
        return LeaseDecision.TAKE
    if current.holder.casefold() == me.casefold():
        return LeaseDecision.RENEW
    if current.kind is LeaseKind.LOCK and now < current.expires_at:
        return LeaseDecision.REFUSE_LOCKED
    if current.kind is LeaseKind.OPTION and now < current.expires_at and not forced:
        return LeaseDecision.REFUSE_OPTION
    return LeaseDecision.TAKE_OVER


def needs_renewal(lease: Lease, timing: SyncTiming, now: datetime) -> bool:
    """Whether a lock is inside its renewal window: this long before its end it is refreshed."""
    return lease.kind is LeaseKind.LOCK and now >= lease.expires_at - timing.lock_renewal_duration


def format_lease(lease: Lease) -> bytes:
    """A lease as its attribute value, one line a person can read."""
    return ";".join(
        (
            f"kind={lease.kind.value}",
            f"holder={lease.holder}",
            f"expires={_stamp(lease.expires_at)}",
            f"option={_stamp(lease.option_expires_at)}",
            f"generation={lease.generation}",
            f"sequence={lease.sequence}",
        )
    ).encode()


def parse_lease(value: bytes) -> Lease:
    """A lease from its attribute value.

    Raises:
        ValueError: somebody else wrote it.
    """
    try:
        given = dict(part.split("=", 1) for part in value.decode().split(";"))
        return Lease(
            given["holder"],
            LeaseKind(given["kind"]),
            datetime.fromisoformat(given["expires"]).astimezone(UTC),
            datetime.fromisoformat(given["option"]).astimezone(UTC),
            int(given["generation"]),
            int(given["sequence"]),
        )
    except KeyError as error:
        raise ValueError(f"lease has no {error}") from error
    except OverflowError as error:  # a day that UTC puts before the year 1 or after 9999
        raise ValueError(f"lease: {error}") from error


class LeaseManager:
    """Takes, renews and gives back one Edge's lease for one Hub, through one session."""

    def __init__(self, port: DirectoryPort, edge: DN, me: str, timing: SyncTiming) -> None:
        self._port = port
        self._edge = edge
        self._me = me
        self._timing = timing

    def current(self) -> tuple[bytes | None, Lease | None]:
        """The lease as stored, and what it says; unreadable values count as no lease."""
        entry = read(self._port, self._edge, (ATTRIBUTE,))
        if entry is None:
            raise TargetRefused(
                f"ADAM has no object {self._edge}", "the Edge was not set up, or has another name"
            )
        value = entry.first(ATTRIBUTE)
        if value is None:
            return None, None
        try:
            return value, parse_lease(value)
        except ValueError:
            return value, None

    def acquire(self, *, now: datetime, forced: bool = False) -> Lease | LeaseHeld:
        """Take option and lock, if the rules and the other Hubs let us."""
        value, lease = self.current()
        decision = may_take(lease, self._me, now=now, forced=forced)
        if decision.is_refusal:
            assert lease is not None
            return LeaseHeld(lease)
        taken = self._locked(lease, now, new_option=decision is not LeaseDecision.RENEW)
        try:
            self._swap(value, taken, ())
        except LeaseLost:
            _, winner = self.current()
            if winner is None:
                raise
            return LeaseHeld(winner)
        return taken

    def commit(self, lease: Lease, changes: Sequence[Modification], *, now: datetime) -> Lease:
        """Renew the lock and make ``changes`` on the Edge's object, in one Modify.

        Raises:
            LeaseLost: another Hub took over; nothing was changed.
        """
        renewed = self._locked(lease, now, new_option=False)
        self._swap(format_lease(lease), renewed, changes)
        return renewed

    def release(self, lease: Lease, *, now: datetime) -> Lease:
        """Give the lock back and keep the option.

        Raises:
            LeaseLost: it was not ours any more.
        """
        kept = replace(
            lease,
            kind=LeaseKind.OPTION,
            expires_at=max(lease.option_expires_at, now),
            sequence=lease.sequence + 1,
        )
        self._swap(format_lease(lease), kept, ())
        return kept

    def _locked(self, before: Lease | None, now: datetime, *, new_option: bool) -> Lease:
        took_over = before is not None and before.holder.casefold() != self._me.casefold()
        option = now + self._timing.option_duration
        if before is not None and not new_option:
            # A renewal moves the option with the lock: who is at work stays preferred.
            option = max(before.option_expires_at, option)
        return Lease(
            self._me,
            LeaseKind.LOCK,
            now + self._timing.lock_duration,
            option,
            (before.generation if before else 0) + (1 if took_over or before is None else 0),
            (before.sequence if before else 0) + 1,
        )

    def _swap(self, old: bytes | None, new: Lease, changes: Sequence[Modification]) -> None:
        first = () if old is None else (change.delete(ATTRIBUTE, old),)
        request = ModifyRequest(
            self._edge, (*first, change.add(ATTRIBUTE, format_lease(new)), *changes)
        )
        try:
            self._port.modify(request)
        except LdapError as error:
            if error.code in _SWAP_FAILED and self.current()[0] != old:
                raise LeaseLost(
                    f"the lease of {self._edge.rdn.value} is no longer {self._me}'s",
                    "edgesync sync lease shows who holds it; the next run goes on from the cookie",
                ) from error
            raise


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
