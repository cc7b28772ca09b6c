"""The whole seam between EdgeSync and any directory: six methods in LDAP's own nouns.

Anything cleverer (paging, DirSync, upsert, the lease) is a function over this port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeGuard, runtime_checkable
from uuid import UUID

from directory.errors import LdapError, ResultCode
from directory.model.controls import Control, PagedResults
from directory.model.dn import DN
from directory.model.encoded import EntryTable
from directory.model.entry import Entry
from directory.model.filter import ANY_ENTRY, Filter
from directory.model.messages import (
    ROOT_DSE,
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    Scope,
    SearchRequest,
    SyncInfo,
)

PAGE_SIZE = 1000
"""Entries asked for per page: AD's MaxPageSize."""

PAGES_MAX = 100_000
"""Most pages one iteration follows: 10^8 entries; a server that never ends is broken."""


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """One page of answers with the response controls.

    ``entry_controls`` stands beside ``entries``, one tuple each, when any entry carried controls;
    ``sync_info`` holds the intermediate messages of a content synchronization (RFC 4533).
    """

    entries: tuple[Entry, ...]
    controls: tuple[Control, ...] = ()
    entry_controls: tuple[tuple[Control, ...], ...] = ()
    sync_info: tuple[SyncInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectoryIdentity:
    """What a directory's rootDSE says of itself. A new invocation id means: restored or another."""

    invocation_id: UUID | None
    naming_contexts: tuple[DN, ...]
    highest_usn: int | None
    supported_controls: frozenset[str]
    dns_host_name: str = ""


class DirectoryPort(Protocol):
    """A bound connection to one directory.

    Every method raises ``LdapError`` for the directory's refusals and ``PortUnavailable`` when
    it cannot be reached.
    """

    @property
    def identity(self) -> DirectoryIdentity:
        """The directory's rootDSE, read at each call."""
        ...

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        """One page."""
        ...

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        """Add one entry."""
        ...

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        """Change one entry, atomically."""
        ...

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        """Rename or move."""
        ...

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        """Delete one entry."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def pages(
    port: DirectoryPort,
    request: SearchRequest,
    controls: Sequence[Control] = (),
    *,
    page_size: int = PAGE_SIZE,
) -> Iterator[tuple[Entry, ...]]:
    """All entries of a search in pages (RFC 2696).

    A port that pipelines fetches the next page while the caller is busy with this one.
    """
    page = _page(port, request, (*controls, PagedResults(size=page_size)))
    for _ in range(PAGES_MAX):
        outcome = page()
        cookie = next((c.cookie for c in outcome.controls if isinstance(c, PagedResults)), b"")
        if cookie:
            following = PagedResults(size=page_size, cookie=cookie)
            page = _page(port, request, (*controls, following))
        yield outcome.entries
        if not cookie:
            return


def iterate(
    port: DirectoryPort,
    request: SearchRequest,
    controls: Sequence[Control] = (),
    *,
    page_size: int = PAGE_SIZE,
) -> Iterator[Entry]:
    """All entries of a search, one by one."""
    for page in pages(port, request, controls, page_size=page_size):
        yield from page


def _page(
    port: DirectoryPort, request: SearchRequest, controls: Sequence[Control]
) -> Callable[[], SearchOutcome]:
    if _pipelines(port):
        return port.start_search(request, controls)
    return lambda: port.search(request, controls)


def read(port: DirectoryPort, dn: DN, attributes: tuple[str, ...] = ()) -> Entry | None:
    """One entry by name, or None when there is none."""
    request = SearchRequest(dn, Scope.BASE, ANY_ENTRY, attributes)
    try:
        outcome = port.search(request)
    except LdapError as error:
        if error.code is ResultCode.NO_SUCH_OBJECT:
            return None
        raise
    return outcome.entries[0] if outcome.entries else None


def find(
    port: DirectoryPort,
    base: DN,
    filter_: Filter = ANY_ENTRY,
    *,
    scope: Scope = Scope.SUBTREE,
    attributes: tuple[str, ...] = (),
) -> tuple[Entry, ...]:
    """All entries of a search below a base; none when the base does not exist."""
    request = SearchRequest(base, scope, filter_, attributes)
    try:
        return tuple(iterate(port, request))
    except LdapError as error:
        if error.code is ResultCode.NO_SUCH_OBJECT:
            return ()
        raise


def identify(port: DirectoryPort) -> DirectoryIdentity:
    """What a directory says of itself; one without USNs gives None for both.

    Ours names its invocation in the rootDSE; a domain controller in its NTDS Settings object,
    which the rootDSE's dsServiceName leads to (MS-ADTS 3.1.1.3.2).
    """
    root_dse = port.search(ROOT_DSE).entries[0]
    usn = root_dse.first("highestCommittedUSN")
    return DirectoryIdentity(
        invocation_id=_invocation(port, root_dse),
        naming_contexts=tuple(DN.parse(name) for name in root_dse.texts("namingContexts")),
        highest_usn=int(usn) if usn is not None else None,
        supported_controls=frozenset(root_dse.texts("supportedControl")),
        dns_host_name=root_dse.text("dnsHostName"),
    )


def _invocation(port: DirectoryPort, root_dse: Entry) -> UUID | None:
    raw, settings = root_dse.first("invocationId"), root_dse.text("dsServiceName")
    if raw is None and settings:
        try:
            found = read(port, DN.parse(settings), ("invocationId",))
        except LdapError:  # not everybody may read it: then a restore is seen by its lower USN only
            return None
        raw = found.first("invocationId") if found is not None else None
    return UUID(bytes_le=raw) if raw is not None and len(raw) == 16 else None


Write = AddRequest | ModifyRequest | ModifyDnRequest | DeleteRequest

WriteOutcomes = list[LdapError | None]
"""For each of some writes the refusal, or None."""


@runtime_checkable
class BatchingPort(Protocol):
    """A port that can make many writes durable at once."""

    def write_all(self, requests: Sequence[Write]) -> WriteOutcomes:
        """Writes in their order; they are acknowledged as a whole."""
        ...


@runtime_checkable
class TabularPort(Protocol):
    """A port that adds entries that are alike by columns."""

    def start_adds(self, tables: Sequence[EntryTable]) -> Callable[[], WriteOutcomes]:
        """Adds in their order; what is started is on its way."""
        ...


@runtime_checkable
class VersionedPort(Protocol):
    """A port that can tell whether anything changed."""

    @property
    def version(self) -> object:
        """Equal to an earlier one as long as the directory is what it was then."""
        ...


@runtime_checkable
class PipeliningPort(Protocol):
    """A port that can have many requests on their way at once.

    What is started is on its way; calling what comes back waits for the answers.
    """

    def start_search(
        self, request: SearchRequest, controls: Sequence[Control] = ()
    ) -> Callable[[], SearchOutcome]:
        """One page."""
        ...

    def start_writes(self, requests: Sequence[Write]) -> Callable[[], WriteOutcomes]:
        """Writes in their order."""
        ...


def _pipelines(port: DirectoryPort) -> TypeGuard[PipeliningPort]:
    """``isinstance``, which looks at each method anew: hundreds of times in a run."""
    return _is_pipelining(type(port))


def _batches(port: DirectoryPort) -> TypeGuard[BatchingPort]:
    return _is_batching(type(port))


def _is_tabular(port: DirectoryPort) -> TypeGuard[TabularPort]:
    return _takes_tables(type(port))


KINDS_MAX = 64
"""Classes of ports remembered; there are a handful."""


@lru_cache(maxsize=KINDS_MAX)
def _is_pipelining(kind: type) -> bool:
    return issubclass(kind, PipeliningPort)


@lru_cache(maxsize=KINDS_MAX)
def _takes_tables(kind: type) -> bool:
    return issubclass(kind, TabularPort)


@lru_cache(maxsize=KINDS_MAX)
def _is_batching(kind: type) -> bool:
    return issubclass(kind, BatchingPort)


def write(port: DirectoryPort, request: Write, controls: Sequence[Control] = ()) -> None:
    """Execute one write, whichever it is."""
    match request:
        case AddRequest():
            port.add(request, controls)
        case ModifyRequest():
            port.modify(request, controls)
        case ModifyDnRequest():
            port.modify_dn(request, controls)
        case DeleteRequest():
            port.delete(request, controls)


def start_writes(port: DirectoryPort, requests: Sequence[Write]) -> Callable[[], WriteOutcomes]:
    """Execute writes in their order, as cheaply as the port can.

    Calling what comes back gives the outcomes; until then the caller may do something else.
    """
    if _pipelines(port):
        return port.start_writes(requests)
    if _batches(port):
        outcomes = port.write_all(requests)
    else:
        outcomes = [_refusal(port, request) for request in requests]
    return lambda: outcomes


def start_adds(port: DirectoryPort, tables: Sequence[EntryTable]) -> Callable[[], WriteOutcomes]:
    """``start_writes`` for adds of entries that are alike."""
    if _is_tabular(port):
        return port.start_adds(tables)
    return start_writes(port, [AddRequest(e) for table in tables for e in table.entries()])


def _refusal(port: DirectoryPort, request: Write) -> LdapError | None:
    try:
        write(port, request)
    except LdapError as error:
        return error
    return None


def write_all(port: DirectoryPort, requests: Sequence[Write]) -> WriteOutcomes:
    """The same, with the outcomes at once."""
    return start_writes(port, requests)()
