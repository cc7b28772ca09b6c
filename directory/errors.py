"""Everything that can go wrong in the directory, as one tree.

DirectoryError
├─ LdapError(code, matched_dn, diagnostic)   a refusal the protocol can express
├─ ParseError(text, offset, reason)          bad DN, filter, LDIF or schema text
├─ DecodeError(offset, path, reason)         bad BER
├─ ProtocolError                             LocalProtocolError | RemoteProtocolError
└─ JournalError                              JournalCorrupt | JournalTooNew | JournalLocked
"""

from __future__ import annotations

from enum import IntEnum


class ResultCode(IntEnum):
    """LDAP result codes (RFC 4511 appendix A.1; RFC 3909 and 4533 for the late ones)."""

    SUCCESS = 0
    OPERATIONS_ERROR = 1
    PROTOCOL_ERROR = 2
    TIME_LIMIT_EXCEEDED = 3
    SIZE_LIMIT_EXCEEDED = 4
    COMPARE_FALSE = 5
    COMPARE_TRUE = 6
    AUTH_METHOD_NOT_SUPPORTED = 7
    STRONGER_AUTH_REQUIRED = 8
    REFERRAL = 10
    ADMIN_LIMIT_EXCEEDED = 11
    UNAVAILABLE_CRITICAL_EXTENSION = 12
    CONFIDENTIALITY_REQUIRED = 13
    SASL_BIND_IN_PROGRESS = 14
    NO_SUCH_ATTRIBUTE = 16
    UNDEFINED_ATTRIBUTE_TYPE = 17
    INAPPROPRIATE_MATCHING = 18
    CONSTRAINT_VIOLATION = 19
    ATTRIBUTE_OR_VALUE_EXISTS = 20
    INVALID_ATTRIBUTE_SYNTAX = 21
    NO_SUCH_OBJECT = 32
    ALIAS_PROBLEM = 33
    INVALID_DN_SYNTAX = 34
    ALIAS_DEREFERENCING_PROBLEM = 36
    INAPPROPRIATE_AUTHENTICATION = 48
    INVALID_CREDENTIALS = 49
    INSUFFICIENT_ACCESS_RIGHTS = 50
    BUSY = 51
    UNAVAILABLE = 52
    UNWILLING_TO_PERFORM = 53
    LOOP_DETECT = 54
    SORT_CONTROL_MISSING = 60
    OFFSET_RANGE_ERROR = 61
    NAMING_VIOLATION = 64
    OBJECT_CLASS_VIOLATION = 65
    NOT_ALLOWED_ON_NON_LEAF = 66
    NOT_ALLOWED_ON_RDN = 67
    ENTRY_ALREADY_EXISTS = 68
    OBJECT_CLASS_MODS_PROHIBITED = 69
    AFFECTS_MULTIPLE_DSAS = 71
    VIRTUAL_LIST_VIEW_ERROR = 76
    OTHER = 80
    CANCELED = 118
    NO_SUCH_OPERATION = 119
    TOO_LATE = 120
    CANNOT_CANCEL = 121
    ASSERTION_FAILED = 122
    SYNC_REFRESH_REQUIRED = 4096

    @property
    def rfc_name(self) -> str:
        """The code in the RFC's spelling: ``noSuchObject``."""
        first, *rest = self.name.lower().split("_")
        name = first + "".join(word.capitalize() for word in rest)
        return name.replace("Dn", "DN").replace("Rdn", "RDN")


class DirectoryError(Exception):
    """Anything the directory can raise."""


class LdapError(DirectoryError):
    """A refusal that the protocol can express: code, how far the name matched, what to read."""

    def __init__(
        self,
        code: ResultCode,
        diagnostic: str = "",
        *,
        matched_dn: str = "",
        referrals: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{code.rfc_name}: {diagnostic}" if diagnostic else code.rfc_name)
        self.code = code
        self.diagnostic = diagnostic
        self.matched_dn = matched_dn
        self.referrals = referrals


class ParseError(DirectoryError, ValueError):
    """Text that is not what it should be; says where and why."""

    def __init__(self, text: str, offset: int, reason: str) -> None:
        shown = text if len(text) <= 200 else text[:200] + "…"
        super().__init__(f"{reason} at offset {offset} in {shown!r}")
        self.text = text
        self.offset = offset
        self.reason = reason


class InvalidDN(ParseError):
    """Not an RFC 4514 distinguished name."""


class InvalidFilter(ParseError):
    """Not an RFC 4515 search filter."""


class InvalidSchema(ParseError):
    """Not an RFC 4512 schema definition."""


class InvalidLdif(ParseError):
    """Not RFC 2849 LDIF; ``line`` counts from 1."""

    def __init__(self, text: str, line: int, reason: str) -> None:
        super().__init__(text, 0, f"line {line}: {reason}")
        self.line = line


class DecodeError(DirectoryError, ValueError):
    """Bytes that are not the BER they should be: offset, path into the message, reason."""

    def __init__(self, offset: int, path: str, reason: str) -> None:
        super().__init__(f"{path or 'LDAPMessage'}: {reason} (offset {offset})")
        self.offset = offset
        self.path = path
        self.reason = reason


class ProtocolError(DirectoryError):
    """The rules of the protocol were broken; raise one of the two leaves."""


class LocalProtocolError(ProtocolError):
    """Our side tried something the protocol does not allow in this state."""


class RemoteProtocolError(ProtocolError):
    """The peer did; ``reply`` is the result to send before closing, if any."""

    def __init__(self, message: str, reply: ResultCode | None = None) -> None:
        super().__init__(message)
        self.reply = reply


class JournalError(DirectoryError):
    """The journal could not be read or written; ``hint`` names the way out."""

    hint = "see whether its disk is full or read-only; what was acknowledged is kept"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint


class JournalCorrupt(JournalError):
    """The journal does not agree with itself."""

    hint = "restore a snapshot or a copy; docs/recovery.md says how to save what can be read"


class JournalTooNew(JournalError):
    """The journal was written by a later version."""

    hint = "use the version that wrote it, or a later one; the file was not touched"


class JournalLocked(JournalError):
    """Another process holds the journal."""

    hint = "stop the other process, or work through it"
