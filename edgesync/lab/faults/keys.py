"""Certificates for the one in the middle: the lab's own with their keys, and look-alikes."""

from __future__ import annotations

import threading

from directory.entropy import SeededEntropy
from edgesync.certificates.issue import (
    CertificateSubject,
    IssueProfile,
    issue_self_signed,
    serial_number,
)
from edgesync.certificates.keys import BundledKeys
from edgesync.certificates.names import common_name
from edgesync.lab.faults.middle import Keys
from edgesync.lab.lab import Lab
from edgesync.trust.identity import identity_of
from edgesync.trust.reading import names_of, parsed
from edgesync.trust.tls import TlsIdentity

LOOK_ALIKES_MAX = 256
"""Look-alikes kept: a lab has a few certificates for each server."""

_YEARS = 1
_STRANGER = common_name("mitm")


def keys_of(lab: Lab) -> Keys:
    """Where somebody in the middle of this lab's lines has certificates from."""
    forger = _Forger(lab)

    def own(der: bytes) -> TlsIdentity | None:
        for store in list(lab.machines.values()):
            for item in store.certificates:
                if item.der == der:
                    return identity_of(item, store.state)
        return None

    return Keys(own, forger.look_alike)


class _Forger:
    """Makes a certificate with the subject, names and start of another, and a key of its own."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._lock = threading.Lock()
        self._made: dict[bytes, TlsIdentity] = {}
        self._keys = BundledKeys(lab.description.seed, position=1)

    def look_alike(self, der: bytes) -> TlsIdentity:
        """Its twin by name; the same one each time. Without a certificate: a stranger's."""
        with self._lock:
            if der not in self._made:
                if len(self._made) >= LOOK_ALIKES_MAX:
                    self._made.clear()
                self._made[der] = self._forged(der)
            return self._made[der]

    def _forged(self, der: bytes) -> TlsIdentity:
        shown = parsed(der) if der else None
        key = self._keys.next_key("mitm")
        if shown is not None and shown.public_key() == key.public_key():
            key = self._keys.next_key("mitm")
        subject, start = CertificateSubject(_STRANGER, ()), self._lab.clock.now()
        if shown is not None:
            subject = CertificateSubject(shown.subject, tuple(names_of(shown)))
            start = shown.not_valid_before_utc
        entropy = SeededEntropy(self._lab.description.seed, f"mitm/{der.hex()}")
        made = issue_self_signed(
            subject, key, now=start, serial=serial_number(entropy), profile=IssueProfile(_YEARS)
        )
        return TlsIdentity(made, key)
