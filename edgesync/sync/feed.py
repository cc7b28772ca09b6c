"""What changed in a source since a cursor; how, depends on what the source's rootDSE offers.

A feed only says *which* objects to look at; the engine then reads their present state. A change
reported twice, or late, therefore does no harm; only one never reported would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from directory.errors import LdapError, ResultCode
from directory.model.controls import DirSync, ShowDeleted
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import ANY_ENTRY, Filter, GreaterOrEqual, Not
from directory.model.messages import Scope, SearchRequest
from edgesync.errors import SourceRefused
from edgesync.port.port import DirectoryIdentity, DirectoryPort, iterate
from edgesync.sync.cursor import Cursor, FeedKind, RefreshReason

DIRSYNC_BYTES_MAX = 1 << 20
"""Most bytes of one DirSync answer: AD's own limit for callers that ask for more."""

DIRSYNC_PAGES_MAX = 100_000
"""Most answers of one DirSync walk; a source that always has more is broken."""

CHANGES_PER_PAGE = 1000
"""Changes handed on at once by feeds that have no pages of their own."""

NOTHING: Filter = Not(ANY_ENTRY)
"""Matches no entry: a DirSync walk that only fetches the cookie."""

_REFUSED_COOKIE = frozenset(
    {
        ResultCode.UNWILLING_TO_PERFORM,
        ResultCode.PROTOCOL_ERROR,
        ResultCode.SYNC_REFRESH_REQUIRED,
        ResultCode.CONSTRAINT_VIOLATION,
    }
)


@dataclass(frozen=True, slots=True)
class SourceChange:
    """An object to look at again; ``deleted`` when the source already says it is gone."""

    guid: UUID
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Some changes and the cursor that stands behind them.

    ``present`` is given by sources that name what is left instead of what went (RFC 4533's
    present phase): every object of the base that is neither there nor among the changes is gone.
    """

    changes: tuple[SourceChange, ...]
    cursor: Cursor
    more: bool = False
    present: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class RefreshRequired:
    """The cursor is of no use; compare everything."""

    reason: RefreshReason


class Feed(Protocol):
    """Change tracking of one source, below one base, for one job."""

    @property
    def base(self) -> DN:
        """Where it looks; cursors bear it."""
        ...

    @property
    def kind(self) -> FeedKind:
        """How the source tells."""
        ...

    def position(self, now: datetime) -> Cursor:
        """Where the source stands; asked before a full comparison starts, so nothing is lost."""
        ...

    def read(self, cursor: Cursor, now: datetime) -> FeedPage | RefreshRequired:
        """What changed since."""
        ...


@dataclass(frozen=True, slots=True)
class FeedBase:
    """What every feed knows of its source."""

    port: DirectoryPort
    identity: DirectoryIdentity
    job: str
    base: DN
    watched: tuple[str, ...]
    """Attributes that matter; changes of others need not be reported."""

    def cursor(self, kind: FeedKind, cookie: bytes, now: datetime) -> Cursor:
        """A cursor of this job and source."""
        identity = self.identity
        return Cursor(
            self.job, self.base, kind, cookie, identity.invocation_id, identity.dns_host_name, now,
            identity.highest_usn,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DirSyncFeed(FeedBase):
    """AD's own change tracking (MS-ADTS 3.1.1.3.4.1.3)."""

    @property
    def kind(self) -> FeedKind:
        """DirSync."""
        return FeedKind.DIRSYNC

    def position(self, now: datetime) -> Cursor:
        """Walk to the end with a filter that matches nothing: only the cookie comes back."""
        cookie = b""
        for _ in range(DIRSYNC_PAGES_MAX):
            _, control = self._search(NOTHING, cookie)
            cookie = control.cookie
            if not control.flags:
                return self.cursor(FeedKind.DIRSYNC, cookie, now)
        raise SourceRefused(
            f"DirSync on {self.base} did not end after {DIRSYNC_PAGES_MAX} answers",
            "look at the source's log",
        )

    def read(self, cursor: Cursor, now: datetime) -> FeedPage | RefreshRequired:
        """One answer's worth."""
        try:
            entries, control = self._search(ANY_ENTRY, cursor.cookie)
        except LdapError as error:
            if error.code in _REFUSED_COOKIE:
                return RefreshRequired(RefreshReason.COOKIE_REFUSED)
            raise
        changes = tuple(
            SourceChange(guid, entry.boolean("isDeleted"))
            for entry in entries
            if (guid := entry.guid("objectGUID")) is not None
        )
        after = self.cursor(FeedKind.DIRSYNC, control.cookie, now)
        return FeedPage(changes, after, more=control.flags != 0)

    def _search(self, filter_: Filter, cookie: bytes) -> tuple[tuple[Entry, ...], DirSync]:
        request = SearchRequest(
            self.base, Scope.SUBTREE, filter_,
            ("objectGUID", "isDeleted", "name", "parentGUID", *self.watched),
        )  # fmt: skip
        asked = DirSync(critical=True, max_bytes=DIRSYNC_BYTES_MAX, cookie=cookie)
        outcome = self.port.search(request, (asked,))
        for control in outcome.controls:
            if isinstance(control, DirSync):
                return outcome.entries, control
        raise SourceRefused(
            f"the source answered a DirSync search of {self.base} without the control",
            "the account may lack the right to replicate directory changes",
        )


@dataclass(frozen=True, slots=True)
class UsnFeed(FeedBase):
    """``uSNChanged``, where DirSync is missing: every object carries its last update number."""

    @property
    def kind(self) -> FeedKind:
        """USN."""
        return FeedKind.USN

    def position(self, now: datetime) -> Cursor:
        """The highest committed USN."""
        return self.cursor(FeedKind.USN, str(self.identity.highest_usn or 0).encode(), now)

    def read(self, cursor: Cursor, now: datetime) -> FeedPage | RefreshRequired:
        """Everything above the cursor; the new one was read before the search."""
        after = self.position(now)
        if after.cookie == cursor.cookie:
            return FeedPage((), after)
        filter_ = GreaterOrEqual("uSNChanged", str(int(cursor.cookie) + 1).encode())
        request = SearchRequest(self.base, Scope.SUBTREE, filter_, ("objectGUID", "isDeleted"))
        controls: tuple[ShowDeleted, ...] = ()
        if ShowDeleted.oid in self.identity.supported_controls:
            controls = (ShowDeleted(critical=True),)
        changes = tuple(
            SourceChange(guid, entry.boolean("isDeleted"))
            for entry in iterate(self.port, request, controls)
            if (guid := entry.guid("objectGUID")) is not None
        )
        return FeedPage(changes, after)


@dataclass(frozen=True, slots=True)
class FullFeed(FeedBase):
    """A source without change tracking: every run compares everything (mark and sweep)."""

    @property
    def kind(self) -> FeedKind:
        """None at all."""
        return FeedKind.FULL

    def position(self, now: datetime) -> Cursor:
        """A cursor that says only when it was."""
        return self.cursor(FeedKind.FULL, b"", now)

    def read(self, cursor: Cursor, now: datetime) -> FeedPage | RefreshRequired:  # noqa: ARG002
        """Never anything."""
        return RefreshRequired(RefreshReason.NO_CHANGE_TRACKING)


def naming_context(identity: DirectoryIdentity, base: DN) -> DN:
    """The naming context a base lies in: DirSync takes no other base; itself when none is named."""
    within = [context for context in identity.naming_contexts if base.is_within(context)]
    return max(within, key=lambda context: len(context.rdns), default=base)


def in_pages(changes: tuple[SourceChange, ...]) -> Iterator[tuple[SourceChange, ...]]:
    """Changes in handy portions, each object once and in a stable order."""
    unique = {change.guid: change for change in changes}
    ordered = [unique[guid] for guid in sorted(unique)]
    for start in range(0, len(ordered), CHANGES_PER_PAGE):
        yield tuple(ordered[start : start + CHANGES_PER_PAGE])
