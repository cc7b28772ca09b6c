"""What can go wrong above the directory, each with a hint and the exit code of the contract.

EdgeSyncError(message, hint, exit_code, code)
├─ UsageError                 2   wrong words
├─ ConfigurationError         2   a setting that cannot be
├─ NoSuchThing                4   server, entry, certificate, scenario, lab
├─ Unreachable                5   a peer that could not be reached, or refused before the question
│  └─ PortUnavailable             a directory; the only error worth retrying
├─ RefusedByRule              6   lease held, bootstrap expired, delete threshold, existing file
├─ PartlyDone                 7   some entries failed, the cookie was kept
├─ CertificateError           1   KeyUnavailable · CertificateUnreadable
├─ SubscriptionError          1   SubscriptionFileInvalid · CredentialUndecryptable
├─ SyncError                  1   LeaseLost · SourceRefused · TargetRefused
├─ LabError                   1   LabInUse · LabCorrupt
├─ DiskRefused                1   full, read-only or failing
└─ InputInvalid               1   a file that is not what it should be (names line or element)
"""

from __future__ import annotations

import errno
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code means (contract section 2)."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NO = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    REFUSED = 6
    PARTLY = 7
    INTERRUPTED = 130


class EdgeSyncError(Exception):
    """An error a person can act on: what happened, what to do, how the command ends."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def code(self) -> str:
        """The error's stable word in JSON: its class name in snake case."""
        name = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class UsageError(EdgeSyncError):
    """The words of the command do not fit."""

    exit_code = ExitCode.USAGE


class ConfigurationError(EdgeSyncError):
    """A setting that cannot be, or two that exclude each other."""

    exit_code = ExitCode.USAGE


class NoSuchThing(EdgeSyncError):
    """The server, entry, certificate, scenario or lab that was named does not exist."""

    exit_code = ExitCode.NOT_FOUND


class Unreachable(EdgeSyncError):
    """A peer could not be reached, or refused before the question could be asked."""

    exit_code = ExitCode.UNREACHABLE


class PortUnavailable(Unreachable):
    """A directory did not answer; trying again later may work."""

    def __init__(self, message: str, hint: str, *, retry_after_s: float = 5.0) -> None:
        super().__init__(message, hint)
        self.retry_after_s = retry_after_s


class RefusedByRule(EdgeSyncError):
    """A rule of safety said no: a live lease, an expired bootstrap account, a threshold."""

    exit_code = ExitCode.REFUSED


class PartlyDone(EdgeSyncError):
    """Some entries failed; the rest was done and the cookie kept."""

    exit_code = ExitCode.PARTLY


class CertificateError(EdgeSyncError):
    """A certificate or key that cannot be used as asked."""


class KeyUnavailable(CertificateError):
    """The private key is missing, unreadable or does not belong to the certificate."""


class CertificateUnreadable(CertificateError):
    """Bytes that are not a certificate, a PFX or a request, or the password is wrong."""


class SubscriptionError(EdgeSyncError):
    """An Edge Subscription that cannot be used."""


class SubscriptionFileInvalid(SubscriptionError):
    """Not an Edge Subscription file; names the element."""


class CredentialUndecryptable(SubscriptionError):
    """A credential was encrypted for a key this server no longer has."""


class SyncError(EdgeSyncError):
    """A run of EdgeSync that could not go on."""


class LeaseLost(SyncError):
    """Another server took the lease over; the cookie was not written."""


class SourceRefused(SyncError):
    """The source directory refused to be read."""


class TargetRefused(SyncError):
    """The target directory refused to be written."""


class LabError(EdgeSyncError):
    """The lab's folder cannot be used."""


class LabCorrupt(LabError):
    """A file of the lab does not agree with itself; the hint names the way out."""


class LabInUse(LabError):
    """Another process holds the lab."""

    exit_code = ExitCode.REFUSED


class DiskRefused(EdgeSyncError):
    """The disk is full, read-only or failing; what was acknowledged before is kept."""


def of_machine(error: BaseException) -> EdgeSyncError | None:
    """What the operating system or SQLite refused, as an error a person can act on, or None."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int) and code & _SQLITE_PRIMARY in _SQLITE_REFUSALS:
        return DiskRefused(f"a file of the lab cannot be written: {error}", _DISK_HINT)
    if isinstance(code, int) and code & _SQLITE_PRIMARY in _SQLITE_DAMAGED:
        return LabCorrupt(f"a file of the lab is damaged: {error}", _DAMAGE_HINT)
    if isinstance(error, OSError) and error.errno in _DISK_ERRNOS:
        return DiskRefused(str(error), _DISK_HINT)
    return None


_DISK_ERRNOS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM,
}  # fmt: skip
_SQLITE_PRIMARY = 0xFF
"""SQLite's extended result codes carry the primary one in their lowest octet."""
_SQLITE_REFUSALS = {3, 8, 10, 13, 14}
"""SQLITE_PERM, READONLY, IOERR, FULL, CANTOPEN (sqlite.org/rescode.html)."""
_SQLITE_DAMAGED = {11, 26}
"""SQLITE_CORRUPT, NOTADB."""
_DISK_HINT = (
    "make room, or see that the disk can be written, and run the command again: what was "
    "acknowledged is kept"
)
_DAMAGE_HINT = "edgesync directory verify names the file; docs/recovery.md says how to go on"


class InputInvalid(EdgeSyncError):
    """A file that is not what it should be; the message names file, line or element."""
