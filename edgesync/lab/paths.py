"""A lab's folder: what is kept where, who may open it, and how a file is replaced."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from edgesync.errors import InputInvalid, LabInUse, NoSuchThing, RefusedByRule

DESCRIPTION_FILE = "lab.json"
LOCK_FILE = "lock"


@dataclass(frozen=True, slots=True)
class LabFolder:
    """Paths inside one lab."""

    root: Path

    @property
    def description(self) -> Path:
        """The lab on paper."""
        return self.root / DESCRIPTION_FILE

    @property
    def ledger(self) -> Path:
        """Clock, commands and events."""
        return self.root / "lab.db"

    @property
    def history(self) -> Path:
        """Runs of EdgeSync."""
        return self.root / "sync.db"

    @property
    def logs(self) -> Path:
        """Logs, in Exchange's folders."""
        return self.root / "logs"

    @property
    def mail(self) -> Path:
        """Delivered messages and queues."""
        return self.root / "mail"

    def journal(self, directory: str) -> Path:
        """The journal of one directory: ``AD`` or an Edge's name."""
        return self.root / "directories" / f"{directory}.db"

    def machine(self, server: str) -> Path:
        """A server's certificate store."""
        return self.root / "machines" / server

    @property
    def authorities(self) -> Path:
        """The certification authorities."""
        return self.root / "authorities"

    def create(self, *, force: bool) -> None:
        """Make the folder.

        Raises:
            RefusedByRule: when a lab or something else is there already and ``force`` is not set.
        """
        if self.root.exists() and any(self.root.iterdir()):
            if not force:
                raise RefusedByRule(
                    f"{self.root} exists already", "use --force to replace the lab there"
                )
            if not self.description.exists():
                raise RefusedByRule(
                    f"{self.root} is not empty and holds no lab",
                    "choose another folder with --lab; --force replaces labs only",
                )
            with Lock(self.root):
                pass  # nobody else has it open
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.root / "directories").mkdir(mode=0o700, exist_ok=True)
        (self.root / "machines").mkdir(mode=0o700, exist_ok=True)

    def read_description(self) -> dict[str, Any]:
        """The description file.

        Raises:
            NoSuchThing: when there is no lab.
            InputInvalid: when the file is not JSON.
        """
        try:
            document = json.loads(self.description.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise NoSuchThing(
                f"no lab at {self.root}", "make one: edgesync lab new, or name one with --lab"
            ) from None
        except ValueError as error:
            raise InputInvalid(
                f"{self.description}: {error}", "restore the file, or make the lab again"
            ) from error
        if not isinstance(document, dict):
            raise InputInvalid(f"{self.description} is not an object", "restore the file")
        return document


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Replace a file as a whole: a reader sees the old or the new content."""
    partial = path.with_name(path.name + ".tmp")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


class Lock:
    """The right to write a lab; held by one process at a time and gone with it."""

    def __init__(self, root: Path) -> None:
        self._path = root / LOCK_FILE
        self._file = None
        try:
            self._file = self._path.open("a+")
            _lock_file(self._file.fileno())
        except FileNotFoundError:
            raise NoSuchThing(
                f"no lab at {root}", "make one: edgesync lab new, or name one with --lab"
            ) from None
        except OSError as error:
            self.release()
            raise LabInUse(
                f"the lab at {root} is in use by another process",
                "wait for it; edgesync lab status shows a running lab",
            ) from error

    def release(self) -> None:
        """Let others in."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _lock_file(handle: int) -> None:
    if os.name == "nt":
        import msvcrt  # noqa: PLC0415 - exists on Windows only

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # Windows
    else:
        import fcntl  # noqa: PLC0415 - exists on POSIX only

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
