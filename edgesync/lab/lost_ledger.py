"""Going on without the ledger: a lab whose ``lab.db`` was lost, or was removed as damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from edgesync.lab.ledger import Ledger

AFTER_LOSS = 2**32
"""Generations counted anew start above this, so that no stream of randomness comes twice: the
generation is part of every seed, and GUIDs and serial numbers are drawn from it."""


def remember(ledger: Ledger, journal: Path) -> None:
    """Give an empty ledger the time and generation its lab must go on from.

    The time is that of AD's last change: a clock that went back would make certificates and
    leases of the future. Commands and events are lost.
    """
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as database:
        usn, at = database.execute("SELECT max(usn), max(at) FROM change").fetchone()
    ledger.set(
        generation=AFTER_LOSS + (usn or 0),
        now=datetime.fromtimestamp(at or 0, UTC).isoformat(),
    )
