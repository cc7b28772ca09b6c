"""Snapshots and forks of a lab's folder: SQLite's own backup for databases, copies for the rest."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from edgesync.errors import LabError, NoSuchThing, RefusedByRule, UsageError
from edgesync.lab.control import RUN_FILE
from edgesync.lab.paths import DESCRIPTION_FILE, LOCK_FILE, Lock

FOLDER = "snapshots"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_NOT_COPIED = {FOLDER, LOCK_FILE, RUN_FILE, "up.log"}
_DATABASE = ".db"
_COMPANIONS = ("-wal", "-shm")


def snapshot_path(root: Path, name: str) -> Path:
    """Where a snapshot of this name is or goes.

    Raises:
        UsageError: when the name could leave the folder.
    """
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} is no name for a snapshot", "use letters, digits, dots and hyphens"
        )
    return root / FOLDER / name


def list_snapshots(root: Path) -> list[str]:
    """Names of the snapshots of a lab."""
    folder = root / FOLDER
    return (
        sorted(p.name for p in folder.iterdir() if (p / DESCRIPTION_FILE).exists())
        if (folder.is_dir())
        else []
    )


def copy_lab(source: Path, target: Path) -> None:
    """A second lab with the same content. The description goes last: a half copy does not open.

    Raises:
        RefusedByRule: when the target is taken.
    """
    if target.exists() and any(target.iterdir()):
        raise RefusedByRule(f"{target} exists already", "choose another place")
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        for path in _files(source):
            relative = path.relative_to(source)
            if relative.name == DESCRIPTION_FILE and len(relative.parts) == 1:
                continue
            goal = target / relative
            goal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if path.suffix == _DATABASE:
                _backup(path, goal)
            else:
                shutil.copy2(path, goal)
        shutil.copy2(source / DESCRIPTION_FILE, target / DESCRIPTION_FILE)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(target, ignore_errors=True)
        raise LabError(f"copy to {target} failed: {error}", "nothing was changed") from error


def restore_lab(root: Path, name: str) -> None:
    """Put a snapshot's content in the place of the lab's. Snapshots stay.

    The present content is moved aside first and comes back if the copy fails.
    """
    source = snapshot_path(root, name)
    if not (source / DESCRIPTION_FILE).exists():
        known = ", ".join(list_snapshots(root)) or "none"
        raise NoSuchThing(f"no snapshot {name!r}", f"snapshots: {known}")
    with Lock(root):
        fresh = root.with_name(root.name + ".restoring")
        aside = root.with_name(root.name + ".replaced")
        for left in (fresh, aside):
            shutil.rmtree(left, ignore_errors=True)
        copy_lab(source, fresh)
        aside.mkdir(mode=0o700)
        for item in sorted(root.iterdir()):
            if item.name not in _NOT_COPIED:
                item.rename(aside / item.name)
        for item in sorted(fresh.iterdir()):
            item.rename(root / item.name)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(fresh, ignore_errors=True)


def destroy_lab(root: Path) -> None:
    """Remove a lab with everything in it, its snapshots too."""
    if not (root / DESCRIPTION_FILE).exists():
        raise NoSuchThing(f"no lab at {root}", "name one with --lab")
    with Lock(root):
        pass
    shutil.rmtree(root)


def _files(root: Path) -> Iterator[Path]:
    for item in sorted(root.iterdir()):
        if item.name in _NOT_COPIED:
            continue
        for path in [item] if item.is_file() else sorted(item.rglob("*")):
            if path.is_file() and not path.name.endswith(_COMPANIONS):
                yield path


def _backup(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
