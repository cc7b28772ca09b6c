"""The parts of a lab that have a name in Python: clock, sync, trust, directories."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from edgesync.errors import UsageError
from edgesync.lab.directories import ADMIN_PASSWORD, administrator
from edgesync.python_api.results import Result, Runner, TrustResult

TIME_UNITS = frozenset({"days", "hours", "minutes", "seconds", "weeks"})


class LabClock:
    """The lab's own time."""

    def __init__(self, lab: Runner) -> None:
        self._lab = lab

    @property
    def now(self) -> datetime:
        """The lab's instant, aware, UTC."""
        return self._lab.lab.clock.now()

    def advance_to(self, until: datetime) -> int:
        """Let time pass until an instant, aware; returns how many activities ran."""
        return int(self._lab.run("lab.advance", until=until.isoformat())["ran"])

    def advance(self, **span: float) -> int:
        """Let time pass; everything due on the way runs. Returns how many activities ran.

        Units are those of ``timedelta``: ``advance(days=400)``.
        """
        if not span or not set(span) <= TIME_UNITS:
            raise UsageError("say how far: days, hours, minutes or seconds", "advance(days=30)")
        by = timedelta(**span)
        if by < timedelta(0):
            raise UsageError("a lab's clock does not go back", "take a fork before, or restore")
        lab = self._lab.lab
        with lab.changing, lab.exclusive:
            lab.begin_command(f"clock.advance({_given(span)})")
            with lab.clock.standing():
                return lab.agenda.advance(by)


class Faults:
    """Faults on the lab's lines: ``lab.faults.add("lose-ack", "EDGE01", at=3)``."""

    def __init__(self, lab: Runner) -> None:
        self._lab = lab

    def add(self, kind: str, server: str, *, at: int | tuple[int, ...] = (), **options: Any) -> int:
        """Put one in: ``edgesync fault add``; returns its number.

        ``options``: service, caller, request, probability, times, seconds.
        """
        numbers = ",".join(map(str, (at,) if isinstance(at, int) else at))
        done = self._lab.run("fault.add", kind=kind, server=server, at=numbers, **options)
        return int(done["faults"][-1]["id"])

    def remove(self, number: int) -> None:
        """Take one out."""
        self._lab.run("fault.remove", number=number)

    def clear(self) -> None:
        """Take every one out."""
        self._lab.run("fault.clear")

    def list(self) -> list[dict[str, Any]]:
        """Every fault, with what it met (``seen``) and struck (``struck``)."""
        found: list[dict[str, Any]] = self._lab.run("fault.list")["faults"]
        return found


class Sync:
    """EdgeSync of the lab."""

    def __init__(self, lab: Runner) -> None:
        self._lab = lab

    def run(
        self,
        edge: str | tuple[str, ...] = (),
        *,
        hub: str | tuple[str, ...] = (),
        job: str | tuple[str, ...] = (),
        **options: Any,
    ) -> Result:
        """Synchronize now: ``edgesync sync run``. True when nothing failed."""
        return self._lab.run(
            "sync.run", edge=_several(edge), hub=_several(hub), job=_several(job), **options
        )

    def plan(self, edge: str | tuple[str, ...] = (), **options: Any) -> Result:
        """What a run would change, changing nothing."""
        return self._lab.run("sync.plan", edge=_several(edge), **options)

    def verify(self, **options: Any) -> Result:
        """``Test-EdgeSynchronization``; with ``full=True`` its full compare. True when in sync."""
        return self._lab.run("sync.verify", **options)

    def status(self) -> Result:
        """Last runs, leases, what is due next."""
        return self._lab.run("sync.status")


class Trust:
    """Direct trust between the lab's servers."""

    def __init__(self, lab: Runner) -> None:
        self._lab = lab

    def check(self, verifier: str, peer: str, *, path: str = "smtp") -> TrustResult:
        """A real handshake and its judgement: ``edgesync trust check``."""
        got = self._lab.run("trust.check", verifier=verifier, peer=peer, path=path)
        return TrustResult(
            got.document, got.exit_code, got.notes, got.text, self._lab, verifier, peer, path
        )

    def explain(self, verifier: str, peer: str, *, path: str = "smtp") -> Result:
        """Why a check ends as it does, and what to do."""
        return self._lab.run("trust.explain", verifier=verifier, peer=peer, path=path)

    def matrix(self) -> Result:
        """Every verifier, every peer, every path. True when all that apply are trusted."""
        return self._lab.run("trust.matrix")

    def assert_trusted(self, verifier: str, peer: str, *, path: str = "smtp") -> None:
        """Raise AssertionError with the whole explanation unless trusted."""
        result = self.check(verifier, peer, path=path)
        if not result:
            raise AssertionError(str(result.explain()))


class Directory:
    """One directory of the lab: AD, or an Edge's ADAM."""

    def __init__(self, lab: Runner, name: str) -> None:
        self._lab = lab
        self.name = name

    @property
    def url(self) -> str:
        """``ldap://127.0.0.1:PORT``; the lab must be up."""
        return self._lab.address(self.name, "ldap")

    @property
    def admin_dn(self) -> str:
        """Whom to bind as."""
        lab = self._lab.lab
        names = lab.ad.names if self.name == "AD" else lab.edge(self.name).names
        return str(administrator(names))

    @property
    def password(self) -> str:
        """The administrator's password; a lab's, and no secret."""
        return ADMIN_PASSWORD

    def connect(self) -> Any:
        """An ldap3 connection, bound as administrator; the lab must be up."""
        from edgesync.port.ldap import ldap3_connection  # noqa: PLC0415 - only who connects pays

        return ldap3_connection(self.url, self.admin_dn, self.password)


def _several(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _given(span: Mapping[str, float]) -> str:
    return ", ".join(f"{unit}={value:g}" for unit, value in span.items())
