"""What a lab's folder holds, read without trusting it: files that are whole, entries that are."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from directory.model.messages import SearchRequest
from edgesync.cli.main import main
from edgesync.lab.folder import open_lab
from edgesync.port.port import iterate
from edgesync.subscription.file import read_subscription

VOLATILE = frozenset((
    "objectguid", "objectsid", "whencreated", "whenchanged", "usncreated", "usnchanged",
    "msexchedgesynccredential", "msexchedgesynclease", "msexchedgesynccookies",
    "msexchedgesyncstatus", "pwdlastset",
))  # fmt: skip
"""Attributes that differ between two runs of one command, lower case."""

PRIVATE = 0o077
"""Permission bits that no file with a secret may have."""

Content = dict[str, dict[str, tuple[bytes, ...]]]
"""DN to attribute to values in order."""


def command(*words: str) -> tuple[int, str]:
    """Run an ``edgesync`` command here; its exit code and everything it said."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(words)
    return code, said.getvalue()


def expect(code: int, *words: str) -> Iterator[str]:
    """Run a command; a line if it ends otherwise than it should."""
    got, said = command(*words)
    if got != code:
        yield f"{' '.join(words[:3])} ended with {got}, not {code}: {said.strip()[-400:]}"


def content(lab: Path, *, volatile: bool = False) -> dict[str, Content]:
    """Every entry of every directory of a lab, without what changes from run to run."""
    found: dict[str, Content] = {}
    with open_lab(lab) as opened:
        for directory in opened.directories:
            port = directory.port("judge")
            entries: Content = {}
            for context in port.identity.naming_contexts:
                for entry in iterate(port, SearchRequest(context)):
                    entries[str(entry.dn)] = {
                        name: tuple(sorted(values))
                        for name, values in entry.attributes.items()
                        if volatile or name.lower() not in VOLATILE
                    }
            found[directory.name] = entries
    return found


@functools.cache
def known(lab: Path, *, volatile: bool = False) -> dict[str, Content]:
    """The same of a lab that nobody changes any more: read once, by whoever forks the judges."""
    return content(lab, volatile=volatile)


def half_written(lab: Path) -> Iterator[str]:
    """Files under their final name that are not whole. Run it before anything opens the lab."""
    for path in sorted(lab.rglob("*")):
        if not path.is_file() or _is_draft(path.relative_to(lab)):
            continue
        try:
            _read(path)
        except (ValueError, sqlite3.Error, OSError) as error:
            yield f"{path.relative_to(lab)} is not whole: {error}"
        if path.suffix in {".key", ".json", ".xml"} and path.stat().st_mode & PRIVATE:
            yield f"{path.relative_to(lab)} can be read by others"


def drafts(lab: Path) -> Iterator[str]:
    """Drafts of files that were never finished, once everything has been."""
    for path in sorted(lab.rglob("*")):
        relative = path.relative_to(lab)
        if _is_draft(relative) and path.is_file():
            yield f"{relative} was left lying about"


def _is_draft(relative: Path) -> bool:
    return any(
        part.endswith((".new", ".making", ".restoring", ".replaced")) for part in relative.parts
    )


def _read(path: Path) -> None:
    data = path.read_bytes()
    match path.suffix:
        case ".json":
            json.loads(data)
        case ".pem":
            x509.load_pem_x509_certificate(data)
        case ".key":
            # whole or not is asked, not whether its numbers are prime: that takes 50 ms each
            load_pem_private_key(data, None, unsafe_skip_rsa_key_validation=True)
        case ".xml":
            read_subscription(path)
        case ".db" if data and not data.startswith(b"SQLite format 3\0"):
            raise ValueError("no SQLite file")
