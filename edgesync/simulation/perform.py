"""How a play runs commands: given by the layer that knows them all, so that this one need not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edgesync.lab.lab import Lab


@dataclass(frozen=True, slots=True)
class Performed:
    """How a command ended, and what it answered."""

    exit_code: int
    document: dict[str, Any]
    message: str = ""


class Perform(Protocol):
    """Runs a command on a lab; its refusals are answers. Files stay in a folder of the play."""

    def __call__(self, lab: Lab, command: str, folder: Path) -> Performed:
        """Run it."""
        ...
