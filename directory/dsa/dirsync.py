"""DirSync (MS-ADTS 3.1.1.3.4.1.3): what changed in a naming context since a cookie.

A poll costs what changed: the change log is read from the cookie's USN on. The cookie is all the
state there is; it names the directory's invocation, so that another directory's is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from directory.dsa import content
from directory.dsa import refusals as r
from directory.dsa.context import Context
from directory.dsa.names import existing
from directory.dsa.request_controls import SearchControls
from directory.dsa.rewrite import rewrite
from directory.dsa.search import CLOCK_EVERY
from directory.dsa.session import Session
from directory.errors import ResultCode
from directory.model import ber
from directory.model.controls import DirSync
from directory.model.encoded import EncodedEntry, search_result_entry
from directory.model.filter import ANY_ENTRY, Not
from directory.model.messages import (
    TURN,
    LdapResult,
    Reply,
    SearchRequest,
    SearchResultDone,
    SearchResultEntry,
)
from directory.model.names import AttributeName
from directory.store.entry import Place, StoredEntry
from directory.store.evaluate import compile_filter
from directory.store.writer import NAME

BYTES_MAX = 1_048_576
"""Octets of one answer where the client sets no limit of its own: AD's default of 1 MiB."""

NOTHING = Not(ANY_ENTRY)
"""The filter that no entry matches."""

MORE = 1
"""Response flag: more results wait (the sheet calls it MoreResults)."""

_COOKIE = struct.Struct("<4s16sQQHQ")
_MAGIC = b"EDS1"


@dataclass(frozen=True, slots=True)
class Cookie:
    """Everything up to ``since`` was shown, and what follows up to a position.

    The position (``depth``, ``usn``) lies in the window that ends with ``through``.
    """

    invocation: bytes
    since: int = 0
    through: int = 0
    depth: int = 0
    usn: int = 0

    def encode(self) -> bytes:
        """The octets a client keeps."""
        return _COOKIE.pack(_MAGIC, self.invocation, self.since, self.through, self.depth, self.usn)

    @classmethod
    def decode(cls, value: bytes, context: Context) -> Cookie:
        """Read a client's octets; none at all mean from the start.

        Raises:
            LdapError: unwillingToPerform for octets that are none of this directory's.
        """
        invocation = UUID(context.store.meta["invocationId"]).bytes_le
        if not value:
            return cls(invocation)
        if len(value) != _COOKIE.size:
            raise r.refusal(context, r.UNWILLING, reason="not a DirSync cookie of this directory")
        magic, own, since, through, depth, usn = _COOKIE.unpack(value)
        if magic != _MAGIC or own != invocation:
            raise r.refusal(context, r.UNWILLING, reason="the cookie is of another directory")
        if since > context.store.committed_usn:
            raise r.refusal(context, r.UNWILLING, reason="the cookie is ahead of this directory")
        return cls(own, since, through, depth, usn)


def dir_sync(
    context: Context, session: Session, request: SearchRequest, controls: SearchControls
) -> Iterator[Reply]:
    """Changed entries with their changed attributes, then the final response with a cookie."""
    control = controls.dir_sync
    assert control is not None
    base = existing(context, request.base)
    if base.dn not in context.configuration.all_contexts:
        raise r.refusal(context, r.UNWILLING, reason="DirSync starts at a naming context")
    object_security = bool(control.flags & DirSync.OBJECT_SECURITY)
    if not session.identity.is_administrator and not object_security:
        raise r.refusal(context, r.NO_ACCESS, reason="replicating changes is for administrators")
    cookie = Cookie.decode(control.cookie, context)
    if cookie.through == 0:
        cookie = replace(cookie, through=context.store.committed_usn)
    if request.filter == NOTHING:  # a client that wants only the cookie of where we are
        yield _done(Cookie(cookie.invocation, since=cookie.through), 0)
        return
    changed = _changed(context, base, cookie, control)
    answer = _Answer(context, request, cookie.since, control)
    test = compile_filter(context.store, rewrite(context, request.filter))
    room = control.max_bytes if 0 < control.max_bytes < BYTES_MAX else BYTES_MAX
    for at, entry in enumerate(changed):
        if session.takes_turns and at % CLOCK_EVERY == CLOCK_EVERY - 1:
            yield TURN
        if test(entry) is not True or not (
            session.identity.is_administrator or context.access.may_read(session.identity, entry)
        ):
            continue
        operation = answer.operation(entry)
        if operation is None:
            continue
        yield Reply(SearchResultEntry(EncodedEntry(operation), operation))
        room -= len(operation)
        if room <= 0 and at + 1 < len(changed):
            depth = _depth(entry, control)
            yield _done(replace(cookie, depth=depth, usn=entry.changed), MORE)
            return
    yield _done(Cookie(cookie.invocation, since=cookie.through), 0)


def _done(cookie: Cookie, flags: int) -> Reply:
    control = DirSync(flags=flags, cookie=cookie.encode())
    return Reply(SearchResultDone(LdapResult(ResultCode.SUCCESS)), (control,))


def _depth(entry: StoredEntry, control: DirSync) -> int:
    """Where the order of the answer puts an entry: superiors first, if that is asked for."""
    return len(entry.place.path) if control.flags & DirSync.ANCESTORS_FIRST_ORDER else 0


def _changed(
    context: Context, base: StoredEntry, cookie: Cookie, control: DirSync
) -> list[StoredEntry]:
    """Entries of the naming context changed within the cookie's window, not yet shown.

    One turn for all of them: 30 ms for 100,000 at the first poll, what changed at later ones.
    """
    store = context.store
    inner = [store.find(dn) for dn in context.configuration.all_contexts if dn.is_under(base.dn)]
    others = {other.id for other in inner if other is not None}
    below: dict[Place, bool] = {}
    """Whether who hangs there is in the naming context; places are shared by siblings."""
    is_by_usn = not control.flags & DirSync.ANCESTORS_FIRST_ORDER
    found: list[StoredEntry] = []
    with store.lock:
        # a change after the window was opened comes with the next cookie
        goes_on = is_by_usn and not cookie.depth
        since = max(cookie.since, cookie.usn) if goes_on else cookie.since
        for entry in store.changes_since(since):
            place = entry.place
            is_below = below.get(place)
            if is_below is None:
                is_below = below[place] = base.id in place.path and others.isdisjoint(place.path)
            if (is_below or entry.id == base.id) and entry.id not in others:
                found.append(entry)
    if is_by_usn:
        return found  # as the log has them
    position = (cookie.depth, cookie.usn)
    waiting = [e for e in found if (_depth(e, control), e.changed) > position]
    waiting.sort(key=lambda entry: (_depth(entry, control), entry.changed))
    return waiting


class _Answer:
    """Makes the entries of one answer: attributes that changed, removed ones without values."""

    def __init__(
        self, context: Context, request: SearchRequest, since: int, control: DirSync
    ) -> None:
        incremental = control.flags & DirSync.INCREMENTAL_VALUES
        self._links = context.store.profile.links if incremental else {}
        self._context = context
        self._since = since
        self._types_only = request.types_only
        names = {context.schema.canonical(name) for name in request.attributes}
        self._names = None if not names or "*" in names else names

    def _wanted(self, name: str) -> bool:
        base = name.partition(";")[0]
        if base in self._context.store.unsearchable:
            return False
        return self._names is None or base in self._names

    def operation(self, entry: StoredEntry) -> bytes | None:
        """The finished entry, or None when nothing that was asked for changed."""
        since = self._since
        is_new = entry.created > since
        renamed = is_new or entry.stamp(NAME) > since
        naming = entry.key.partition("=")[0]
        parts: list[bytes] = []
        for name, blob in zip(entry.shape.names, entry.blobs, strict=True):
            # the RDN attribute travels as the name
            if name == naming or not self._wanted(name):
                continue
            if name in self._links and entry.stamp(name) > since:
                parts += self._link_values(entry, name)
            elif is_new or entry.stamp(name) > since:
                parts.append(blob)
        if not is_new:
            parts += self._removed(entry, naming)
        if not parts and not renamed and not entry.is_deleted:
            return None
        parts += self._computed(entry, is_new=is_new, renamed=renamed)
        return search_result_entry(entry.name, b"".join(parts))

    def _link_values(self, entry: StoredEntry, name: AttributeName) -> Iterator[bytes]:
        """Links that came (``;range=1-1``) and that went (``;range=0-0``) since the cookie."""
        before = self._context.store.as_of(entry, self._since)
        attribute = content.attribute_of(self._context, name)
        old = before.values(name) if before is not None else ()
        new = entry.values(name)
        old_keys, new_keys = content.keys(attribute, old), content.keys(attribute, new)
        came = tuple(v for k, v in zip(new_keys, new, strict=True) if k not in set(old_keys))
        went = tuple(v for k, v in zip(old_keys, old, strict=True) if k not in set(new_keys))
        for option, values in ((";range=1-1", came), (";range=0-0", went)):
            if values:
                yield ber.attribute((attribute.spelling + option).encode(), values)

    def _removed(self, entry: StoredEntry, naming: str) -> Iterator[bytes]:
        for name, usn in (entry.stamps or {}).items():
            gone = usn > self._since and not entry.has(name) and name not in {NAME, naming}
            if gone and self._wanted(name) and name in self._links:
                yield from self._link_values(entry, name)
            elif gone and self._wanted(name):
                spelling = self._context.schema.spelling(AttributeName(name))
                yield ber.attribute(spelling.encode(), ())

    def _computed(self, entry: StoredEntry, *, is_new: bool, renamed: bool) -> Iterator[bytes]:
        computed = self._context.store.computed
        schema = self._context.schema
        always = ["objectguid", "instancetype"]
        if entry.is_deleted:
            always.append("isdeleted")
        asked = [n for n in ("name", "parentguid") if renamed]
        asked += [n for n in ("whencreated", "objectcategory") if is_new]
        for name in (*always, *(n for n in asked if self._wanted(n))):
            values = computed[name].values(self._context.store, entry)
            if values:
                yield ber.attribute(schema.spelling(AttributeName(name)).encode(), values)
