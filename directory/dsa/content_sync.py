"""Content synchronization as provider (RFC 4533): refresh, and then persist.

A cookie is in OpenLDAP's words, ``rid=...,csn=...``, so that a slapd consumer takes it; the USN
is inside the CSN's count and is followed by our own ``,usn=...`` that slapd carries along. With
a usable cookie the refresh names changed and removed entries (delete phase); without one, or
with one from before what is remembered, everything is sent and what is present is named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from uuid import UUID

from directory.dsa.computed import csn, entry_uuid
from directory.dsa.context import Context
from directory.dsa.names import existing
from directory.dsa.request_controls import SearchControls
from directory.dsa.rewrite import rewrite
from directory.dsa.search import CLOCK_EVERY
from directory.dsa.session import Session
from directory.errors import LdapError, ResultCode
from directory.model.controls import (
    SyncDone,
    SyncEntryState,
    SyncMode,
    SyncRequest,
    SyncState,
)
from directory.model.encoded import EncodedEntry, search_result_entry
from directory.model.messages import (
    TURN,
    LdapResult,
    Reply,
    Scope,
    SearchRequest,
    SearchResultDone,
    SearchResultEntry,
    SyncInfo,
    SyncPhase,
)
from directory.store.entry import DELETED, StoredEntry
from directory.store.evaluate import Test, compile_filter
from directory.store.writer import Step

UUIDS_PER_MESSAGE = 1000
"""Identities in one syncIdSet: 18 KB, well below any client's message limit."""

_USN = re.compile(rb"usn=(\d{1,19})")
_RID = re.compile(rb"rid=(\d{1,3})")
_INVOCATION = re.compile(rb"inv=([0-9a-f]{8})")


class ContentSync:
    """One content synchronization search."""

    def __init__(
        self,
        context: Context,
        session: Session,
        request: SearchRequest,
        controls: SearchControls,
    ) -> None:
        assert controls.sync is not None
        self._context = context
        self._session = session
        self._request = request
        self._control: SyncRequest = controls.sync
        self._base = existing(context, request.base)
        self._wanted = rewrite(context, request.filter)
        self._test: Test = compile_filter(context.store, self._wanted)
        self._selection = context.selections.of(
            request.attributes, types_only=request.types_only, replicated=True
        )
        self._queue: list[Reply] | None = []
        rid = _RID.search(self._control.cookie or b"")
        self._rid = rid[1].decode() if rid else "000"

    # cookies ---------------------------------------------------------------------------------

    def _cookie(self) -> bytes:
        store = self._context.store
        mark = csn(store.last_at, store.committed_usn).decode()
        invocation = store.meta["invocationId"][:8]
        return f"rid={self._rid},csn={mark},usn={store.committed_usn},inv={invocation}".encode()

    def _since(self) -> int | None:
        """The USN of the client's cookie, or None when it cannot be continued from."""
        cookie = self._control.cookie or b""
        usn, invocation = _USN.search(cookie), _INVOCATION.search(cookie)
        store = self._context.store
        own = store.meta["invocationId"][:8].encode()
        if usn is None or (invocation is not None and invocation[1] != own):
            return self._since_csn(cookie)
        since = int(usn[1])
        known = store.log.removals_forgotten_to <= since <= store.committed_usn
        return since if known else None

    def _since_csn(self, cookie: bytes) -> int | None:
        """A consumer that kept only the CSN: its count holds the low bits of the USN."""
        match = re.search(rb"csn=(\d{14})\.\d{6}Z#([0-9a-f]{6})#", cookie)
        if match is None:
            return None
        low = int(match[2], 16)
        committed = self._context.store.committed_usn
        since = (committed & ~0xFFFFFF) | low
        if since > committed:
            since -= 1 << 24
        known = self._context.store.log.removals_forgotten_to <= since
        return since if since >= 0 and known else None

    # refresh ---------------------------------------------------------------------------------

    def run(self, message_id: int) -> Iterator[Reply]:
        """Replies of the refresh, and then the final response or an open search."""
        since = self._since()
        persist = self._control.mode is SyncMode.REFRESH_AND_PERSIST
        if self._control.cookie and since is None and not self._control.reload_hint and not persist:
            raise LdapError(ResultCode.SYNC_REFRESH_REQUIRED, "the cookie cannot be continued from")
        with self._context.store.lock:
            cookie = self._cookie()
            through = self._context.store.committed_usn
            if persist:
                self._persist(message_id)
            replies = self._everything() if since is None else self._changes(since, through)
        yield from replies
        phase = SyncPhase.PRESENT if since is None else SyncPhase.DELETE
        if persist:
            yield Reply(SyncInfo(cookie=cookie, phase=phase, refresh_done=True))
            while self._queue:  # what was committed while the refresh was being read
                yield self._queue.pop(0)
            self._queue = None
            return
        done = SyncDone(cookie=cookie, refresh_deletes=since is not None)
        yield Reply(SearchResultDone(LdapResult()), (done,))

    def _everything(self) -> Iterator[Reply]:
        store = self._context.store
        found, rest = store.collect(self._base, self._request.scope, self._wanted)
        chosen = sorted(found, key=lambda entry: len(entry.place.path))
        return self._shown(chosen, is_sure=rest is None)

    def _shown(self, chosen: Sequence[StoredEntry], *, is_sure: bool) -> Iterator[Reply]:
        takes_turns = self._session.takes_turns
        for at, entry in enumerate(chosen, 1):
            if takes_turns and not at % CLOCK_EVERY:
                yield TURN
            if (
                not entry.flags & DELETED
                and (is_sure or self._test(entry) is True)
                and self._may_read(entry)
            ):
                yield self._entry(entry, SyncEntryState.ADD)

    def _changes(self, since: int, through: int) -> Iterator[Reply]:
        store = self._context.store
        gone: list[UUID] = []
        kept: list[StoredEntry] = []
        for entry in store.changes_since(since):
            if self._fits(entry):
                kept.append(entry)
            elif entry.created <= since:
                gone.append(entry_uuid(entry))  # it left the content, if it was in it
        gone += [
            entry_uuid(removal.entry)
            for removal in store.log.removed_since(since, through)
            if removal.entry.created <= since
        ]
        kept.sort(key=lambda entry: len(entry.place.path))
        entries = [(e, SyncEntryState.ADD if e.created > since else SyncEntryState.MODIFY)
                   for e in kept]  # fmt: skip
        deletions = iter(gone)
        sets: list[Reply] = []
        while some := frozenset(islice(deletions, UUIDS_PER_MESSAGE)):
            info = SyncInfo(entry_uuids=some, refresh_deletes=True)
            sets.append(Reply(info))
        return iter([*sets, *(self._entry(entry, state) for entry, state in entries)])

    # persist ---------------------------------------------------------------------------------

    def _persist(self, message_id: int) -> None:
        self._context.persistent.start(self._session, message_id, self._committed)

    def _committed(self, steps: Sequence[Step]) -> list[Reply]:
        first: dict[int, Step] = {}
        last: dict[int, Step] = {}
        for step in steps:
            entry = step.new if step.new is not None else step.old
            assert entry is not None
            first.setdefault(entry.id, step)
            last[entry.id] = step
        replies: list[Reply] = []
        cookie = self._cookie()
        for id_, step in last.items():
            old, new = first[id_].old, step.new
            was = old is not None and self._fits(old)
            if new is not None and self._fits(new):
                state = SyncEntryState.MODIFY if was else SyncEntryState.ADD
                replies.append(self._entry(new, state, cookie))
            elif was and old is not None:
                replies.append(self._gone(old, cookie))
        if self._queue is not None:
            self._queue += replies
            return []
        return replies

    def _fits(self, entry: StoredEntry) -> bool:
        if entry.flags & DELETED:
            return False
        scope = self._request.scope
        if scope is Scope.BASE:
            inside = entry.id == self._base.id
        elif scope is Scope.ONE:
            inside = entry.place.parent == self._base.id
        else:
            inside = entry.within(self._base.id)
        return inside and self._test(entry) is True and self._may_read(entry)

    def _may_read(self, entry: StoredEntry) -> bool:
        return self._context.access.may_read(self._session.identity, entry)

    def _entry(
        self, entry: StoredEntry, state: SyncEntryState, cookie: bytes | None = None
    ) -> Reply:
        operation = self._selection.operation(entry)
        control = SyncState(state=state, entry_uuid=entry_uuid(entry), cookie=cookie)
        return Reply(SearchResultEntry(EncodedEntry(operation), operation), (control,))

    @staticmethod
    def _gone(entry: StoredEntry, cookie: bytes) -> Reply:
        operation = search_result_entry(entry.name, b"")
        control = SyncState(
            state=SyncEntryState.DELETE, entry_uuid=entry_uuid(entry), cookie=cookie
        )
        return Reply(SearchResultEntry(EncodedEntry(operation), operation), (control,))
