"""The lab of Python programs: made, opened, forked, run, brought up."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from directory.clock import SystemClock
from directory.entropy import SystemEntropy
from edgesync.config import Version
from edgesync.errors import ExitCode, LabError, NoSuchThing, Unreachable, UsageError
from edgesync.events import Event
from edgesync.lab.description import PRESETS
from edgesync.lab.folder import fork_lab, new_lab, open_lab
from edgesync.lab.lab import Lab as OpenLab
from edgesync.operations.context import ConfirmationNeeded, Context
from edgesync.operations.registry import find_operation
from edgesync.python_api.results import Result
from edgesync.python_api.views import Directory, Faults, LabClock, Sync, Trust


class Lab:
    """An organisation with Hubs, Edges and directories, in this process."""

    def __init__(self, lab: OpenLab) -> None:
        self.lab = lab
        """The lab itself, for what this façade does not show."""
        self.sync = Sync(self)
        self.trust = Trust(self)
        self.clock = LabClock(self)
        self.faults = Faults(self)
        self._running: contextlib.ExitStack | None = None

    @classmethod
    def new(
        cls, preset: str = "contoso", *, seed: int = 7, path: str | Path | None = None, **size: Any
    ) -> Lab:
        """A new lab in memory, or in a folder. Same preset, seed and size: the same bytes.

        ``size``: sites, hubs, edges, client_access, recipients, version (``exchange-2019``).
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
        from edgesync.operations.performer import perform  # noqa: PLC0415 - few tests play
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
        with self.lab.changing, self.lab.exclusive:
            if found.changes(bound):
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
