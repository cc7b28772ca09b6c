"""A lab's folder: what is kept where, who may open it, and how a file is replaced."""

from __future__ import annotations

import errno
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from directory import file_lock
from edgesync.certificates.private_files import replace_durably, sync_folder
from edgesync.errors import InputInvalid, LabError, LabInUse, NoSuchThing, RefusedByRule

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
    def unfinished(self) -> Path:
        """Marks a folder without description as a lab in the making, or on its way out."""
        return self.root / "unfinished"

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
        if self.unfinished.exists() and not self.description.exists():
            self.erase()  # a lab that was never finished, or that was being removed
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
            self.erase()
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.unfinished.touch(mode=0o600)
        (self.root / "directories").mkdir(mode=0o700, exist_ok=True)
        (self.root / "machines").mkdir(mode=0o700, exist_ok=True)

    def describe(self, text: str) -> None:
        """Put the description in place, durably; from the first one on this folder is a lab."""
        replace_durably(self.description, text.encode())
        self.unfinished.unlink(missing_ok=True)

    def erase(self) -> None:
        """Remove the lab with everything in it. What a crash leaves of it is no lab any more.

        Raises:
            LabInUse: when another process has it.
        """
        with Lock(self.root):
            pass  # nobody else has it open
        self.unfinished.touch(mode=0o600)
        self.description.unlink(missing_ok=True)
        sync_folder(self.root)
        for item in self.root.iterdir():
            if item == self.unfinished:
                continue  # goes last: it says that the rest may go
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()
        shutil.rmtree(self.root)

    def discard_server(self, name: str) -> None:
        """Remove what a killed process began to set up for a server that is not described."""
        shutil.rmtree(self.machine(name), ignore_errors=True)
        for left in self.journal(name).parent.glob(f"{name}.db*"):
            left.unlink()

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
                f"{self.description}: {error}",
                "restore a snapshot (edgesync lab restore), or make the lab again",
            ) from error
        if not isinstance(document, dict):
            raise InputInvalid(f"{self.description} is not an object", "restore the file")
        return document


_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK}
"""What locking a file says that another process has locked (POSIX, Windows)."""


class Lock:
    """The right to write a lab; held by one process at a time and gone with it."""

    def __init__(self, root: Path) -> None:
        self._path = root / LOCK_FILE
        self._file = None
        try:
            self._file = self._path.open("a+")
            file_lock.hold(self._file.fileno())
        except FileNotFoundError:
            raise NoSuchThing(
                f"no lab at {root}", "make one: edgesync lab new, or name one with --lab"
            ) from None
        except OSError as error:
            self.release()
            if error.errno not in _HELD:
                raise LabError(
                    f"{self._path} cannot be opened for writing: {error.strerror}",
                    "a lab needs a folder that can be written, even to be read",
                ) from error
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
