"""LDIF into a lab's AD: people of any directory as recipients, or whole trees, or changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from directory.errors import InvalidLdif, LdapError, ResultCode
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.ldif import ChangeRecord, ContentRecord, read_ldif
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
)
from edgesync.errors import InputInvalid, NoSuchThing
from edgesync.lab.importers.ldif import without_search_results
from edgesync.lab.importers.people import import_entries
from edgesync.lab.lab import Lab
from edgesync.organization import setup
from edgesync.organization.domains import (
    AcceptedDomain,
    find_accepted_domain,
    list_accepted_domains,
)
from edgesync.port.embedded import EmbeddedPort

PROGRESS_EVERY = 500


def load_ldif(
    lab: Lab, source: str, progress: Callable[[Mapping[str, Any]], None]
) -> tuple[str, ...]:
    """Load a file, or every ``*.ldif`` of a folder in order; returns what was done, in words.

    Every file is read to its end before anything is written. Entries that are there already are
    left as they are, and counted.

    Raises:
        NoSuchThing: there is no such file.
        InputInvalid: not LDIF; names file and line. Nothing was written.
    """
    path = Path(source)
    files = sorted(path.glob("*.ldif")) if path.is_dir() else [path]
    if not files:
        raise NoSuchThing(f"{path} holds no .ldif file", "name a file, or a folder of them")
    entries: list[Entry] = []
    changes: list[ChangeRecord] = []
    foreign = 0
    for file in files:
        for record in _records(file):
            if isinstance(record, ContentRecord):
                entries.append(record.entry)
            elif target_of(record).is_within(lab.ad.names.domain):
                changes.append(record)
            else:
                foreign += 1
    imported = import_entries(entries, lab.ad.names)
    port = lab.ad_port()
    there = _add(port, imported.entries, progress)
    new_domains = _accept(lab, imported.domains)
    for record in changes:
        _apply(port, record, path)
    added = len(imported.entries) - there
    notes = [f"{path}: {added} entries added"]
    notes += [f"{path}: {there} were there already"] if there else []
    notes += [f"{path}: {len(changes)} changes applied"] if changes else []
    notes += [f"ignored {foreign} changes of entries outside the forest"] if foreign else []
    notes += [f"accepted domain {domain} added" for domain in new_domains]
    notes += [f"took {line}" for line in imported.taken]
    notes += [f"ignored {line}" for line in imported.ignored]
    notes += [f"assumed {line}" for line in imported.assumed]
    return tuple(notes)


def target_of(record: ChangeRecord) -> DN:
    """The entry a change is about."""
    request = record.request
    return request.entry.dn if isinstance(request, AddRequest) else request.dn


def _records(file: Path) -> Iterator[ContentRecord | ChangeRecord]:
    try:
        data = without_search_results(file.read_bytes())
        yield from read_ldif([data])
    except FileNotFoundError:
        raise NoSuchThing(f"no file {file}", "name an LDIF file") from None
    except OSError as error:
        raise InputInvalid(f"{file}: {error.strerror}", "name a readable LDIF file") from error
    except InvalidLdif as error:
        raise InputInvalid(f"{file}: {error.reason}", "RFC 2849 says how LDIF looks") from error


def _add(
    port: EmbeddedPort, entries: tuple[Entry, ...], progress: Callable[[Mapping[str, Any]], None]
) -> int:
    there = 0
    for number, entry in enumerate(entries, 1):
        try:
            port.add(AddRequest(entry))
        except LdapError as error:
            if error.code is not ResultCode.ENTRY_ALREADY_EXISTS:
                raise InputInvalid(
                    f"{entry.dn}: {error}", "AD's schema says what an entry may hold"
                ) from error
            there += 1
        if number % PROGRESS_EVERY == 0:
            progress({"phase": "LDIF", "done": number, "total": len(entries)})
    return there


def _accept(lab: Lab, wanted: tuple[str, ...]) -> list[str]:
    """Accept mail for the new recipients' domains, or they could not be written to."""
    names, port = lab.ad.names, lab.ad_port()
    known = list_accepted_domains(port, names)
    added = []
    for domain in wanted:
        if find_accepted_domain(known, domain) is None:
            dn = names.accepted_domains.child("CN", domain)
            setup.add_domain(port, AcceptedDomain(dn, domain, domain))
            added.append(domain)
    return added


def _apply(port: EmbeddedPort, record: ChangeRecord, path: Path) -> None:
    try:
        match record.request:
            case AddRequest():
                port.add(record.request, record.controls)
            case DeleteRequest():
                port.delete(record.request, record.controls)
            case ModifyRequest():
                port.modify(record.request, record.controls)
            case ModifyDnRequest():
                port.modify_dn(record.request, record.controls)
    except LdapError as error:
        raise InputInvalid(
            f"{path}: line {record.line}: {error}", "the changes before this line were made"
        ) from error
