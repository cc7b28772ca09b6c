"""Who wrote a value, when, and doing what: read off a directory's change log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from directory.model.dn import DN
from edgesync.lab.directories import LabDirectory


@dataclass(frozen=True, slots=True)
class Provenance:
    """The change that gave a value its present content."""

    at: datetime
    usn: int
    command: str
    """What was being done: a command, or a server's own work such as a scheduled sync."""
    by: str
    """Who wrote it, as the directory knows them."""

    def document(self) -> dict[str, Any]:
        """The change as JSON."""
        return {
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "usn": self.usn,
            "command": self.command,
            "by": self.by,
        }

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%SZ}, USN {self.usn}, {self.command or 'no note'}"


def last_change(directory: LabDirectory[Any], dn: DN, attribute: str) -> Provenance | None:
    """The latest change of one attribute; None when entry or attribute never was."""
    entry = directory.agent.store.find(dn)
    if entry is None:
        return None
    wanted = attribute.lower()
    for change in directory.agent.store.latest_changes(entry):
        if any(name.lower() == wanted for name in change.attributes):
            return Provenance(change.at, change.usn, change.author.note, change.author.identity)
    return None


def last_modification(directory: LabDirectory[Any], dn: DN) -> Provenance | None:
    """The latest change of an entry since it was added; None when it never changed."""
    entry = directory.agent.store.find(dn)
    if entry is None:
        return None
    for change in directory.agent.store.latest_changes(entry):
        if change.kind != "add":
            return Provenance(change.at, change.usn, change.author.note, change.author.identity)
    return None
