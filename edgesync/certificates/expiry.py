"""What ends when: certificates and EdgeSync credentials with red, yellow and green."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from edgesync.certificates.certificate import TransportCertificate

RED_BELOW = timedelta(days=30)
YELLOW_BELOW = timedelta(days=60)
"""Thresholds of the vendor's health script (certificate-facts 2.5)."""


class Light(StrEnum):
    """How soon something ends."""

    EXPIRED = "expired"
    RED = "red"
    YELLOW = "yellow"
    GREEN = "green"


class ExpiryKind(StrEnum):
    """What ends."""

    CERTIFICATE = "certificate"
    AUTHORITY = "authority"
    CREDENTIAL = "credential"


@dataclass(frozen=True, slots=True)
class Expiry:
    """One thing that ends."""

    kind: ExpiryKind
    server: str
    name: str
    """Thumbprint of a certificate, user name of a credential."""
    detail: str
    """Subject and services, or for which Hub the credential is."""
    starts_at: datetime
    ends_at: datetime

    def left(self, now: datetime) -> timedelta:
        """Time until the end; negative after it."""
        return self.ends_at - now

    def light(self, now: datetime) -> Light:
        """Red below 30 days, yellow below 60, green above."""
        left = self.left(now)
        if left < timedelta(0):
            return Light.EXPIRED
        if left < RED_BELOW:
            return Light.RED
        return Light.YELLOW if left < YELLOW_BELOW else Light.GREEN

    def document(self, now: datetime) -> dict[str, Any]:
        """The row as JSON."""
        return {
            "kind": self.kind.value,
            "server": self.server,
            "name": self.name,
            "detail": self.detail,
            "not_before": _instant(self.starts_at),
            "not_after": _instant(self.ends_at),
            "days_left": self.left(now).days,
            "light": self.light(now).value,
        }


def certificate_expiry(server: str, certificate: TransportCertificate) -> Expiry:
    """A certificate's row; a pending request has none worth showing, so do not ask for it."""
    services = str(certificate.services)
    detail = f"{certificate.subject} ({services})"
    return Expiry(
        ExpiryKind.CERTIFICATE,
        server,
        certificate.thumbprint,
        detail,
        certificate.not_before,
        certificate.not_after,
    )


def within(items: Iterable[Expiry], now: datetime, span: timedelta | None) -> tuple[Expiry, ...]:
    """Rows that end within a span from now, expired ones too, the next end first."""
    chosen = (item for item in items if span is None or item.left(now) <= span)
    return tuple(sorted(chosen, key=lambda item: (item.ends_at, item.server, item.name)))


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
