"""The whole mission in one command: build, subscribe, sync, trust, break, explain, mend.

A guided tour made of commands anybody can type; every line it prints was measured in this run.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from directory.clock import SystemClock
from edgesync.cli.options import Options
from edgesync.errors import ExitCode

SUBSCRIBED_SITE = "Default-First-Site-Name"
_WIDTH = 78
_OWA = "https://cas01.contoso.test/owa"


def register(app: typer.Typer, options: Options, ended: list[ExitCode]) -> None:
    """Add ``demo``."""

    @app.command("demo")
    def demo(
        keep: Annotated[
            bool, typer.Option("--keep", help="keep the lab in the --lab folder, for a look around")
        ] = False,
        seed: Annotated[int, typer.Option(help="same seed, same bytes")] = 7,
    ) -> None:
        """Build a lab, make the classical certificate mistake, explain it and mend it."""
        ended.append(run(options, keep=keep, seed=seed))


def run(options: Options, *, keep: bool, seed: int) -> ExitCode:
    """The tour; 0 when direct trust broke where it should and holds everywhere at the end."""
    if keep:
        return _Tour(options.lab, seed, keep=True).walk()
    with tempfile.TemporaryDirectory(prefix="edgesync-demo-") as folder:
        return _Tour(Path(folder) / "lab", seed, keep=False).walk()


class _Tour:
    def __init__(self, folder: Path, seed: int, *, keep: bool) -> None:
        self.folder = folder
        self.seed = seed
        self.keep = keep
        self.clock = SystemClock()
        self.started = self.clock.monotonic()

    def walk(self) -> ExitCode:
        from edgesync.lab.description import contoso
        from edgesync.lab.folder import THOROUGH, Effort, new_lab
        from edgesync.lab.realtime import RealtimeRunner

        self._title("A lab: AD, two ADAM directories, Hubs, Edges, 200 recipients")
        # a lab that is thrown away need not survive a power cut
        effort = THOROUGH if self.keep else Effort(durability="normal")
        description = contoso(seed=self.seed)
        lab = new_lab(description, self.folder, force=self.keep, effort=effort)
        with lab:
            runner = RealtimeRunner(lab, self.clock)
            try:
                runner.start()
                lab.control = "(not started in the demo)"
                return self._tour(lab)
            finally:
                runner.stop()

    def _tour(self, lab: Any) -> ExitCode:
        self._do(lab, "lab status")
        self._title("Two Edge Subscriptions, exported on the Edges, imported in the organisation")
        for edge in ("EDGE01", "EDGE02"):
            file = self.folder / f"{edge}.xml"
            self._do(lab, f"subscription export {edge} --file {file} --yes")
            self._do(lab, f"subscription import {file} --site {SUBSCRIBED_SITE}")
            file.unlink()
        self._title("EdgeSync: topology, configuration, recipients")
        self._do(lab, "sync run")
        self._title("Who trusts whom: real handshakes over X-ANONYMOUSTLS and LDAPS")
        before = self._do(lab, "trust matrix")
        self._title("The classical mistake: a new default certificate on EDGE01")
        self._do(lab, "cert renew EDGE01 --yes")
        broken = self._do(lab, "trust matrix")
        explained = self._do(lab, "trust explain HUB01 EDGE01")
        self._title("The fix it names")
        for line in explained["fix"]:
            self._do(lab, line)
        mended = self._do(lab, "trust matrix")
        self._clients_and_calls(lab)
        return self._end(before, broken, mended)

    def _clients_and_calls(self, lab: Any) -> None:
        """Client Access and Unified Messaging: what a self-signed certificate does there."""
        browser = f"client check --client owa --url {_OWA}"
        self._title("Clients: the self-signed certificate of setup is not trusted")
        self._do(lab, "client listeners CAS01")
        self._do(lab, browser)
        explained = self._do(lab, "trust explain activesync CAS01 --path client-https")
        for line in explained["fix"]:
            self._do(lab, line)
        self._do(lab, browser)
        self._title("Calls and voice mail: a dial plan that encrypts signalling and media")
        self._do(lab, "um gateway GW1 --address gw1.contoso.test")
        self._do(lab, "um gateway OCS --address ocs.contoso.test --kind ocs")
        self._do(lab, "um dialplan Main --voip-security Secured --server UM01")
        self._do(lab, "um check UM01 --gateway GW1")
        self._do(lab, "um check UM01 --gateway OCS")
        explained = self._do(lab, "trust explain OCS UM01 --path gateway-um")
        for line in explained["fix"]:
            self._do(lab, line)
        self._do(lab, "um check UM01 --gateway OCS")
        self._do(lab, "um voicemail UM01 --to alan.abbott@contoso.test")
        self._title("Every path there is, tried")
        self._do(lab, "trust matrix --all-paths")

    def _end(
        self, before: Mapping[str, Any], broken: Mapping[str, Any], mended: Mapping[str, Any]
    ) -> ExitCode:
        seconds = self.clock.monotonic() - self.started
        bad = [len(_untrusted(matrix)) for matrix in (before, broken, mended)]
        print(f"\nNot trusted: {bad[0]} before, {bad[1]} after the mistake, {bad[2]} in the end.")
        print(f"Done in {seconds:.1f} s, {_asked(before, broken, mended)} cells asked.")
        if self.keep:
            print(f"The lab is at {self.folder}. Next: {_program()} lab up --lab {self.folder}")
        else:
            steps = ("lab new", "lab up --detach", "trust matrix")
            print("Next: " + " && ".join(f"{_program()} {step}" for step in steps))
        good = bad[0] == 0 and bad[1] > 0 and bad[2] == 0
        return ExitCode.OK if good else ExitCode.NO

    def _title(self, text: str) -> None:
        print(f"\n── {text} {'─' * max(0, _WIDTH - len(text) - 4)}", flush=True)

    def _do(self, lab: Any, text: str) -> Mapping[str, Any]:
        """Run one command as if typed, and print it with its answer and the time it took."""
        from edgesync.operations.commands import parse_command
        from edgesync.operations.context import Context

        command = parse_command(text)
        shown = text if text.startswith("edgesync ") else f"edgesync {text}"
        print(f"$ {shown.replace(str(self.folder) + '/', '')}", flush=True)
        begun = self.clock.monotonic()
        outcome = command.run(Context(lab, self.folder, note=command.text))
        seconds = self.clock.monotonic() - begun
        for block in command.operation.render(outcome.document):
            lines = block.splitlines() or [""]
            if lines[0].startswith("-----BEGIN"):  # a request for an authority: nothing to read
                lines[1:-1] = ["..."]
            for line in lines:
                print(f"  {line}".rstrip())
        for note in outcome.notes:
            print(f"  note: {note}")
        code = f", exit {int(outcome.exit_code)}" if outcome.exit_code else ""
        print(f"  ({seconds:.2f} s{code})", flush=True)
        return outcome.document


def _program() -> str:
    """What to type for this program: in a fresh clone it is not on the PATH."""
    typed = sys.argv[0]
    return typed if Path(typed).name == "edgesync" and not shutil.which("edgesync") else "edgesync"


def _untrusted(matrix: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    fine = {"trusted", "not_applicable"}
    return [cell for cell in matrix["cells"] if cell["verdict"] not in fine]


def _asked(*matrices: Mapping[str, Any]) -> int:
    return sum(c["verdict"] != "not_applicable" for m in matrices for c in m["cells"])
