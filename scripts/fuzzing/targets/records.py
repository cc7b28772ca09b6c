"""What EdgeSync keeps in attributes that others may write: leases, cursors, credentials."""

from __future__ import annotations

from edgesync.subscription.credentials import decode_record, encode_record
from edgesync.sync.cursor import decode_cursor, encode_cursor
from edgesync.sync.lease import format_lease, parse_lease
from edgesync.sync.status import format_status, parse_status
from scripts.fuzzing.target import Target, promise


def run_lease(data: bytes) -> None:
    """Read a lease; written and read again it is the same."""
    lease = parse_lease(format_lease(parse_lease(data)))  # which is in whole seconds
    promise(parse_lease(format_lease(lease)) == lease, "another lease")


def run_status(data: bytes) -> None:
    """Read a job's status; written and read again it is the same."""
    status = parse_status(format_status(parse_status(data)))
    promise(parse_status(format_status(status)) == status, "another status")


def run_cursor(data: bytes) -> None:
    """Read a cursor; written and read again it is the same."""
    cursor = decode_cursor(encode_cursor(decode_cursor(data)))
    promise(decode_cursor(encode_cursor(cursor)) == cursor, "another cursor")


def run_credential(data: bytes) -> None:
    """Read a credential record; written and read again it is the same."""
    record = decode_record(encode_record(decode_record(data)))
    promise(decode_record(encode_record(record)) == record, "another record")


_LEASE = (
    b"kind=lock;holder=HUB01;expires=2026-11-02T08:06:00Z;option=2026-11-02T08:30:00Z;"
    b"generation=3;sequence=7"
)
_STATUS = (
    b"job=recipients;result=success;hub=HUB01;at=2026-11-02T08:00:00Z;synchronized=never;"
    b"failures=0;detail="
)
_CURSOR = (
    b'{"job":"recipients","base":"DC=contoso,DC=test","kind":"dirsync","cookie":"QUJD",'
    b'"invocationId":"11111111-2222-4333-8444-555555555555","server":"dc01",'
    b'"issued":"2026-11-02T08:00:00Z","usn":7}'
)
_CREDENTIAL = (
    b'{"TargetServerFQDN":"edge01.contoso.test","SourceServerFQDN":"hub01.contoso.test",'
    b'"EffectiveTime":"2026-11-02T08:00:00Z","ExpirationTime":"2026-12-02T08:00:00Z",'
    b'"UserName":"cn=ESRA.EDGE01.HUB01.0","Password":"QUJD"}'
)
_TIMES = (
    b"0001-01-01T00:00:00+14:00",
    b"9999-12-31T23:59:59-14:00",
    b"1e400",
    b"null",
    b"Infinity",
)

LEASE = Target(
    "lease", "a lease in ADAM", "written and read again it is the same",
    run_lease, (ValueError,), lambda: (_LEASE,), words=(*_TIMES, b"kind=", b";", b"option"),
    size_max=256,
)  # fmt: skip
STATUS = Target(
    "sync-status", "a job's status in ADAM", "written and read again it is the same",
    run_status, (ValueError,), lambda: (_STATUS,), words=(*_TIMES, b"never", b";"), size_max=256,
)  # fmt: skip
CURSOR = Target(
    "sync-cursor", "a job's cookie in AD or ADAM (JSON)", "written and read again it is the same",
    run_cursor, (ValueError,), lambda: (_CURSOR,), words=(*_TIMES, b'"kind":"usn"', b'"usn":'),
    size_max=512,
)  # fmt: skip
CREDENTIAL = Target(
    "credential", "a credential record in AD (JSON)", "written and read again it is the same",
    run_credential, (ValueError,), lambda: (_CREDENTIAL,), words=_TIMES, size_max=512,
)  # fmt: skip

TARGETS = (LEASE, STATUS, CURSOR, CREDENTIAL)
