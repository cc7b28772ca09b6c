r"""A machine's certificate store: Local Computer\Personal, its trusted roots and intermediates.

The content is one immutable value, so snapshot, fork and undo cost nothing. A store in a folder
writes through: key files first, the index last, so that a crash leaves the old or the new content.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from edgesync.certificates.certificate import RootCAType, TransportCertificate, thumbprint
from edgesync.certificates.store_folder import read_folder, write_folder
from edgesync.certificates.store_state import StoreState, TrustedRoot
from edgesync.errors import NoSuchThing, UsageError

PREFIX_MIN = 8
"""Fewest digits of a thumbprint that may stand for all of it (contract section 2)."""

_THUMBPRINT_NOISE = re.compile(r"[\s:\u200e\u200f]")
_HEX = re.compile(r"[0-9A-F]+\Z")


@dataclass(frozen=True, slots=True)
class StoreChange:
    """What one mutation wrote."""

    stored: tuple[str, ...] = ()
    """Thumbprints of entries that are new or changed."""
    removed: tuple[str, ...] = ()
    files: tuple[Path, ...] = field(default=(), repr=False)
    """Files written or deleted; none for a store in memory."""


class MachineStore:
    """The certificates of one machine."""

    def __init__(self, state: StoreState | None = None, folder: Path | None = None) -> None:
        self._state = state or StoreState()
        self._folder = folder

    @classmethod
    def open(cls, folder: Path) -> MachineStore:
        """The store kept in a folder; an empty one when there is none yet.

        Raises:
            CertificateUnreadable: when a file is not what the index says; names the file.
        """
        return cls(read_folder(folder), folder)

    @property
    def state(self) -> StoreState:
        """The whole content as a value."""
        return self._state

    @property
    def certificates(self) -> tuple[TransportCertificate, ...]:
        """Everything in Personal, pending requests too, in the order it came."""
        return tuple(self._state.personal.values())

    @property
    def roots(self) -> tuple[TrustedRoot, ...]:
        """Trusted root certificates with the place each came from."""
        return self._state.roots

    @property
    def intermediates(self) -> tuple[x509.Certificate, ...]:
        """Intermediate certification authorities."""
        return self._state.intermediates

    def get(self, thumbprint_: str) -> TransportCertificate | None:
        """The entry with exactly this thumbprint (40 upper-case digits)."""
        return self._state.personal.get(thumbprint_)

    def find(self, text: str) -> TransportCertificate:
        """The entry a person means: any case, spaces, colons, or a unique prefix of 8 digits.

        Raises:
            UsageError: when the text is no thumbprint or fits several entries.
            NoSuchThing: when it fits none.
        """
        wanted = parse_thumbprint(text)
        found = [c for c in self.certificates if _fits(c, wanted)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(
                f"{text!r} fits {len(found)} certificates", "give more digits of the thumbprint"
            )
        raise NoSuchThing(
            f"no certificate with thumbprint {text!r} in this store",
            "edgesync cert list shows the thumbprints",
        )

    def put(self, *certificates: TransportCertificate, remove: Iterable[str] = ()) -> StoreChange:
        """Add or replace entries, and remove others, all at once."""
        personal = dict(self._state.personal)
        gone = tuple(t for t in remove if personal.pop(t, None) is not None)
        changed = tuple(c.thumbprint for c in certificates if personal.get(c.thumbprint) is not c)
        personal.update({c.thumbprint: c for c in certificates})
        files = self._commit(replace(self._state, personal=personal))
        return StoreChange(changed, gone, files)

    def remove(self, thumbprint_: str) -> StoreChange:
        """Take one entry out, its key with it; nothing happens when it is not there."""
        return self.put(remove=(thumbprint_,))

    def trust(self, root: x509.Certificate, kind: RootCAType) -> StoreChange:
        """Put a certificate into the trusted roots; ``kind`` says by whom it came."""
        mark = thumbprint(root.public_bytes(Encoding.DER))
        others = tuple(r for r in self._state.roots if r.thumbprint != mark)
        roots = (*others, TrustedRoot(root, kind))
        return StoreChange((mark,), (), self._commit(replace(self._state, roots=roots)))

    def distrust(self, thumbprint_: str) -> StoreChange:
        """Take a certificate out of the trusted roots."""
        roots = tuple(r for r in self._state.roots if r.thumbprint != thumbprint_)
        gone = (thumbprint_,) if len(roots) < len(self._state.roots) else ()
        return StoreChange((), gone, self._commit(replace(self._state, roots=roots)))

    def add_intermediate(self, authority: x509.Certificate) -> StoreChange:
        """Put an issuing authority where chains find it."""
        mark = thumbprint(authority.public_bytes(Encoding.DER))
        if authority in self._state.intermediates:
            return StoreChange()
        intermediates = (*self._state.intermediates, authority)
        files = self._commit(replace(self._state, intermediates=intermediates))
        return StoreChange((mark,), (), files)

    def restore(self, state: StoreState) -> StoreChange:
        """Put earlier content back."""
        before, after = self._state.personal, state.personal
        stored = tuple(t for t, c in after.items() if before.get(t) is not c)
        gone = tuple(t for t in before if t not in after)
        return StoreChange(stored, gone, self._commit(state))

    def fork(self) -> MachineStore:
        """An independent store in memory with the same content."""
        return MachineStore(self._state)

    def _commit(self, state: StoreState) -> tuple[Path, ...]:
        files = write_folder(self._folder, self._state, state) if self._folder else ()
        self._state = state
        return files


def parse_thumbprint(text: str) -> str:
    """The digits of a thumbprint as a person writes or pastes it, upper case.

    Raises:
        UsageError: when it holds anything but hex digits, or fewer than 8.
    """
    digits = _THUMBPRINT_NOISE.sub("", text).upper()
    if len(digits) < PREFIX_MIN or not _HEX.match(digits):
        raise UsageError(
            f"{text!r} is not a thumbprint", f"give 40 hex digits, or at least {PREFIX_MIN} of them"
        )
    return digits


def _fits(certificate: TransportCertificate, wanted: str) -> bool:
    return certificate.thumbprint.startswith(wanted) or certificate.sha256.startswith(wanted)
