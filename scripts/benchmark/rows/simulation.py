"""Virtual time: a year of the contoso lab, and a month of a large organisation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial

from directory.model.messages import AddRequest
from edgesync.events import Event
from edgesync.lab.description import LabDescription, contoso
from edgesync.lab.edge_sync import EdgeSync
from edgesync.lab.folder import VIRTUAL, new_lab
from edgesync.lab.lab import Lab
from edgesync.organization.recipients import Recipient, mailbox_entry
from scripts.benchmark.bench import Bench
from scripts.benchmark.row import Contenders, Row, Sample, at_most


def large() -> LabDescription:
    """An organisation of 1,000 servers in 200 sites, with 20 Edges to subscribe."""
    return contoso(sites=200, hubs=980, edges=20, recipients=200, seed=7)


@contextmanager
def _passing(description: LabDescription, span: timedelta, _bench: Bench) -> Iterator[Contenders]:
    """Build and subscribe before each round; only the passing of time is measured."""
    yield {"edgesync": lambda: pass_time(description, span)[0]}


def pass_time(
    description: LabDescription, span: timedelta, changes: int = 0
) -> tuple[Sample, int, int]:
    """Let time pass in a new lab, with people hired at even distances.

    Returns the measurement in seconds, how many activities ran, and how many events were logged.
    """
    with closing(new_lab(description, effort=VIRTUAL)) as lab:
        for number, edge in enumerate(lab.edges):
            sites = description.sites
            lab.service(EdgeSync).subscribe(edge, sites[number * len(sites) // len(lab.edges)])
        seen: list[Event] = []
        lab.listeners.append(seen.append)
        parts = max(changes, 1)
        ran, cpu, started = 0, time.process_time(), time.perf_counter()
        for number in range(parts):
            if changes:
                _hire(lab, number)
            ran += lab.agenda.advance(span / parts)
        cpu = time.process_time() - cpu
        sample = Sample(
            time.perf_counter() - started, cpu / max(ran, 1) * 1e6,
            note=f"{ran} activities, {len(seen)} events",
        )  # fmt: skip
        return sample, ran, len(seen)


def _hire(lab: Lab, number: int) -> None:
    alias = f"hired{number}"
    address = f"{alias}@{lab.description.forest}"
    recipient = Recipient(
        lab.ad.names.users.child("CN", alias), alias, display_name=alias, alias=alias,
        mail=address, proxy_addresses=(f"SMTP:{address}",),
    )  # fmt: skip
    lab.ad_port().add(AddRequest(mailbox_entry(recipient, account=alias)))


def _row(
    name: str, describe: Callable[[], LabDescription], days: int, target_s: float, rounds: int
) -> Row:
    opener = partial(_passing, describe(), timedelta(days=days))
    return Row(name, "s", opener, at_most(target_s), rounds=rounds)


ROWS = (
    _row("a year of contoso, virtual time", contoso, 365, 10, 2),
    _row("a month of 1,000 servers in 200 sites", large, 30, 60, 1),
)
