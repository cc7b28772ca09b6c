"""IIS's configuration files in a folder of exports: whose they are, and what could not be told.

``applicationHost.config`` has no server's name in it. It is the only server's; where there are
several, each file is named after its server: ``CAS01.applicationHost.config``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgesync.lab.importers.exported import ExportedServer
from edgesync.lab.importers.iis import IisConfiguration, read_iis

FILE = "applicationHost.config"


@dataclass(frozen=True, slots=True)
class ExportedIis:
    """Each server's IIS, as far as it was exported, and what is to be said about it."""

    configurations: dict[str, IisConfiguration]
    taken: tuple[str, ...]
    ignored: tuple[str, ...]


def read_iis_files(folder: Path, servers: Sequence[ExportedServer]) -> ExportedIis:
    """The configurations in a folder, by server.

    Raises:
        InputInvalid: one of them is malformed; names file, line and element.
    """
    found: dict[str, IisConfiguration] = {}
    taken, ignored = [], []
    for path in sorted(folder.iterdir()):
        if not path.name.casefold().endswith(FILE.casefold()) or not path.is_file():
            continue
        owner = path.name[: -len(FILE)].rstrip(".-_")
        own = [s for s in servers if owner.casefold() in ("", s.name.casefold())]
        if len(own) == 1:
            found[own[0].name] = read_iis(path)
            sites = ", ".join(site.name for site in found[own[0].name].sites)
            taken.append(f"{path.name}: web sites of {own[0].name} ({sites})")
        else:
            why = "names no exported server" if owner else "several servers; name it SERVER." + FILE
            ignored.append(f"{path.name}: {why}")
    return ExportedIis(found, tuple(taken), tuple(ignored))
