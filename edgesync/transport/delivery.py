"""Mailboxes: a folder of .eml files each, or memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from edgesync.certificates.private_files import replace_durably
from edgesync.transport.message import Submission

_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One message in a mailbox."""

    number: int
    content: bytes


class MailboxStore:
    """The mailboxes of one organisation."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: dict[str, list[bytes]] = {}
        self._lock = Lock()

    def deliver(self, mailbox: str, submission: Submission) -> None:
        """Put a message into a mailbox; the file appears whole or not at all."""
        with self._lock:
            if self._folder is None:
                self._memory.setdefault(mailbox, []).append(submission.content)
                return
            folder = self._path(mailbox)
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            number = len(list(folder.glob("*.eml"))) + 1
            path = folder / f"{number:06d}.eml"
            replace_durably(path, submission.content)

    def messages(self, mailbox: str) -> tuple[Delivered, ...]:
        """What a mailbox holds, oldest first."""
        with self._lock:
            if self._folder is None:
                found = self._memory.get(mailbox, [])
            else:
                paths = sorted(self._path(mailbox).glob("*.eml"))
                found = [path.read_bytes() for path in paths]
        return tuple(Delivered(i, content) for i, content in enumerate(found, 1))

    def mailboxes(self) -> tuple[str, ...]:
        """Mailboxes that have had mail, by name."""
        if self._folder is None:
            return tuple(sorted(self._memory))
        if not self._folder.is_dir():
            return ()
        return tuple(sorted(p.name for p in self._folder.iterdir() if p.is_dir()))

    def _path(self, mailbox: str) -> Path:
        assert self._folder is not None
        name = _UNSAFE.sub("_", mailbox).lstrip(".") or "_"
        return self._folder / name
