"""Where a job stands in its source: the server's cookie with what makes it safe to use again.

One cursor per job and naming context is kept as a value of ``msExchEdgeSyncCookies`` on the Edge's
object in ADAM. Its form is ours (edgesync-facts 4.2): JSON, so that any LDAP browser shows it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from directory.model.dn import DN
from edgesync.port.port import DirectoryIdentity

CURSOR_SIZE_MAX = 64 * 1024
"""Bytes of one stored cursor: AD's cookies grow by 24 bytes per domain controller."""


class FeedKind(StrEnum):
    """How a source tells what changed."""

    DIRSYNC = "dirsync"
    USN = "usn"
    CONTENT_SYNC = "content-sync"
    FULL = "full"


class RefreshReason(StrEnum):
    """Why an incremental run is not possible and everything is compared instead."""

    REQUESTED = "requested"
    NO_COOKIE = "no_cookie"
    COOKIE_EXPIRED = "cookie_expired"
    COOKIE_REFUSED = "cookie_refused"
    SOURCE_RESTORED = "source_restored"
    SOURCE_BEHIND = "source_behind"
    OTHER_SERVER = "other_server"
    FEED_CHANGED = "feed_changed"
    NO_CHANGE_TRACKING = "no_change_tracking"

    @property
    def sentence(self) -> str:
        """What it means to an operator."""
        return _SENTENCES[self]


_SENTENCES = {
    RefreshReason.REQUESTED: "a full run was asked for",
    RefreshReason.NO_COOKIE: "the first run of this job",
    RefreshReason.COOKIE_EXPIRED: "the cookie is older than CookieValidDuration",
    RefreshReason.COOKIE_REFUSED: "the source does not take the cookie back",
    RefreshReason.SOURCE_RESTORED: "the source was restored from a backup",
    RefreshReason.SOURCE_BEHIND: "the source has lost changes the cookie had seen",
    RefreshReason.OTHER_SERVER: "the cookie is another server's",
    RefreshReason.FEED_CHANGED: "the source tracks changes in another way than before",
    RefreshReason.NO_CHANGE_TRACKING: "the source does not say what changed",
}


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in one source's changes, good for one job."""

    job: str
    base: DN
    kind: FeedKind
    cookie: bytes
    invocation_id: UUID | None
    server: str
    issued_at: datetime
    highest_usn: int | None = None
    """The source's highest committed USN at that time; a lower one now means: rolled back."""

    @property
    def shown(self) -> str:
        """The position in reports."""
        if self.kind is FeedKind.USN:
            return f"usn {self.cookie.decode('ascii', 'replace')}"
        if self.kind is FeedKind.CONTENT_SYNC:
            return self.cookie.decode("utf-8", "replace")
        return base64.b64encode(self.cookie).decode("ascii")


def refresh_reason(
    cursor: Cursor | None,
    kind: FeedKind,
    identity: DirectoryIdentity,
    now: datetime,
    valid: timedelta,
) -> RefreshReason | None:
    """Why a cursor cannot be used with this source now; None when it can (edgesync-facts 4.2)."""
    if kind is FeedKind.FULL:
        return RefreshReason.NO_CHANGE_TRACKING
    if cursor is None:
        return RefreshReason.NO_COOKIE
    if cursor.kind is not kind:
        return RefreshReason.FEED_CHANGED
    if now - cursor.issued_at >= valid:
        return RefreshReason.COOKIE_EXPIRED
    if cursor.invocation_id != identity.invocation_id:
        same = cursor.server.casefold() == identity.dns_host_name.casefold()
        return RefreshReason.SOURCE_RESTORED if same else RefreshReason.OTHER_SERVER
    seen = int(cursor.cookie) if kind is FeedKind.USN else cursor.highest_usn
    if seen is not None and identity.highest_usn is not None and seen > identity.highest_usn:
        return RefreshReason.SOURCE_BEHIND
    return None


def encode_cursor(cursor: Cursor) -> bytes:
    """A cursor as one attribute value."""
    return json.dumps(
        {
            "job": cursor.job,
            "base": str(cursor.base),
            "kind": cursor.kind.value,
            "cookie": base64.b64encode(cursor.cookie).decode("ascii"),
            "invocationId": str(cursor.invocation_id) if cursor.invocation_id else None,
            "server": cursor.server,
            "issued": cursor.issued_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "usn": cursor.highest_usn,
        },
        separators=(",", ":"),
    ).encode()


def decode_cursor(value: bytes) -> Cursor:
    """A cursor from an attribute value.

    Raises:
        ValueError: the value is not one.
    """
    if len(value) > CURSOR_SIZE_MAX:
        raise ValueError(f"cursor larger than {CURSOR_SIZE_MAX} bytes")
    try:
        given = json.loads(value)
        kind = FeedKind(given["kind"])
        cookie = base64.b64decode(given["cookie"], validate=True)
        if kind is FeedKind.USN:
            int(cookie)
        return Cursor(
            str(given["job"]),
            DN.parse(given["base"]),
            kind,
            cookie,
            UUID(given["invocationId"]) if given["invocationId"] else None,
            str(given["server"]),
            datetime.fromisoformat(given["issued"]).astimezone(UTC),
            int(given["usn"]) if given.get("usn") is not None else None,
        )
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a cursor: {error!r}") from error


def readable_cursors(values: Iterable[bytes]) -> dict[tuple[str, DN], Cursor]:
    """The cursors among attribute values, by job and base; anything else is left out."""
    found: dict[tuple[str, DN], Cursor] = {}
    for value in values:
        try:
            cursor = decode_cursor(value)
        except ValueError:
            continue
        found[cursor.job, cursor.base] = cursor
    return found
