"""LDIF files as people and trees for a lab: content, ldifde's exports, ldapsearch's output."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from directory.errors import InvalidLdif
from directory.model.entry import Entry
from directory.model.ldif import ContentRecord, read_ldif
from directory.model.messages import AddRequest
from edgesync.errors import InputInvalid
from edgesync.lab.importers.markup import read_file
from edgesync.lab.importers.people import ImportedEntries, import_entries
from edgesync.organization.names import ForestNames

_SEARCH_RESULT = re.compile(rb"(search: \d+|ref: ldaps?://.*)")


def read_people(path: Path, names: ForestNames) -> ImportedEntries:
    """The entries of an LDIF file, or of every ``*.ldif`` of a folder, for the forest ``names``.

    Change records other than additions are ignored and counted; values given as a URL are refused.

    Raises:
        InputInvalid: naming file and line; or when a folder has no LDIF file.
    """
    paths = sorted(path.glob("*.ldif")) if path.is_dir() else [path]
    if not paths:
        raise InputInvalid(f"{path}: no *.ldif file in this folder", "name an LDIF file")
    changes: Counter[str] = Counter()
    found = import_entries(_entries(paths, changes), names)
    ignored = tuple(f"{name}: {count} change records" for name, count in changes.items())
    return replace(found, ignored=ignored + found.ignored)


def _entries(paths: Iterable[Path], changes: Counter[str]) -> Iterator[Entry]:
    for path in paths:
        data = read_file(path)
        try:
            for record in read_ldif([without_search_results(data)]):
                if isinstance(record, ContentRecord):
                    yield record.entry
                elif isinstance(record.request, AddRequest):
                    yield record.request.entry
                else:
                    changes[path.name] += 1
        except InvalidLdif as error:
            raise InputInvalid(
                f"{path.name}, {error.reason}", "export it again, or mend the line"
            ) from error


def without_search_results(data: bytes) -> bytes:
    """Output of ldapsearch, the blocks that are no entries made comments; lines keep their number.

    Without ``-LLL`` it ends in ``search:`` and ``result:`` lines, and referrals stand between the
    entries as ``ref:``.
    """
    if b"\nsearch: " not in data and b"\nref: ldap" not in data:
        return data
    kept = []
    in_result = is_first = False
    for line in data.split(b"\n"):
        if not line.strip():
            in_result, is_first = False, True
        elif is_first and not line.startswith(b"#"):
            is_first = False
            in_result = _SEARCH_RESULT.fullmatch(line.rstrip(b"\r")) is not None
        kept.append(b"#" + line if in_result else line)
    return b"\n".join(kept)
