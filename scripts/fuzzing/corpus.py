"""Inputs on disk: the small corpus of the repository, the large one of a campaign, and crashes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from scripts.fuzzing.target import Target

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "fixtures" / "fuzz"
"""Minimised inputs, replayed by every run of the tests; all of them are below 1 MB."""

WORKING = Path(os.environ.get("EDGESYNC_FUZZ_FOLDER") or ROOT / ".fuzz")
"""What campaigns find on the way; no part of the repository."""


def working_folder(target: Target) -> Path:
    """The folder a campaign's inputs of a target grow in, with the target's seeds."""
    folder = WORKING / "corpus" / target.name
    folder.mkdir(parents=True, exist_ok=True)
    for seed in (*target.seeds(), *kept_inputs(target)):
        keep(folder, seed)
    return folder


def crash_folder(target: Target) -> Path:
    """Where inputs that broke a promise are put."""
    folder = WORKING / "crashes" / target.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kept_inputs(target: Target) -> list[bytes]:
    """The inputs of the repository, in the order of their names."""
    return inputs_in(KEPT / target.name)


def inputs_in(folder: Path) -> list[bytes]:
    """Every input of a folder; none when there is no folder."""
    if not folder.is_dir():
        return []
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]


def keep(folder: Path, data: bytes) -> Path:
    """Put an input into a folder, under the name of its content."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    if not path.exists():
        path.write_bytes(data)
    return path
