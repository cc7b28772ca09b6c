"""Words a shell may offer: names in the lab at hand, read without opening it."""

from __future__ import annotations

import json
import os
from pathlib import Path

from edgesync.lab.description import LabDescription


def words_for(what: str) -> list[str]:
    """Servers, Edges, Hubs or sites of the current lab; nothing when there is none."""
    folder = Path(os.environ.get("EDGESYNC_LAB") or ".edgesync")
    try:
        described = LabDescription.from_document(
            json.loads((folder / "lab.json").read_text("utf-8"))
        )
    except (OSError, ValueError, KeyError):
        return []
    if what == "site":
        return list(described.sites)
    wanted = {"edge": {"edge"}, "hub": {"hub"}}.get(what)
    return [s.name for s in described.servers if wanted is None or s.role in wanted]
