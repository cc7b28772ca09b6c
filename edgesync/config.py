# ruff: noqa: E501 - the profiles are a table, read across
"""What differs between versions of Exchange, and what is a setting because nobody knows.

A ``VersionProfile`` carries published facts side by side. A ``Policy`` carries the choices this
project makes where the sources are silent or conflict; every field names the sheet and section,
and docs/fidelity.md lists them from here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum

from edgesync.errors import ConfigurationError


class Version(StrEnum):
    """Versions a lab can play, oldest first."""

    EXCHANGE_2007 = "exchange-2007"
    EXCHANGE_2010 = "exchange-2010"
    EXCHANGE_2013 = "exchange-2013"
    EXCHANGE_2016 = "exchange-2016"
    EXCHANGE_2019 = "exchange-2019"
    EXCHANGE_SE = "exchange-se"

    def at_least(self, other: Version) -> bool:
        """Whether this version is the other or later."""
        order = list(Version)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class SyncTiming:
    """EdgeSync's clockwork (edgesync-facts 4.3, 4.4). All durations are time spans."""

    configuration_interval: timedelta
    recipient_interval: timedelta
    topology_interval: timedelta = timedelta(minutes=5)
    lock_duration: timedelta = timedelta(minutes=6)
    lock_renewal_duration: timedelta = timedelta(minutes=4)
    option_duration: timedelta = timedelta(minutes=30)
    cookie_valid_duration: timedelta = timedelta(days=21)
    failover_dc_interval: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        if (
            not timedelta(0)
            < self.lock_renewal_duration
            < self.lock_duration
            <= self.option_duration
        ):
            raise ConfigurationError(
                "lease durations must satisfy 0 < lock renewal < lock <= option",
                "see edgesync config show sync",
            )


CONCEPT_LEASE = {
    "lock_duration": timedelta(minutes=5),
    "lock_renewal_duration": timedelta(minutes=1),
    "option_duration": timedelta(hours=1),
}
"""The durations of the concept pages (edgesync-facts 4.4); the cmdlet pages' are the defaults."""

_HOURLY = SyncTiming(timedelta(hours=1), timedelta(hours=4), **CONCEPT_LEASE)
_MINUTES = SyncTiming(timedelta(minutes=3), timedelta(minutes=5))


@dataclass(frozen=True, slots=True)
class VersionProfile:
    """Published facts of one version."""

    version: Version
    title: str
    serial_number: str
    """As ``serialNumber`` of the server object and ``SerialNumber`` of a subscription file have it."""
    version_number: int
    self_signed_years: int
    """Validity of setup's certificate (certificate-facts 1)."""
    setup_hash: str
    """Hash setup signed with; ``sha1`` cannot be signed here, so the nearest is used and said."""
    sync: SyncTiming
    sync_editable: bool
    """Whether New-/Set-EdgeSyncServiceConfig exist (edgesync-facts 0.1)."""
    install_folder: str
    log_version: str
    """``#Version`` of protocol logs (certificate-facts 5.4)."""
    shadow_redundancy: bool
    smtputf8: bool = False
    separate_roles: bool = True
    """Hub, Client Access and Unified Messaging are roles of their own (until 2010)."""


def _profile(
    version: Version, serial: str, number: int, years: int, digest: str, sync: SyncTiming, folder: str,
    log_version: str, **rest: bool,
) -> VersionProfile:  # fmt: skip
    title = "Exchange " + version.value.removeprefix("exchange-").replace("se", "SE")
    return VersionProfile(
        version, title, serial, number, years, digest, sync,
        sync_editable=version is not Version.EXCHANGE_2007, install_folder=folder,
        log_version=log_version, shadow_redundancy=version is not Version.EXCHANGE_2007, **rest,
    )  # fmt: skip


PROFILES: dict[Version, VersionProfile] = {
    p.version: p
    for p in (
        _profile(Version.EXCHANGE_2007, "Version 8.3 (Build 30083.6)", 1912832083, 1, "sha1", _HOURLY,
                 "TransportRoles", "8.0.0.0"),
        _profile(Version.EXCHANGE_2010, "Version 14.3 (Build 30123.4)", 1937997947, 5, "sha1", _MINUTES,
                 "V14/TransportRoles", "14.0.0.0"),
        _profile(Version.EXCHANGE_2013, "Version 15.0 (Build 31497.2)", 1941997017, 5, "sha1", _MINUTES,
                 "V15/TransportRoles", "15.0.0.0", separate_roles=False),
        _profile(Version.EXCHANGE_2016, "Version 15.1 (Build 32507.6)", 1942063563, 5, "sha1", _MINUTES,
                 "V15/TransportRoles", "15.0.0.0", separate_roles=False, smtputf8=True),
        _profile(Version.EXCHANGE_2019, "Version 15.2 (Build 31544.4)", 1942128136, 5, "sha256", _MINUTES,
                 "V15/TransportRoles", "15.0.0.0", separate_roles=False, smtputf8=True),
        _profile(Version.EXCHANGE_SE, "Version 15.2 (Build 32562.17)", 1942129154, 5, "sha256", _MINUTES,
                 "V15/TransportRoles", "15.0.0.0", separate_roles=False, smtputf8=True),
    )
}  # fmt: skip


def choice(default: str, fact: str, *words: str) -> str:
    """A policy field that takes one of some words."""
    return field(default=default, metadata={"fact": fact, "words": words})


def span(default: timedelta, fact: str) -> timedelta:
    """A policy field that takes a time span."""
    return field(default=default, metadata={"fact": fact})


@dataclass(frozen=True, slots=True)
class Policy:
    """Choices where the sources are silent or conflict. Defaults play ``exchange``."""

    trust: str = choice("exchange", "certificate-facts 4.5", "exchange", "strict")
    """``exchange``: a mismatch leaves an anonymous session; ``strict``: the connection is dropped."""
    not_yet_valid: str = choice("accept", "certificate-facts 4.6", "accept", "refuse")
    """A published certificate before its NotBefore: treated like an expired one, or refused."""
    shared_certificate: str = choice("refuse", "certificate-facts 4.3", "refuse", "accept")
    """One certificate published on a Hub and on an Edge: ambiguous, so refused by default."""
    expired_starttls: str = choice(
        "by-version", "certificate-facts 3.2", "by-version", "drop", "keep"
    )
    """Sources conflict; by version: 2007 drops STARTTLS, 2010 and later keep it."""
    starttls_needs_smtp: str = choice("yes", "certificate-facts 3.2", "yes", "no")
    """Whether a certificate must be enabled for SMTP to be chosen for STARTTLS."""
    domain_secure_wildcards: str = choice(
        "by-version", "certificate-facts 6.3", "by-version", "accept", "reject"
    )
    """A wildcard certificate as a Domain Security partner's proof; 2007 rejects."""
    internal_fallback: str = choice(
        "by-version", "certificate-facts 3.4", "by-version", "ephemeral", "none"
    )
    """What stands in when the internal certificate cannot be loaded."""
    new_certificate_services: str = choice(
        "by-version", "certificate-facts 11", "by-version", "smtp", "imap-pop-smtp"
    )
    """What New-ExchangeCertificate enables without -Services: 2007's default is not documented."""
    hub_certificates: str = choice("site", "certificate-facts 4.2", "site", "organization")
    """Which Hub certificates EdgeSync copies into ADAM."""
    expires_soon: timedelta = span(timedelta(days=30), "certificate-facts 2.5")
    """How long before NotAfter 12017 and 12018 are logged."""
    credential_lifetime: timedelta = span(timedelta(days=35), "edgesync-facts 3.3")
    """Total life of an ESRA credential: no source gives it."""
    credential_successor: timedelta = span(timedelta(days=7), "edgesync-facts 3.3")
    credential_effective: timedelta = span(timedelta(days=3), "edgesync-facts 3.3")
    recipient_hash: str = choice(
        "sha256-smtp-lower", "edgesync-facts 5.3", "sha256-smtp-lower", "sha256-address"
    )
    """Input of the one-way hash of a proxy address: no source gives it."""

    def __post_init__(self) -> None:
        for item in fields(self):
            words = item.metadata.get("words")
            value = getattr(self, item.name)
            if words and value not in words:
                raise ConfigurationError(
                    f"policy {item.name} cannot be {value!r}", f"use one of {', '.join(words)}"
                )
        if not self.credential_effective < self.credential_successor < self.credential_lifetime:
            raise ConfigurationError(
                "credential spans must satisfy effective < successor < lifetime",
                "edgesync-facts 3.3: 3 days, 7 days, lifetime",
            )
