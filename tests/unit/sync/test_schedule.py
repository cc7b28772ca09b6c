"""When jobs are due, by version, and what a site may set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edgesync.config import PROFILES, SyncTiming, Version
from edgesync.errors import ConfigurationError, RefusedByRule
from edgesync.organization.names import DEFAULT_SITE
from edgesync.sync.kinds import Job
from edgesync.sync.schedule import Schedule, interval
from edgesync.sync.service_config import (
    ServiceConfig,
    format_timespan,
    new_service_config,
    of_profile,
    read_service_config,
    set_service_config,
    timing_of,
)
from tests.support.forest import Forest

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.fact("edgesync-facts 4.3")
@pytest.mark.parametrize(
    ("version", "minutes"),
    [(Version.EXCHANGE_2007, (60, 240, 5)), (Version.EXCHANGE_2010, (3, 5, 5)),
     (Version.EXCHANGE_2013, (3, 5, 5)), (Version.EXCHANGE_SE, (3, 5, 5))],
)  # fmt: skip
def test_intervals_are_the_versions(version: Version, minutes: tuple[int, ...]) -> None:
    timing = PROFILES[version].sync
    jobs = (Job.CONFIGURATION, Job.RECIPIENTS, Job.TOPOLOGY)
    assert tuple(int(interval(j, timing) / timedelta(minutes=1)) for j in jobs) == minutes


@pytest.mark.fact("edgesync-facts 4.3")
def test_a_run_resets_the_jobs_own_timer() -> None:
    schedule = Schedule(PROFILES[Version.EXCHANGE_2016].sync)
    assert schedule.due(NOW) == tuple(Job)
    for job in Job:
        schedule = schedule.ran(job, NOW, well=True)
    assert schedule.due(NOW + timedelta(minutes=3)) == (Job.CONFIGURATION,)
    assert schedule.next_due(NOW) == NOW + timedelta(minutes=3)
    manual = schedule.ran(Job.CONFIGURATION, NOW + timedelta(minutes=2), well=True)
    assert manual.due(NOW + timedelta(minutes=3)) == ()


def test_a_job_that_failed_is_due_again_sooner() -> None:
    schedule = Schedule(PROFILES[Version.EXCHANGE_2007].sync).ran(Job.RECIPIENTS, NOW, well=False)
    assert schedule.due_at(Job.RECIPIENTS, NOW) == NOW + timedelta(minutes=1)


@pytest.mark.fact("edgesync-facts 8.4")
def test_the_defaults_are_the_cmdlet_pages() -> None:
    config = ServiceConfig()
    assert config.document() == {
        "name": "EdgeSyncService", "configuration_sync_interval_s": 180,
        "recipient_sync_interval_s": 300, "lock_duration_s": 360, "lock_renewal_duration_s": 240,
        "option_duration_s": 1800, "cookie_valid_duration_s": 1814400,
        "failover_dc_interval_s": 300, "log_enabled": True, "log_level": "None",
        "log_max_age_s": 2592000, "log_max_directory_size": 250 * 1024 * 1024,
        "log_max_file_size": 10 * 1024 * 1024,
        "log_path": "TransportRoles\\Logs\\EdgeSync\\",
    }  # fmt: skip
    assert format_timespan(timedelta(days=21)) == "21.00:00:00"


@pytest.mark.fact("edgesync-facts 8.4")
def test_a_file_may_not_be_larger_than_its_folder() -> None:
    with pytest.raises(ConfigurationError, match="LogMaxFileSize"):
        ServiceConfig(log_max_file_size=2, log_max_directory_size=1)
    with pytest.raises(ConfigurationError):
        ServiceConfig(lock_duration=timedelta(hours=2))


@pytest.mark.fact("edgesync-facts 4.5")
def test_a_site_without_settings_logs_1045_and_does_not_synchronize() -> None:
    forest = Forest()

    def timing() -> SyncTiming:
        return timing_of(
            forest.ad, forest.names, DEFAULT_SITE, forest.profile, server="HUB01",
            now=forest.clock.now(), emit=forest.events.append,
        )  # fmt: skip

    with pytest.raises(RefusedByRule, match="EdgeSyncServiceConfig"):
        timing()
    assert forest.events[-1].kind.id == 1045
    new_service_config(forest.ad, forest.names, DEFAULT_SITE, of_profile(forest.profile))
    assert timing() == forest.profile.sync
    with pytest.raises(RefusedByRule):
        new_service_config(forest.ad, forest.names, DEFAULT_SITE, ServiceConfig())
    set_service_config(
        forest.ad, forest.names, DEFAULT_SITE, {"recipient_sync_interval": timedelta(minutes=1)}
    )
    assert timing().recipient_interval == timedelta(minutes=1)
    with pytest.raises(ConfigurationError):
        set_service_config(
            forest.ad, forest.names, DEFAULT_SITE, {"option_duration": timedelta(minutes=1)}
        )
    kept = read_service_config(forest.ad, forest.names, DEFAULT_SITE)
    assert kept is not None
    assert kept.option_duration == timedelta(minutes=30)


@pytest.mark.fact("edgesync-facts 8.5")
def test_2007_has_no_such_object_and_a_fixed_schedule() -> None:
    forest = Forest(Version.EXCHANGE_2007)
    timing = timing_of(
        forest.ad, forest.names, DEFAULT_SITE, forest.profile, server="HUB01",
        now=forest.clock.now(), emit=forest.events.append,
    )  # fmt: skip
    assert timing == forest.profile.sync
    assert forest.events == []
