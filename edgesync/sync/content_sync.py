"""Change tracking by RFC 4533, as OpenLDAP offers it.

OpenLDAP's refreshOnly loses a change that commits behind a change with a higher CSN: the cookie
already names the higher one. A stored cookie is therefore set back by ``OVERLAP`` before it is
sent, so that late commits of that span come again. What comes twice is compared and found equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from directory.errors import LdapError, ResultCode
from directory.model.controls import SyncDone, SyncEntryState, SyncMode, SyncRequest, SyncState
from directory.model.dn import DN
from directory.model.filter import ANY_ENTRY
from directory.model.messages import Scope, SearchRequest, SyncPhase
from edgesync.errors import SourceRefused
from edgesync.port.port import SearchOutcome, read
from edgesync.sync.cursor import Cursor, FeedKind, RefreshReason
from edgesync.sync.feed import (
    FeedBase,
    FeedPage,
    RefreshRequired,
    SourceChange,
    naming_context,
)

OVERLAP = timedelta(seconds=60)
"""How far behind the newest change one may still commit unseen. OpenLDAP stamps the CSN before
it writes; a writer held up longer than this (a swapping server) needs a full run."""

_CSN = re.compile(r"(\d{14})\.(\d{6})Z(#[0-9a-f]{6}#[0-9a-f]{3}#[0-9a-f]{6})")


@dataclass(frozen=True, slots=True)
class ContentSyncFeed(FeedBase):
    """A content synchronization that refreshes and does not persist."""

    @property
    def kind(self) -> FeedKind:
        """RFC 4533."""
        return FeedKind.CONTENT_SYNC

    def position(self, now: datetime) -> Cursor:
        """``contextCSN`` of the naming context, which is what OpenLDAP's cookies are made of."""
        context = read(self.port, self._suffix(), ("contextCSN",))
        values = sorted(context.texts("contextCSN")) if context else []
        if not values:
            outcome = self._refresh(None)
            return self._after(outcome, now)
        cookie = f"rid=000,csn={';'.join(values)}"
        return self.cursor(FeedKind.CONTENT_SYNC, cookie.encode(), now)

    def read(self, cursor: Cursor, now: datetime) -> FeedPage | RefreshRequired:
        """One refresh."""
        try:
            outcome = self._refresh(set_back(cursor.cookie, not_before=self._oldest()))
        except LdapError as error:
            if error.code in {ResultCode.SYNC_REFRESH_REQUIRED, ResultCode.PROTOCOL_ERROR}:
                return RefreshRequired(RefreshReason.COOKIE_REFUSED)
            raise
        changes: dict[UUID, SourceChange] = {}
        present: set[UUID] = set()
        for entry, controls in zip(outcome.entries, outcome.entry_controls, strict=True):
            state = next((c for c in controls if isinstance(c, SyncState)), None)
            if state is None:
                raise SourceRefused(
                    f"{entry.dn} came without a sync state", "the source breaks RFC 4533"
                )
            if state.state is SyncEntryState.PRESENT:
                present.add(state.entry_uuid)
            else:
                gone = state.state is SyncEntryState.DELETE
                changes[state.entry_uuid] = SourceChange(state.entry_uuid, gone)
        for info in outcome.sync_info:
            for guid in info.entry_uuids or ():
                if info.refresh_deletes:
                    changes[guid] = SourceChange(guid, deleted=True)
                else:
                    present.add(guid)
        ordered = tuple(changes[guid] for guid in sorted(changes))
        names_deletes = _names_deletes(outcome)
        everything = None if names_deletes else frozenset(present | set(changes))
        if everything is not None and not everything:
            # An empty answer must not empty the target: look at what is really there.
            return RefreshRequired(RefreshReason.COOKIE_REFUSED)
        return FeedPage(ordered, self._after(outcome, now, cursor), present=everything)

    def _oldest(self) -> str:
        """A CSN the source has an entry for: OpenLDAP refuses cookies older than all its data."""
        top = read(self.port, self._suffix(), ("entryCSN",))
        return top.text("entryCSN") if top is not None else ""

    def _refresh(self, cookie: bytes | None) -> SearchOutcome:
        control = SyncRequest(critical=True, mode=SyncMode.REFRESH_ONLY, cookie=cookie)
        request = SearchRequest(self.base, Scope.SUBTREE, ANY_ENTRY, ("entryUUID",))
        return self.port.search(request, (control,))

    def _after(self, outcome: SearchOutcome, now: datetime, before: Cursor | None = None) -> Cursor:
        done = next((c for c in outcome.controls if isinstance(c, SyncDone)), None)
        newest = done.cookie if done else None
        for info in outcome.sync_info:
            newest = newest or info.cookie
        if newest is None and before is not None:
            newest = before.cookie
        return self.cursor(FeedKind.CONTENT_SYNC, newest or b"", now)

    def _suffix(self) -> DN:
        return naming_context(self.identity, self.base)


def _names_deletes(outcome: SearchOutcome) -> bool:
    """Whether what went was named (delete phase); else only what is left was (present phase)."""
    phases = [info.phase for info in outcome.sync_info if info.phase is not None]
    done = next((c for c in outcome.controls if isinstance(c, SyncDone)), None)
    if done is not None and done.refresh_deletes:
        return True
    return SyncPhase.DELETE in phases and SyncPhase.PRESENT not in phases


def set_back(cookie: bytes, by: timedelta = OVERLAP, *, not_before: str = "") -> bytes:
    """An OpenLDAP cookie with every CSN earlier by a span, but not before a given CSN.

    Another server's cookie comes back as it is.
    """

    def earlier(match: re.Match[str]) -> str:
        stamp = datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC) - by
        wanted = f"{stamp:%Y%m%d%H%M%S}.{match[2]}Z"
        floor = not_before.partition("#")[0]
        return min(max(wanted, floor), f"{match[1]}.{match[2]}Z") + match[3]

    return _CSN.sub(earlier, cookie.decode("utf-8", "surrogateescape")).encode(
        "utf-8", "surrogateescape"
    )
