"""A site's EdgeSync settings: ``CN=EdgeSyncService`` below the AD site (edgesync-facts 8.4).

2010 and later have one per site and do not synchronize without it (event 1045); 2007 has none
and its schedule is fixed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import IntEnum

from directory.model.entry import Entry
from directory.model.messages import AddRequest, ModifyRequest
from directory.model.modification import replace as replace_values
from edgesync.config import SyncTiming, VersionProfile
from edgesync.errors import ConfigurationError, RefusedByRule
from edgesync.events import NO_SERVICE_CONFIG, Emit, Event
from edgesync.organization.mapping import BOOLEAN, INTEGER, TEXT, Codec, dump, stored
from edgesync.organization.names import ForestNames
from edgesync.port.port import DirectoryPort, read

_CLASS = b"msExchEdgeSyncServiceConfig"
_MEGABYTE = 1024 * 1024


class LogLevel(IntEnum):
    """How much is written; each level has what the ones before it have."""

    NONE = 0
    LOW = 1
    """How each job ended."""
    MEDIUM = 2
    """And its lease and cookie."""
    HIGH = 3
    """And each entry that was refused."""


LOG_LEVELS = tuple(level.name.capitalize() for level in LogLevel)


def format_timespan(span: timedelta) -> str:
    """A span as these settings are written: ``dd.hh:mm:ss``."""
    minutes, seconds = divmod(span.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{span.days:02}.{hours:02}:{minutes:02}:{seconds:02}"


def _parse(text: str) -> timedelta:
    days, _, clock = text.rpartition(".")
    hours, minutes, seconds = clock.split(":")
    return timedelta(
        days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=int(seconds)
    )


_SPAN = Codec(lambda v: _parse(v[0].decode()), lambda s: (format_timespan(s).encode(),))


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Get-EdgeSyncServiceConfig's properties with the cmdlet pages' defaults."""

    name: str = stored("cn", TEXT, "EdgeSyncService")
    configuration_sync_interval: timedelta = stored(
        "msExchEdgeSyncConfigurationSyncInterval", _SPAN, timedelta(minutes=3)
    )
    recipient_sync_interval: timedelta = stored(
        "msExchEdgeSyncRecipientSyncInterval", _SPAN, timedelta(minutes=5)
    )
    lock_duration: timedelta = stored("msExchEdgeSyncLockDuration", _SPAN, timedelta(minutes=6))
    lock_renewal_duration: timedelta = stored(
        "msExchEdgeSyncLockRenewalInterval", _SPAN, timedelta(minutes=4)
    )
    option_duration: timedelta = stored(
        "msExchEdgeSyncOptionDuration", _SPAN, timedelta(minutes=30)
    )
    cookie_valid_duration: timedelta = stored(
        "msExchEdgeSyncCookieValidDuration", _SPAN, timedelta(days=21)
    )
    failover_dc_interval: timedelta = stored(
        "msExchEdgeSyncFailoverDCInterval", _SPAN, timedelta(minutes=5)
    )
    log_enabled: bool = stored("msExchEdgeSyncLogEnabled", BOOLEAN, True)
    log_level: int = stored("msExchEdgeSyncLogLevel", INTEGER, 0)
    log_max_age: timedelta = stored("msExchEdgeSyncLogMaxAge", _SPAN, timedelta(days=30))
    log_max_directory_size: int = stored(
        "msExchEdgeSyncLogMaxDirectorySize", INTEGER, 250 * _MEGABYTE
    )
    log_max_file_size: int = stored("msExchEdgeSyncLogMaxFileSize", INTEGER, 10 * _MEGABYTE)
    log_path: str = stored("msExchEdgeSyncLogPath", TEXT, "TransportRoles\\Logs\\EdgeSync\\")

    def __post_init__(self) -> None:
        self.timing(timedelta(minutes=5))  # its own checks
        if self.log_max_file_size > self.log_max_directory_size:
            raise ConfigurationError(
                "LogMaxFileSize is larger than LogMaxDirectorySize", "make the file smaller"
            )
        if not 0 <= self.log_level < len(LOG_LEVELS):
            raise ConfigurationError(
                f"there is no log level {self.log_level}", f"levels are {', '.join(LOG_LEVELS)}"
            )

    def timing(self, topology_interval: timedelta) -> SyncTiming:
        """The clockwork; the topology interval has no setting."""
        return SyncTiming(
            self.configuration_sync_interval,
            self.recipient_sync_interval,
            topology_interval,
            self.lock_duration,
            self.lock_renewal_duration,
            self.option_duration,
            self.cookie_valid_duration,
            self.failover_dc_interval,
        )

    def document(self) -> dict[str, object]:
        """The settings in JSON: durations in seconds, sizes in bytes."""
        out: dict[str, object] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, timedelta):
                out[item.name + "_s"] = int(value.total_seconds())
            else:
                out[item.name] = LOG_LEVELS[value] if item.name == "log_level" else value
        return out


def of_profile(profile: VersionProfile) -> ServiceConfig:
    """What a version's schedule would be as such an object."""
    timing = profile.sync
    return ServiceConfig(
        configuration_sync_interval=timing.configuration_interval,
        recipient_sync_interval=timing.recipient_interval,
        lock_duration=timing.lock_duration,
        lock_renewal_duration=timing.lock_renewal_duration,
        option_duration=timing.option_duration,
        cookie_valid_duration=timing.cookie_valid_duration,
        failover_dc_interval=timing.failover_dc_interval,
    )


def read_service_config(port: DirectoryPort, names: ForestNames, site: str) -> ServiceConfig | None:
    """A site's settings, or None."""
    entry = read(port, names.edge_sync_service(site))
    return None if entry is None else _load(entry)


def new_service_config(
    port: DirectoryPort, names: ForestNames, site: str, config: ServiceConfig
) -> None:
    """New-EdgeSyncServiceConfig.

    Raises:
        RefusedByRule: the site has one.
    """
    dn = names.edge_sync_service(site)
    if read(port, dn, ("cn",)) is not None:
        raise RefusedByRule(f"site {site} has its EdgeSyncServiceConfig", "change it with set")
    port.add(AddRequest(Entry(dn, {"objectClass": (b"top", _CLASS), **dump(config)})))


def set_service_config(
    port: DirectoryPort, names: ForestNames, site: str, changes: Mapping[str, object]
) -> ServiceConfig:
    """Set-EdgeSyncServiceConfig: change some settings, in one Modify.

    Raises:
        RefusedByRule: the site has none (1045).
        ConfigurationError: settings that exclude each other; nothing is changed.
    """
    present = read_service_config(port, names, site)
    if present is None:
        raise RefusedByRule(
            f"site {site} has no EdgeSyncServiceConfig", "edgesync New-EdgeSyncServiceConfig"
        )
    after = replace(present, **changes)  # type: ignore[arg-type]  # names and kinds are the caller's table
    before, wanted = dump(present), dump(after)
    changed = tuple(
        replace_values(name, *wanted.get(name, ()))
        for name in wanted
        if before.get(name) != wanted.get(name)
    )
    if changed:
        port.modify(ModifyRequest(names.edge_sync_service(site), changed))
    return after


def timing_of(
    port: DirectoryPort,
    names: ForestNames,
    site: str,
    profile: VersionProfile,
    *,
    server: str,
    now: datetime,
    emit: Emit,
) -> SyncTiming:
    """The clockwork of a site under a version.

    Raises:
        RefusedByRule: 2010 and later without the site's object; event 1045.
    """
    if not profile.sync_editable:
        return profile.sync
    config = read_service_config(port, names, site)
    if config is None:
        emit(Event(NO_SERVICE_CONFIG, now, server, {"site": site}))
        raise RefusedByRule(
            f"site {site} has no EdgeSyncServiceConfig, so it does not synchronize",
            f"edgesync New-EdgeSyncServiceConfig -Site {site}",
        )
    return config.timing(profile.sync.topology_interval)


def _load(entry: Entry) -> ServiceConfig:
    given = {}
    for item in fields(ServiceConfig):
        values = entry.values(item.metadata["attribute"])
        if values:
            given[item.name] = item.metadata["codec"].decode(values)
    return ServiceConfig(**given)
