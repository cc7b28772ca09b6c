"""Files that hold secrets: replaced in one step, never readable by others, durable."""

from __future__ import annotations

import os
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def make_private_folder(folder: Path) -> None:
    """Make a folder only its owner may enter; its parents are made as usual."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)


def replace_private(path: Path, data: bytes) -> Path:
    """Write or replace a file in one step; not even for a moment can others read it."""
    path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return path


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
