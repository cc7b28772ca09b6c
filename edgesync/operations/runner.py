"""Runs steps written as commands on a lab: what ``--do``, fixes and plans are tried with."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgesync.errors import EdgeSyncError, ExitCode, UsageError
from edgesync.operations.commands import Command, parse_command
from edgesync.operations.context import Context
from edgesync.operations.registry import Outcome
from edgesync.planning.commands import STEP_LENGTH_MAX, Ran

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab

_SERVERS = frozenset({"server", "edge", "hub"})
ELSEWHERE = frozenset({"lab", "web", "simulate", "doctor", "env"})
"""Nouns that are not about the servers of one lab, so no step of a plan."""


@dataclass(frozen=True, slots=True)
class OperationRunner:
    """Runs commands on a given lab in this process. Files stay in ``folder``."""

    folder: Path

    def check(self, lab: Lab, command: str) -> None:
        """Refuse what cannot be run, before anything is.

        Raises:
            UsageError: an unknown step, a wrong word, or one that is not about the lab's servers.
            NoSuchThing: a server the lab has not.
        """
        parsed = _parsed(command)
        if not parsed.operation.needs_lab or parsed.operation.noun in ELSEWHERE:
            raise UsageError(
                f"step {command!r} is not about the lab's servers", "leave it out of the steps"
            )
        for parameter in parsed.operation.parameters:
            value = parsed.parameters.get(parameter.name)
            if parameter.help.completes not in _SERVERS or not value:
                continue
            for name in value if isinstance(value, tuple) else (value,):
                if "\\" not in name and name.upper() != "AD":
                    lab.server(name.partition(".")[0])

    def run(self, lab: Lab, command: str) -> Ran:
        """Run a command as the command line does; what it refuses is an answer, not an error."""
        try:
            outcome = self.outcome(lab, command)
        except EdgeSyncError as error:
            return Ran(command, error.exit_code, error.message)
        message = "" if outcome.exit_code is ExitCode.OK else " ".join(outcome.notes)
        return Ran(command, outcome.exit_code, message)

    def outcome(self, lab: Lab, command: str) -> Outcome:
        """Run a command and give its whole answer.

        Raises:
            EdgeSyncError: its refusal.
        """
        parsed = _parsed(command)
        confined = Command(parsed.operation, self._confined(parsed), parsed.answer)
        return confined.run(Context(lab, lab.root or self.folder, note=command))

    def _confined(self, parsed: Command) -> dict[str, Any]:
        """Parameters with every file that is written, or was written here, inside the folder."""
        confined = dict(parsed.parameters)
        if parsed.operation.name == "subscription.export" and not confined.get("file"):
            confined["file"] = f"{confined['edge']}.xml"  # where it would write by itself
        for parameter in parsed.operation.parameters:
            value = confined.get(parameter.name)
            if parameter.help.metavar != "FILE" or not isinstance(value, str):
                continue
            inside = self.folder / Path(value).name
            if inside.exists() or parsed.operation.verb == "export" or not Path(value).exists():
                confined[parameter.name] = str(inside)
        return confined


@contextmanager
def workshop() -> Iterator[OperationRunner]:
    """A runner whose files live in a folder of their own, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="edgesync-") as folder:
        yield OperationRunner(Path(folder))


def _parsed(command: str) -> Command:
    if len(command) > STEP_LENGTH_MAX:
        raise UsageError(f"a step of {len(command)} characters is too long", "one command per step")
    try:
        return parse_command(command)
    except UsageError as error:
        raise UsageError(f"step {command!r}: {error.message}", error.hint) from None
