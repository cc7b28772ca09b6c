"""Controls as values (RFC 4511 section 4.1.11). ``wire.controls`` turns them into BER.

A control used in requests and responses alike is one class (PagedResults, DirSync). One that
is unknown is a value too: whether that is an error depends on its criticality.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar
from uuid import UUID

from directory.errors import ResultCode
from directory.model import oids
from directory.model.entry import Entry
from directory.model.filter import Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Any control; ``critical`` says whether the server must refuse what it does not know."""

    oid: ClassVar[str] = ""
    critical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownControl(Control):
    """A control this implementation has no value for."""

    type: str
    value: bytes | None = None


# sets of results: pages, order, lists ---------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedResults(Control):
    """RFC 2696. In a response ``size`` is the estimated total and an empty cookie ends the set."""

    oid: ClassVar[str] = oids.PAGED_RESULTS
    size: int
    cookie: bytes = b""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a sort: attribute, ordering rule (None: the attribute's own), direction."""

    name: str
    rule: str | None = None
    reverse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SortRequest(Control):
    """RFC 2891: sort the result by these keys, the first one first."""

    oid: ClassVar[str] = oids.SORT_REQUEST
    keys: tuple[SortKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SortResponse(Control):
    """RFC 2891 section 1.2: whether it was sorted, and which attribute was in the way."""

    oid: ClassVar[str] = oids.SORT_RESPONSE
    code: ResultCode = ResultCode.SUCCESS
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualListView(Control):
    """A window on a sorted list (draft-ietf-ldapext-ldapv3-vlv-09).

    The target is ``offset`` of ``content_count`` (both from 1; a count of 0 means the server's
    own), or the first entry at or after ``assertion`` when that is not None.
    """

    oid: ClassVar[str] = oids.VLV_REQUEST
    before: int
    after: int
    offset: int = 0
    content_count: int = 0
    assertion: bytes | None = None
    context_id: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualListViewResponse(Control):
    """Where the window ended up."""

    oid: ClassVar[str] = oids.VLV_RESPONSE
    target: int
    content_count: int
    code: ResultCode = ResultCode.SUCCESS
    context_id: bytes | None = None


# what is shown --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedValues(Control):
    """RFC 3876: only values that match one of these items are returned."""

    oid: ClassVar[str] = oids.MATCHED_VALUES
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subentries(Control):
    """RFC 3672: show subentries only (true) or normal entries only (false)."""

    oid: ClassVar[str] = oids.SUBENTRIES
    visible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ManageDsaIt(Control):
    """RFC 3296: treat referral objects as normal entries."""

    oid: ClassVar[str] = oids.MANAGE_DSA_IT


@dataclass(frozen=True, slots=True, kw_only=True)
class DontUseCopy(Control):
    """RFC 6171: answer from the original, never from a copy."""

    oid: ClassVar[str] = oids.DONT_USE_COPY


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDeleted(Control):
    """MS-ADTS 3.1.1.3.4.1.14: tombstones are visible."""

    oid: ClassVar[str] = oids.SHOW_DELETED


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRecycled(Control):
    """MS-ADTS 3.1.1.3.4.1.26: tombstones and recycled objects are visible."""

    oid: ClassVar[str] = oids.SHOW_RECYCLED


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDeactivatedLink(Control):
    """MS-ADTS 3.1.1.3.4.1.25: links to and from deleted objects are visible."""

    oid: ClassVar[str] = oids.SHOW_DEACTIVATED_LINK


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendedDn(Control):
    """MS-ADTS 3.1.1.3.4.1.5: names carry GUID and SID; option 0 in hexadecimal, 1 as text."""

    oid: ClassVar[str] = oids.EXTENDED_DN
    option: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SdFlags(Control):
    """MS-ADTS 3.1.1.3.4.1.11: which parts of a security descriptor are read or written."""

    oid: ClassVar[str] = oids.SD_FLAGS
    flags: int = 0xF


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainScope(Control):
    """MS-ADTS 3.1.1.3.4.1.4: no continuation references."""

    oid: ClassVar[str] = oids.DOMAIN_SCOPE


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions(Control):
    """MS-ADTS 3.1.1.3.4.1.12: 1 is domain scope, 2 a search across naming contexts."""

    oid: ClassVar[str] = oids.SEARCH_OPTIONS
    flags: int = 0

    DOMAIN_SCOPE: ClassVar[int] = 1
    PHANTOM_ROOT: ClassVar[int] = 2


# conditions and side results of updates -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion(Control):
    """RFC 4528: do it only if the entry matches."""

    oid: ClassVar[str] = oids.ASSERTION
    filter: Filter


@dataclass(frozen=True, slots=True, kw_only=True)
class PreRead(Control):
    """RFC 4527 section 3.1, request: return the entry as it was; no attributes means all user's."""

    oid: ClassVar[str] = oids.PRE_READ
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreReadEntry(Control):
    """RFC 4527 section 3.1, response."""

    oid: ClassVar[str] = oids.PRE_READ
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRead(Control):
    """RFC 4527 section 3.2, request: return the entry as it became."""

    oid: ClassVar[str] = oids.POST_READ
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostReadEntry(Control):
    """RFC 4527 section 3.2, response."""

    oid: ClassVar[str] = oids.POST_READ
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDelete(Control):
    """MS-ADTS 3.1.1.3.4.1.15: delete the whole subtree."""

    oid: ClassVar[str] = oids.TREE_DELETE


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissiveModify(Control):
    """MS-ADTS 3.1.1.3.4.1.8: adding what is there or deleting what is not is no error."""

    oid: ClassVar[str] = oids.PERMISSIVE_MODIFY


@dataclass(frozen=True, slots=True, kw_only=True)
class LazyCommit(Control):
    """MS-ADTS 3.1.1.3.4.1.7: the answer need not wait for the disk."""

    oid: ClassVar[str] = oids.LAZY_COMMIT


# following changes ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DirSync(Control):
    """MS-ADTS 3.1.1.3.4.1.3. In a response ``flags`` is non-zero when more results wait."""

    oid: ClassVar[str] = oids.DIR_SYNC
    flags: int = 0
    max_bytes: int = 0
    cookie: bytes = b""

    OBJECT_SECURITY: ClassVar[int] = 0x00000001
    ANCESTORS_FIRST_ORDER: ClassVar[int] = 0x00000800
    PUBLIC_DATA_ONLY: ClassVar[int] = 0x00002000
    INCREMENTAL_VALUES: ClassVar[int] = 0x80000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification(Control):
    """MS-ADTS 3.1.1.3.4.1.9: the search stays open and reports entries as they change."""

    oid: ClassVar[str] = oids.NOTIFICATION


class SyncMode(IntEnum):
    """RFC 4533 section 2.2."""

    REFRESH_ONLY = 1
    REFRESH_AND_PERSIST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest(Control):
    """RFC 4533 section 2.2: send what changed since the cookie, and perhaps go on."""

    oid: ClassVar[str] = oids.SYNC_REQUEST
    mode: SyncMode
    cookie: bytes | None = None
    reload_hint: bool = False


class SyncEntryState(IntEnum):
    """RFC 4533 section 2.3."""

    PRESENT = 0
    ADD = 1
    MODIFY = 2
    DELETE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncState(Control):
    """RFC 4533 section 2.3, with each entry: what happened to it and which entry it is."""

    oid: ClassVar[str] = oids.SYNC_STATE
    state: SyncEntryState
    entry_uuid: UUID
    cookie: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDone(Control):
    """RFC 4533 section 2.4, at the end of a refresh that does not persist."""

    oid: ClassVar[str] = oids.SYNC_DONE
    cookie: bytes | None = None
    refresh_deletes: bool = False
