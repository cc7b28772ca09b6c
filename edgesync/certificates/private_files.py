"""Files that hold secrets or state: replaced in one step, never readable by others, durable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def make_private_folder(folder: Path) -> None:
    """Make a folder only its owner may enter; its parents are made as usual."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def replace_private(path: Path, data: bytes) -> Path:
    """Write or replace a file in one step; not even for a moment can others read it.

    A reader, and whoever comes after a crash, sees the old content or the new. The rename itself
    is durable after :func:`sync_folder`.

    Raises:
        OSError: the disk refuses; the file is as it was and no draft is left.
    """
    path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
    fresh = _write_draft(path, data)
    try:
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return path


def replace_durably(path: Path, data: bytes) -> Path:
    """Replace one file that stands for itself: durable when this returns."""
    replace_private(path, data)
    sync_folder(path.parent)
    return path


@contextmanager
def written_beside(path: Path) -> Iterator[BinaryIO]:
    """Write what is too large for memory: under its name once the block has ended, or not at all.

    What is no file, a pipe or a terminal, has nothing to be renamed to and is written as it is.

    Raises:
        OSError: the disk refuses; the file is as it was and no draft is left.
    """
    target = path.resolve()  # what a link points to is replaced, not the link
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    with _draft(target) as (fresh, file):
        yield file
    try:
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def create_private(path: Path, data: bytes) -> None:
    """Write a file that must not be there yet, whole or not at all, readable by its owner only.

    Raises:
        FileExistsError: it is there.
        OSError: the disk refuses; nothing is left.
    """
    if path.exists():
        raise FileExistsError(path)
    fresh = _write_draft(path, data)
    try:
        try:
            path.hardlink_to(fresh)  # fails where somebody was quicker; a rename would not
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def remove_drafts(folder: Path) -> None:
    """Remove what a killed process had begun to write in a folder that is ours alone."""
    for draft in folder.glob(".*.new"):
        draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable. Windows keeps folders by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_draft(path: Path, data: bytes) -> Path:
    with _draft(path) as (fresh, file):
        file.write(data)
    return fresh


@contextmanager
def _draft(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file beside another to write to: on the disk when the block ends, gone when it fails."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(handle, "wb") as file:
            yield fresh, file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
