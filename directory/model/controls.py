"""Controls as values (RFC 4511 section 4.1.11). ``wire.controls`` turns them into BER.

A control used in requests and responses alike is one class (PagedResults, DirSync). One that
is unknown is a value too: whether that is an error depends on its criticality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedResults(Control):
    """RFC 2696. In a response ``size`` is the estimated total and an empty cookie ends the set."""

    oid: ClassVar[str] = "1.2.840.113556.1.4.319"
    size: int
    cookie: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirSync(Control):
    """MS-ADTS 3.1.1.3.4.1.3. In a response ``flags`` is non-zero when more results wait."""

    oid: ClassVar[str] = "1.2.840.113556.1.4.841"
    flags: int = 0
    max_bytes: int = 0
    cookie: bytes = b""

    OBJECT_SECURITY: ClassVar[int] = 0x00000001
    ANCESTORS_FIRST_ORDER: ClassVar[int] = 0x00000800
    PUBLIC_DATA_ONLY: ClassVar[int] = 0x00002000
    INCREMENTAL_VALUES: ClassVar[int] = 0x80000000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowDeleted(Control):
    """MS-ADTS 3.1.1.3.4.1.14: tombstones are visible."""

    oid: ClassVar[str] = "1.2.840.113556.1.4.417"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDelete(Control):
    """MS-ADTS 3.1.1.3.4.1.15: delete the whole subtree."""

    oid: ClassVar[str] = "1.2.840.113556.1.4.805"


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissiveModify(Control):
    """MS-ADTS 3.1.1.3.4.1.8: adding what is there or deleting what is not is no error."""

    oid: ClassVar[str] = "1.2.840.113556.1.4.1413"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManageDsaIt(Control):
    """RFC 3296: treat referral objects as normal entries."""

    oid: ClassVar[str] = "2.16.840.1.113730.3.4.2"
