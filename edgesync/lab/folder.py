"""Opening, making and forking labs: the one place that knows both the files and the parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.configuration import PASSWORD_COST_LOG2
from directory.dsa.instance import DirectoryConfiguration, open_directory
from directory.entropy import SeededEntropy
from directory.errors import JournalCorrupt, JournalError, JournalLocked
from edgesync.certificates.authority_store import AuthorityStore
from edgesync.certificates.store import MachineStore
from edgesync.errors import LabCorrupt, LabError, LabInUse, RefusedByRule
from edgesync.lab.build import DOMAIN_CONTROLLER, edge_instance, install, populate
from edgesync.lab.clock import LabClock
from edgesync.lab.description import LabDescription, ServerDescription
from edgesync.lab.directories import AD, ADMIN_PASSWORD, LabDirectory, administrator
from edgesync.lab.lab import Lab
from edgesync.lab.ledger import Ledger
from edgesync.lab.lost_ledger import remember
from edgesync.lab.network import Network
from edgesync.lab.paths import LabFolder, Lock
from edgesync.lab.restoring import finish_restore
from edgesync.lab.routine import Routine
from edgesync.organization.names import EdgeNames, ForestNames
from edgesync.organization.setup import schema_text

Durability = Literal["full", "normal", "off"]


@dataclass(frozen=True, slots=True)
class Effort:
    """What a lab spends on disks that may lose power and on thieves of its password hashes."""

    durability: Durability = "full"
    password_cost_log2: int = PASSWORD_COST_LOG2


THOROUGH = Effort()
"""A lab that somebody keeps."""

VIRTUAL = Effort(durability="off", password_cost_log2=4)
"""A lab of a simulation: its power cuts are played, its passwords guard nothing."""


def new_lab(
    description: LabDescription,
    root: Path | None = None,
    *,
    force: bool = False,
    fill: Callable[[Lab], None] = populate,
    effort: Effort = THOROUGH,
) -> Lab:
    """Build a lab, in a folder or in memory; ``fill`` writes what its empty parts shall hold.

    ``effort`` says how its journals are written until it is closed: ``full`` survives a power
    cut, ``normal`` a killed process.

    A lab in a folder appears there whole: its description is written last, so that a build that
    was killed leaves nothing that opens.

    Raises:
        RefusedByRule: when the folder is taken.
    """
    if root is None:
        lab = _assemble(description, None, 0, lambda: None, effort)
        fill(lab)
        return lab
    folder = LabFolder(root)
    finish_restore(root)
    folder.create(force=force)
    lock = Lock(root)
    lab = _assemble(description, folder, 0, lock.release, effort)
    try:
        fill(lab)
        lab.save()
        _write_description(folder, description)
    except BaseException:
        lab.close()
        raise
    return lab


def open_lab(root: Path, *, effort: Effort = THOROUGH) -> Lab:
    """Open an existing lab for reading and writing.

    Raises:
        NoSuchThing: when there is none.
        LabInUse: when another process has it.
        LabCorrupt: when one of its files is damaged; the hint names the way out.
    """
    folder = LabFolder(root)
    finish_restore(root)
    description = LabDescription.from_document(folder.read_description())
    lock = Lock(root)
    try:
        _require_journals(folder, description)
        return _assemble(description, folder, None, lock.release, effort)
    except JournalLocked as error:
        lock.release()
        raise LabInUse(str(error), "another process holds a journal of this lab") from error
    except JournalCorrupt as error:
        lock.release()
        raise LabCorrupt(str(error), error.hint) from error
    except JournalError as error:
        lock.release()
        raise LabError(str(error), error.hint) from error
    except BaseException:
        lock.release()
        raise


def _require_journals(folder: LabFolder, description: LabDescription) -> None:
    """Refuse a lab that lost a journal: it would open with an empty directory in its place."""
    for name in (AD, *(s.name for s in description.servers if s.role == "edge")):
        journal = folder.journal(name)
        if not journal.exists() or not journal.stat().st_size:
            raise LabCorrupt(
                f"{journal} is {'empty' if journal.exists() else 'missing'}",
                "restore a snapshot (edgesync lab restore), or put the file back",
            )


def fork_lab(lab: Lab) -> Lab:
    """An independent copy in memory: what is done to it leaves the lab untouched."""
    clock = LabClock(lab.clock.now())
    twin = Lab(
        lab.description,
        clock,
        lab.ledger.copy(),
        LabDirectory(AD, _fork(lab, lab.ad.agent, clock, AD), lab.ad.names),
        {
            name: LabDirectory(name, _fork(lab, edge.agent, clock, name), edge.names)
            for name, edge in lab.edges.items()
        },
        {name: store.fork() for name, store in lab.machines.items()},
        generation=lab.generation + 1,
        authorities=lab.authorities.fork(),
    )
    twin.note = lab.note
    twin.service(Network).cut = set(lab.service(Network).cut)
    twin.service(Routine)
    return twin


def _fork(
    lab: Lab, agent: DirectoryServiceAgent, clock: LabClock, name: str
) -> DirectoryServiceAgent:
    entropy = SeededEntropy(lab.description.seed, f"fork/{name}/{lab.generation}")
    return agent.fork(clock=clock, entropy=entropy)


def _assemble(
    description: LabDescription,
    folder: LabFolder | None,
    generation: int | None,
    release: Callable[[], None],
    effort: Effort = THOROUGH,
) -> Lab:
    with ExitStack() as opened:  # what is open is closed again when a later part is damaged
        ledger = Ledger(folder.ledger if folder else None, durability=effort.durability)
        opened.callback(ledger.close)
        if generation is None:
            if folder is not None and ledger.get("generation") is None:
                remember(ledger, folder.journal(AD))
            generation = int(ledger.get("generation") or 0) + 1
        now = ledger.get("now")
        clock = LabClock(datetime.fromisoformat(now) if now else description.started)
        ledger.set(generation=generation)
        names = description.names
        agent = _open_ad(description, names, clock, folder, generation, effort)
        opened.callback(agent.shutdown)
        ad = LabDirectory(AD, agent, names)
        edges = {}
        machines = {AD: _machine(folder, AD)}
        for server in description.servers:
            machines[server.name] = _machine(folder, server.name)
            if server.role == "edge":
                edge_names = EdgeNames.of(edge_instance(description, server.name))
                agent = _open_adam(
                    description, server.name, edge_names, clock, folder, generation, effort
                )
                opened.callback(agent.shutdown)
                edges[server.name] = LabDirectory(server.name, agent, edge_names)
        lab = Lab(
            description,
            clock,
            ledger,
            ad,
            edges,
            machines,
            root=folder.root if folder else None,
            release=release,
            generation=generation,
            authorities=AuthorityStore.open(folder.authorities) if folder else None,
        )
        opened.pop_all()
    lab.service(Routine)
    return lab


def _machine(folder: LabFolder | None, name: str) -> MachineStore:
    return MachineStore.open(folder.machine(name)) if folder else MachineStore()


def _open_ad(
    description: LabDescription,
    names: ForestNames,
    clock: LabClock,
    folder: LabFolder | None,
    generation: int,
    effort: Effort = THOROUGH,
) -> DirectoryServiceAgent:
    configuration = DirectoryConfiguration(
        profile="ad",
        naming_contexts=(names.domain, names.configuration),
        schema_texts=(schema_text(),),
        admin_dn=administrator(names),
        admin_password=ADMIN_PASSWORD.encode(),
        password_cost_log2=effort.password_cost_log2,
        dns_host_name=f"{DOMAIN_CONTROLLER}.{names.dns_domain}",
    )
    return _open(configuration, AD, description, clock, folder, generation, effort)


def _open_adam(
    description: LabDescription,
    name: str,
    names: EdgeNames,
    clock: LabClock,
    folder: LabFolder | None,
    generation: int,
    effort: Effort = THOROUGH,
) -> DirectoryServiceAgent:
    configuration = DirectoryConfiguration(
        profile="adam",
        naming_contexts=(names.configuration, names.gateway),
        schema_texts=(schema_text(),),
        admin_dn=administrator(names),
        admin_password=ADMIN_PASSWORD.encode(),
        replication_accounts=names.accounts,
        password_cost_log2=effort.password_cost_log2,
        dns_host_name=next(s.fqdn for s in description.servers if s.name == name),
    )
    return _open(configuration, name, description, clock, folder, generation, effort)


def _open(
    configuration: DirectoryConfiguration,
    name: str,
    description: LabDescription,
    clock: LabClock,
    folder: LabFolder | None,
    generation: int,
    effort: Effort,
) -> DirectoryServiceAgent:
    entropy = SeededEntropy(description.seed, f"directory/{name}/{generation}")
    path = folder.journal(name) if folder else None
    return open_directory(
        configuration, clock=clock, entropy=entropy, path=path, durability=effort.durability
    )


def add_edge(lab: Lab, name: str, fqdn: str) -> None:
    """Set up one more Edge Transport server in the perimeter: ADAM, certificate, connectors.

    Raises:
        RefusedByRule: when the name is taken.
    """
    if any(s.name.casefold() == name.casefold() for s in lab.servers()):
        raise RefusedByRule(f"{name} is in the lab already", "choose another name")
    server = ServerDescription(name, "edge", fqdn)
    lab.description = replace(lab.description, servers=(*lab.description.servers, server))
    folder = LabFolder(lab.root) if lab.root else None
    if folder is not None:
        folder.discard_server(name)
    lab.machines[name] = _machine(folder, name)
    names = EdgeNames.of(edge_instance(lab.description, name))
    agent = _open_adam(lab.description, name, names, lab.clock, folder, lab.generation, THOROUGH)
    lab.edges[name] = LabDirectory(name, agent, names)
    install(lab, server)
    if folder is not None:
        _write_description(folder, lab.description)


def redescribe(lab: Lab, description: LabDescription) -> None:
    """Keep a changed description; servers that run already go on under the old one."""
    lab.description = description
    if lab.root is not None:
        _write_description(LabFolder(lab.root), description)


def _write_description(folder: LabFolder, description: LabDescription) -> None:
    document = json.dumps(description.document(), indent=2, ensure_ascii=False)
    folder.describe(document + "\n")
