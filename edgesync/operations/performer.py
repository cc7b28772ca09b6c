"""How scenarios run commands: as the command line does, on the lab they are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from directory.errors import DirectoryError
from edgesync.errors import EdgeSyncError, ExitCode
from edgesync.simulation.perform import Performed

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab


def perform(lab: Lab, command: str, folder: Path) -> Performed:
    """Run a command of a scenario as the command line does; what it refuses is an answer."""
    from edgesync.operations.runner import OperationRunner

    try:
        outcome = OperationRunner(folder).outcome(lab, command)
    except EdgeSyncError as error:
        return Performed(int(error.exit_code), {}, error.message)
    except DirectoryError as error:  # a disk is full, a directory refuses
        return Performed(int(ExitCode.FAILED), {}, str(error))
    return Performed(int(outcome.exit_code), outcome.document, " ".join(outcome.notes))
