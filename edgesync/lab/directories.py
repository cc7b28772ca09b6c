"""The lab's directories: one AD, one ADAM per Edge, each an agent with its names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.instance import local_session
from directory.model.dn import DN
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.port.embedded import EmbeddedPort

AD = "AD"
ADMINISTRATOR = "Administrator"
ADMIN_PASSWORD = "LabAdmin-only-on-loopback"  # noqa: S105 - a lab's, and printed by edgesync env
"""Password of the lab's directory administrators: a lab listens on loopback and holds no secret
of anybody; ``edgesync env`` gives it to other tools."""

Names = TypeVar("Names", ForestNames, EdgeNames)


@dataclass
class LabDirectory(Generic[Names]):
    """One directory of the lab."""

    name: str
    agent: DirectoryServiceAgent
    names: Names

    def port(self, note: str) -> EmbeddedPort:
        """A port as administrator; ``note`` says in the change log what is being done."""
        return EmbeddedPort(self.agent, local_session(self.agent, note=note))


def administrator(names: ForestNames | EdgeNames) -> DN:
    """Name the directory's administrator binds with."""
    container = names.users if isinstance(names, ForestNames) else names.configuration
    return container.child("CN", ADMINISTRATOR)
