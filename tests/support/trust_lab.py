"""A subscribed and synchronized lab to break, and questions to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from directory.clock import SystemClock
from edgesync.config import Version
from edgesync.lab.description import contoso
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.folder import fork_lab, new_lab
from edgesync.lab.lab import Lab
from edgesync.operations.runner import OperationRunner
from edgesync.planning.inquiry import Inquiry
from edgesync.planning.matrix import Cell
from edgesync.planning.observation import Path as Way

SITE = "Default-First-Site-Name"


def subscribe(lab: Lab, *edges: str) -> None:
    """Subscribe Edges and synchronize them, as commands would."""
    service = lab.service(EdgeSync)
    for edge in edges or tuple(lab.edges):
        lab.begin_command(f"edgesync subscription import {edge}.xml --site {SITE}")
        service.subscribe(edge, SITE)
        lab.begin_command(f"edgesync sync run --edge {edge}")
        service.run(edge)


@cache
def _base(version: Version, hubs: int, edges: int) -> Lab:
    lab = new_lab(contoso(version=version, hubs=hubs, edges=edges, sites=1, recipients=5))
    subscribe(lab)
    return lab


@contextmanager
def trusting_lab(
    version: Version = Version.EXCHANGE_2007, *, hubs: int = 2, edges: int = 2
) -> Iterator[Lab]:
    """A lab of one's own in which every cell is trusted: a fork of one that is built once."""
    lab = fork_lab(_base(version, hubs, edges))
    try:
        yield lab
    finally:
        lab.close()


def ask(lab: Lab, verifier: str, peer: str, path: str = "smtp") -> Cell:
    """One cell, by real handshakes."""
    inquiry = Inquiry(lab, SystemClock())
    return inquiry.check(inquiry.pair(verifier, peer, Way(path)))


def inquire(lab: Lab) -> Inquiry:
    """Questions to a lab."""
    return Inquiry(lab, SystemClock())


@contextmanager
def runner() -> Iterator[OperationRunner]:
    """Runs commands; their files live as long as the block."""
    with TemporaryDirectory() as folder:
        yield OperationRunner(Path(folder))


def run(lab: Lab, *commands: str) -> None:
    """Run commands on a lab, all of which must go well."""
    with runner() as hands:
        for command in commands:
            ran = hands.run(lab, command)
            assert ran.went_well, str(ran)
