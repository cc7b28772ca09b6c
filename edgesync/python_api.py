"""A lab for Python programs and tests: in this process, in virtual time, sockets only after ``up``.

```python
from edgesync import Lab

with Lab.new(preset="contoso", seed=7) as lab:
    lab.subscribe("EDGE01", site="Default-First-Site-Name")
    lab.sync.run(edge="EDGE01")
    assert lab.trust.check("HUB01", "EDGE01")
    lab.clock.advance(days=400)
```

Everything the command line does is here: ``lab.run("cert.renew", server="EDGE01")``. Refusals are
the exceptions of ``edgesync.errors``; an answer "no" is a value that is false.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from directory.clock import SystemClock
from directory.entropy import SystemEntropy
from edgesync.config import Version
from edgesync.errors import ExitCode, LabError, NoSuchThing, Unreachable, UsageError
from edgesync.events import Event
from edgesync.lab.description import PRESETS
from edgesync.lab.directories import ADMIN_PASSWORD, administrator
from edgesync.lab.folder import fork_lab, new_lab, open_lab
from edgesync.lab.lab import Lab as OpenLab
from edgesync.operations.context import ConfirmationNeeded, Context
from edgesync.operations.registry import find_operation

TIME_UNITS = frozenset({"days", "hours", "minutes", "seconds", "weeks"})


@dataclass(frozen=True, slots=True)
class Result:
    """What an operation answered. True when the command would end with exit code 0."""

    document: Mapping[str, Any]
    exit_code: ExitCode
    notes: tuple[str, ...]
    text: str
    """What the command would print."""

    def __bool__(self) -> bool:
        return self.exit_code is ExitCode.OK

    def __getitem__(self, key: str) -> Any:
        return self.document[key]

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class TrustResult(Result):
    """Whether one server accepts another's certificate. True when trusted."""

    lab: Lab
    verifier: str
    peer: str
    path: str

    @property
    def verdict(self) -> str:
        """``trusted``, ``untrusted``, ``anonymous``, ``unreachable`` or ``not_applicable``."""
        return str(self.document["verdict"])

    @property
    def reason(self) -> str:
        """The reason word: ``mismatch``, ``stale_replica``, ..."""
        return str(self.document["reason"])

    @property
    def presented(self) -> str | None:
        """Thumbprint of what the peer showed."""
        found: str | None = self.document["cell"]["presented"]
        return found

    @property
    def published(self) -> str | None:
        """Thumbprint of what the directory says the peer has."""
        found: str | None = self.document["cell"]["published"]
        return found

    def explain(self) -> Result:
        """The chain of steps, the cause and the commands that mend it."""
        return self.lab.trust.explain(self.verifier, self.peer, path=self.path)


class LabClock:
    """The lab's own time."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    @property
    def now(self) -> datetime:
        """The lab's instant, aware, UTC."""
        return self._lab.lab.clock.now()

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
        with lab.exclusive:
            lab.begin_command(f"clock.advance({_given(span)})")
            return lab.agenda.advance(by)


class Sync:
    """EdgeSync of the lab."""

    def __init__(self, lab: Lab) -> None:
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

    def __init__(self, lab: Lab) -> None:
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

    def __init__(self, lab: Lab, name: str) -> None:
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


class Lab:
    """An organisation with Hubs, Edges and directories, in this process."""

    def __init__(self, lab: OpenLab) -> None:
        self.lab = lab
        """The lab itself, for what this façade does not show."""
        self.sync = Sync(self)
        self.trust = Trust(self)
        self.clock = LabClock(self)
        self._running: contextlib.ExitStack | None = None

    @classmethod
    def new(
        cls, preset: str = "contoso", *, seed: int = 7, path: str | Path | None = None, **size: Any
    ) -> Lab:
        """A new lab in memory, or in a folder. Same preset, seed and size: the same bytes.

        ``size``: sites, hubs, edges, recipients, version (``exchange-2019``).
        """
        if preset not in PRESETS:
            raise UsageError(f"no preset {preset!r}", f"presets are {', '.join(PRESETS)}")
        if "version" in size:
            size["version"] = Version(size["version"])
        description = PRESETS[preset](seed=seed, **size)
        return cls(new_lab(description, Path(path) if path is not None else None))

    @classmethod
    def open(cls, path: str | Path) -> Lab:
        """A lab from its folder; nobody else may have it open."""
        return cls(open_lab(Path(path)))

    @classmethod
    def after(cls, scenario: str, *, steps: int | None = None, seed: int | None = None) -> Lab:
        """A lab in memory as a scenario leaves it: a shipped one's name, or a TOML file.

        Most scenarios mend at their end what they broke: ``steps`` plays only so many. Faults of
        the play end with it; what they did to the lab stays.

        Raises:
            NoSuchThing: when there is no such scenario.
            LabError: when an expectation of the scenario itself failed.
        """
        from edgesync.operations.simulate import perform  # noqa: PLC0415 - few tests play
        from edgesync.simulation.play import Play  # noqa: PLC0415
        from edgesync.simulation.scenario import find_scenario  # noqa: PLC0415

        chosen = find_scenario(scenario)
        if seed is not None:
            chosen = replace(chosen, seed=seed)
        if steps is not None:
            chosen = replace(chosen, steps=chosen.steps[:steps])
        with TemporaryDirectory(prefix="edgesync-play-") as folder:
            root = Path(folder) / "lab" if chosen.lab.durable else None
            made = new_lab(chosen.lab.description(chosen.seed), root)
            show = Play(chosen, perform, Path(folder), made)
            try:
                played = show.run()
                if not played.passed:
                    raise LabError(
                        f"scenario {scenario} failed", f"edgesync simulate run {scenario}"
                    )
                return cls(fork_lab(show.lab))
            finally:
                show.close()

    def run(self, operation: str, *, answer: bool | None = None, **parameters: Any) -> Result:
        """Any operation by its name: ``lab.run("cert.renew", server="EDGE01")``.

        A question takes Exchange's default answer unless ``answer`` says otherwise.

        Raises:
            EdgeSyncError: what the command would refuse.
        """
        found = find_operation(operation)
        bound = found.bind({k: v for k, v in parameters.items() if v not in (None, ())})
        context = Context(current=self.lab, note=found.command_line(bound), answer=answer)
        if self.lab.root is not None:
            context.lab_path = self.lab.root
        with self.lab.exclusive:
            if found.writes:
                self.lab.begin_command(context.note)
            try:
                outcome = found.run(context, **bound)
            except ConfirmationNeeded as needed:
                context.answer = needed.default
                outcome = found.run(context, **bound)
        document = outcome.document
        text = "\n".join(found.render(document))
        return Result(document, ExitCode(outcome.exit_code), outcome.notes, text)

    def subscribe(self, edge: str, site: str = "Default-First-Site-Name") -> Result:
        """Subscribe an Edge as people do: export there, import in the organisation."""
        with TemporaryDirectory(prefix="edgesync-") as folder:
            file = str(Path(folder) / f"{edge}.xml")
            self.run("subscription.export", edge=edge, file=file)
            return self.run("subscription.import", file=file, site=site)

    # looking ----------------------------------------------------------------------------------

    @property
    def ad(self) -> Directory:
        """Active Directory."""
        return Directory(self, "AD")

    def edge(self, name: str) -> Directory:
        """An Edge's ADAM."""
        return Directory(self, self.lab.server(name).name)

    def events(self, name: str = "", *, server: str = "") -> list[Event]:
        """What was logged, oldest first; ``name`` as ``SmtpReceiveDirectTrustFailed``."""
        found = self.lab.ledger.events(server=server)
        return [event for _, event in found if name in {"", event.kind.name}]

    def protocol_lines(self, limit: int = 30) -> list[str]:
        """The latest rows of the SMTP protocol logs, where connectors log."""
        return self.run("mail.log", tail=limit).text.splitlines()

    # time and life -------------------------------------------------------------------------------

    def fork(self) -> Lab:
        """An independent copy in memory: what is done to it leaves this lab as it is."""
        return Lab(fork_lab(self.lab))

    def up(self) -> Up:
        """Listen on loopback, on free ports; lab time runs meanwhile.

        ``lab.up()`` stays up until ``lab.stop()``; ``with lab.up():`` until the block ends.
        """
        self.start()
        return Up(self)

    def start(self) -> None:
        """Start every listener and the console; returns when each passed its self-test."""
        if self._running is not None:
            raise UsageError("the lab is up already", "stop() it first")
        from edgesync.console.server import ControlServer  # noqa: PLC0415 - HTTP only when up
        from edgesync.lab.realtime import RealtimeRunner  # noqa: PLC0415 - sockets only when up

        with contextlib.ExitStack() as stack:
            runner = RealtimeRunner(self.lab, SystemClock())
            stack.callback(runner.stop)
            runner.start()
            control = ControlServer(self.lab, SystemEntropy().token_bytes(32).hex())
            stack.callback(control.stop)
            control.start()
            self.lab.control = control.url
            self._running = stack.pop_all()

    def stop(self) -> None:
        """Stop listening; the lab stays open and its clock stands still."""
        if self._running is not None:
            self._running.close()
            self._running = None
            self.lab.control = ""

    def address(self, server: str, service: str) -> str:
        """Where a server listens: ``lab.address("EDGE01", "smtp")``.

        Raises:
            Unreachable: when the lab is not up.
            NoSuchThing: when the server has no such service.
        """
        if not self.lab.addresses:
            raise Unreachable("the lab is not up", "with lab.up(): ...")
        name = "AD" if server.upper() == "AD" else self.lab.server(server).name
        found = self.lab.addresses.get(name, {}).get(service)
        if found is None:
            raise NoSuchThing(f"{name} has no {service}", "lab.run('lab.status') shows addresses")
        return found

    def close(self) -> None:
        """Stop and let go; a lab in a folder keeps everything."""
        self.stop()
        self.lab.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Up:
    """A lab that listens, for ``with``."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def __enter__(self) -> Lab:
        return self._lab

    def __exit__(self, *_: object) -> None:
        self._lab.stop()


def _several(given: str | tuple[str, ...]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _given(span: Mapping[str, float]) -> str:
    return ", ".join(f"{unit}={value:g}" for unit, value in span.items())
