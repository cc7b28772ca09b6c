"""Putting a snapshot in a lab's place so that a crash leaves the old lab or the new one.

Three steps, each of which can be begun again: the snapshot is copied into the lab's folder; a note
is left there, and from then on the restore will be finished by whoever opens the lab next; what
was there is moved aside, and the copy takes its place.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from edgesync.certificates.private_files import replace_durably, sync_folder
from edgesync.errors import InputInvalid
from edgesync.lab.control import RUN_FILE
from edgesync.lab.paths import LOCK_FILE, Lock

NOTE_FILE = "restoring.json"
COPY_FOLDER = "snapshot.restoring"
ASIDE_FOLDER = "lab.replaced"
SNAPSHOTS = "snapshots"

NOT_CONTENT = frozenset(
    (SNAPSHOTS, LOCK_FILE, RUN_FILE, "up.log", NOTE_FILE, COPY_FOLDER, ASIDE_FOLDER)
)
"""Names in a lab's folder that belong to the folder, not to what the lab is at a time."""

_Step = Literal["aside", "place"]


def is_interrupted(root: Path) -> bool:
    """Whether a restore of this lab was cut short, or left something to clear away."""
    return any((root / name).exists() for name in (NOTE_FILE, COPY_FOLDER, ASIDE_FOLDER))


def finish_restore(root: Path) -> None:
    """Bring a restore that was cut short to its end. Nothing happens when there is none.

    Raises:
        LabInUse: another process has the lab.
        LabError: the disk refuses; what is done is done, and the next call goes on.
    """
    if is_interrupted(root):
        with Lock(root):
            finish(root)


def begin(root: Path) -> None:
    """The copy is complete: from here on the lab is going to be what the snapshot was."""
    _note(root, "aside")


def finish(root: Path) -> None:
    """Do what is left to do; the caller holds the lock."""
    copy, aside = root / COPY_FOLDER, root / ASIDE_FOLDER
    step = _noted(root)
    if step == "aside":
        aside.mkdir(mode=0o700, exist_ok=True)
        for item in _content(root):
            item.rename(aside / item.name)
        sync_folder(root)
        _note(root, "place")
    if step is not None:
        for item in sorted(copy.iterdir()):
            item.rename(root / item.name)
        sync_folder(root)
        (root / NOTE_FILE).unlink()
        sync_folder(root)
    shutil.rmtree(aside, ignore_errors=True)
    shutil.rmtree(copy, ignore_errors=True)


def _content(root: Path) -> Iterator[Path]:
    return (item for item in sorted(root.iterdir()) if item.name not in NOT_CONTENT)


def _note(root: Path, step: _Step) -> None:
    replace_durably(root / NOTE_FILE, json.dumps({"next": step}).encode())


def _noted(root: Path) -> _Step | None:
    path = root / NOTE_FILE
    try:
        step = json.loads(path.read_bytes())["next"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise InputInvalid(
            f"{path} does not say how far a restore has come: {error}",
            f"docs/recovery.md: the lab is in {root}, {COPY_FOLDER} and {ASIDE_FOLDER} there",
        ) from error
    if step not in ("aside", "place"):
        raise InputInvalid(f"{path}: no step {step!r}", "use the version that began the restore")
    return "aside" if step == "aside" else "place"
