"""Snapshots and forks of a lab's folder: SQLite's own backup for databases, copies for the rest."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from edgesync.certificates.private_files import sync_folder
from edgesync.errors import LabError, NoSuchThing, RefusedByRule, UsageError
from edgesync.lab.paths import DESCRIPTION_FILE, LabFolder, Lock
from edgesync.lab.restoring import (
    COPY_FOLDER,
    NOT_CONTENT,
    SNAPSHOTS,
    begin,
    finish,
    finish_restore,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_DATABASE = ".db"
_COMPANIONS = ("-wal", "-shm", ".lock")


def snapshot_path(root: Path, name: str) -> Path:
    """Where a snapshot of this name is or goes.

    Raises:
        UsageError: when the name could leave the folder.
    """
    if not _NAME.match(name):
        raise UsageError(
            f"{name!r} is no name for a snapshot", "use letters, digits, dots and hyphens"
        )
    return root / SNAPSHOTS / name


def list_snapshots(root: Path) -> list[str]:
    """Names of the snapshots of a lab."""
    folder = root / SNAPSHOTS
    if not folder.is_dir():
        return []
    found = (p for p in folder.iterdir() if _NAME.match(p.name))
    return sorted(p.name for p in found if (p / DESCRIPTION_FILE).exists())


def copy_lab(source: Path, target: Path) -> None:
    """A second lab with the same content, durable and whole, or not there at all.

    Raises:
        RefusedByRule: when the target is taken.
        LabError: when the disk refuses; nothing has changed.
    """
    if target.exists() and any(target.iterdir()):
        raise RefusedByRule(f"{target} exists already", "choose another place")
    making = target.with_name(f".{target.name}.making")
    shutil.rmtree(making, ignore_errors=True)  # a copy that was killed
    try:
        making.mkdir(parents=True, mode=0o700)
        copy_content(source, making)
        if target.exists():
            target.rmdir()
        making.rename(target)
        sync_folder(target.parent)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(making, ignore_errors=True)
        raise LabError(
            f"copy to {target} failed: {error}", "nothing was changed; make room and try again"
        ) from error


def copy_content(source: Path, target: Path) -> None:
    """Copy what a lab is into an empty folder, durably; databases by SQLite's own backup."""
    for path in _files(source):
        goal = target / path.relative_to(source)
        goal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.suffix == _DATABASE:
            _backup(path, goal)
        else:
            _copy(path, goal)
    for folder in [target, *(p for p in target.rglob("*") if p.is_dir())]:
        sync_folder(folder)


def restore_lab(root: Path, name: str) -> None:
    """Put a snapshot's content in the place of the lab's. Snapshots stay.

    A crash leaves the lab as it was or as the snapshot is: see ``edgesync.lab.restoring``.

    Raises:
        NoSuchThing: there is no such snapshot.
        LabInUse: the lab is up, or another command has it.
        LabError: the disk refuses.
    """
    source = snapshot_path(root, name)
    if not (source / DESCRIPTION_FILE).exists():
        known = ", ".join(list_snapshots(root)) or "none"
        raise NoSuchThing(f"no snapshot {name!r}", f"snapshots: {known}")
    with Lock(root):
        finish(root)
        fresh = root / COPY_FOLDER
        try:
            fresh.mkdir(mode=0o700)
            copy_content(source, fresh)
        except (OSError, sqlite3.Error) as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise LabError(
                f"snapshot {name} cannot be copied: {error}",
                "nothing was changed; make room and try again",
            ) from error
        try:
            begin(root)
            finish(root)
        except OSError as error:
            raise LabError(
                f"{root}: the disk refuses: {error}",
                "try again when it works: the next command on this lab goes on",
            ) from error


def destroy_lab(root: Path) -> None:
    """Remove a lab with everything in it, its snapshots too."""
    folder = LabFolder(root)
    finish_restore(root)
    if not (folder.description.exists() or folder.unfinished.exists()):
        raise NoSuchThing(f"no lab at {root}", "name one with --lab")
    folder.erase()


def _files(root: Path) -> Iterator[Path]:
    for item in sorted(root.iterdir()):
        if item.name in NOT_CONTENT:
            continue
        for path in [item] if item.is_file() else sorted(item.rglob("*")):
            if path.is_file() and not path.name.endswith(_COMPANIONS):
                yield path


def _backup(source: Path, target: Path) -> None:
    target.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def _copy(source: Path, target: Path) -> None:
    shutil.copy2(source, target)
    handle = os.open(target, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
