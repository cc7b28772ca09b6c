"""Why a certificate or a file is refused: one class per reason, so that scripts can tell them."""

from __future__ import annotations

from edgesync.errors import CertificateError, CertificateUnreadable, KeyUnavailable, RefusedByRule


class WrongPassword(CertificateUnreadable):
    """The password does not open the PFX."""


class KeyMismatch(KeyUnavailable):
    """The private key beside a certificate belongs to another one."""


class KeyNotExportable(KeyUnavailable):
    """The private key may not leave the machine."""


class CngKey(KeyUnavailable):
    """The private key lies in a CNG provider, which Exchange cannot use here."""


class WeakKey(CertificateError):
    """The key is shorter than Exchange accepts."""


class CertificateUnsuitable(CertificateError):
    """The certificate does not allow what it should be enabled for."""


class DuplicateCertificate(RefusedByRule):
    """The certificate is in the store already."""


class CertificateInUse(RefusedByRule):
    """The server, or a connector, still needs the certificate."""
