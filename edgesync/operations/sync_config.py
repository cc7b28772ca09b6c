"""A site's EdgeSync settings: Get-, New- and Set-EdgeSyncServiceConfig."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from edgesync.errors import NoSuchThing, RefusedByRule, UsageError
from edgesync.operations.registry import Cmdlet, Document, Help, Outcome, operation
from edgesync.operations.render import listing

if TYPE_CHECKING:
    from edgesync.lab.lab import Lab
    from edgesync.operations.context import Context

_SETTINGS = {
    "ConfigurationSyncInterval": "configuration_sync_interval",
    "RecipientSyncInterval": "recipient_sync_interval",
    "LockDuration": "lock_duration",
    "LockRenewalDuration": "lock_renewal_duration",
    "OptionDuration": "option_duration",
    "CookieValidDuration": "cookie_valid_duration",
    "FailoverDCInterval": "failover_dc_interval",
    "LogEnabled": "log_enabled",
    "LogLevel": "log_level",
    "LogMaxAge": "log_max_age",
    "LogMaxDirectorySize": "log_max_directory_size",
    "LogMaxFileSize": "log_max_file_size",
    "LogPath": "log_path",
}
_SPAN = Help("time span: 5m, 00:05:00, 21.00:00:00", metavar="SPAN")
_BYTES = Help("bytes", metavar="N")


def _render(document: Document) -> Iterable[str]:
    for number, item in enumerate(document["configs"]):
        if number:
            yield ""
        yield from listing(item.items())


@operation(
    "sync", "config", render=_render, rows="configs", writes=True,
    example="edgesync sync config --site Default-First-Site-Name --recipient-sync-interval 1m",
    cmdlets=(
        Cmdlet("Get-EdgeSyncServiceConfig", {"Identity": "site", "Site": "site"}),
        Cmdlet("New-EdgeSyncServiceConfig", {"Site": "site", **_SETTINGS}, positional=(),
               fixed={"action": "new"}, ignored=("DomainController", "Name")),
        Cmdlet("Set-EdgeSyncServiceConfig", {"Identity": "site", **_SETTINGS},
               fixed={"action": "set"}),
    ),
)  # fmt: skip
def config(
    context: Context,
    *,
    site: Annotated[str | None, Help("AD site; default: every one", completes="site")] = None,
    action: Annotated[Literal["show", "new", "set"], Help("set is meant when a setting is")] = (
        "show"
    ),
    configuration_sync_interval: Annotated[str | None, _SPAN] = None,
    recipient_sync_interval: Annotated[str | None, _SPAN] = None,
    lock_duration: Annotated[str | None, _SPAN] = None,
    lock_renewal_duration: Annotated[str | None, _SPAN] = None,
    option_duration: Annotated[str | None, _SPAN] = None,
    cookie_valid_duration: Annotated[str | None, _SPAN] = None,
    failover_dc_interval: Annotated[str | None, _SPAN] = None,
    log_enabled: Annotated[str | None, Help("true or false", metavar="BOOL")] = None,
    log_level: Annotated[str | None, Help("None, Low, Medium or High")] = None,
    log_max_age: Annotated[str | None, _SPAN] = None,
    log_max_directory_size: Annotated[int | None, _BYTES] = None,
    log_max_file_size: Annotated[int | None, _BYTES] = None,
    log_path: Annotated[str | None, Help("folder for the logs")] = None,
) -> Outcome:
    """Show or change a site's EdgeSync settings: intervals, lease durations, cookie's life.

    Since Exchange 2010 every site has such an object and does not synchronize without it (1045);
    2007 has none, and its schedule is fixed.
    """
    given = {
        name: value
        for name, value in locals().items()
        if name in _SETTINGS.values() and value is not None
    }
    lab = context.lab
    profile = lab.description.profile
    if action == "show" and not given:
        return Outcome({"schema": "edgesync.sync-config/1", "configs": _shown(lab, site)})
    if not profile.sync_editable:
        raise RefusedByRule(
            f"{profile.title} has no EdgeSyncServiceConfig: its schedule is fixed",
            "make a lab of a later version: edgesync lab new --version exchange-2010",
        )
    chosen = _site(lab, site)
    changes = {name: _value(name, value) for name, value in given.items()}
    _write(lab, chosen, changes, new=action == "new")
    return Outcome({"schema": "edgesync.sync-config/1", "configs": _shown(lab, chosen)})


def _write(lab: Lab, site: str, changes: dict[str, Any], *, new: bool) -> None:
    from dataclasses import replace

    from edgesync.lab.routine import Routine
    from edgesync.sync.service_config import new_service_config, of_profile, set_service_config

    if new:
        config = replace(of_profile(lab.description.profile), **changes)
        new_service_config(lab.ad_port(), lab.ad.names, site, config)
    else:
        set_service_config(lab.ad_port(), lab.ad.names, site, changes)
    lab.service(Routine).forget_schedules()


def _site(lab: Lab, site: str | None) -> str:
    if site is None:
        raise UsageError("which site?", "name it: --site Default-First-Site-Name")
    for name in lab.description.sites:
        if name.casefold() == site.casefold():
            return name
    raise NoSuchThing(f"no AD site {site!r}", f"sites are {', '.join(lab.description.sites)}")


def _shown(lab: Lab, site: str | None) -> list[Document]:
    from edgesync.sync.service_config import of_profile, read_service_config

    names = [_site(lab, site)] if site else list(lab.description.sites)
    rows: list[Document] = []
    for name in names:
        found = read_service_config(lab.ad_port(), lab.ad.names, name)
        if found is None and not lab.description.profile.sync_editable:
            found = of_profile(lab.description.profile)
        if found is not None:
            rows.append({"site": name, **found.document()})
        elif site:
            raise NoSuchThing(
                f"site {name} has no EdgeSyncServiceConfig",
                f"edgesync New-EdgeSyncServiceConfig -Site {name}",
            )
    return rows


def _value(name: str, value: Any) -> Any:
    from edgesync.operations.timespan import parse_timespan
    from edgesync.sync.service_config import LOG_LEVELS

    if name == "log_enabled":
        word = str(value).lower().lstrip("$")
        if word not in {"true", "false"}:
            raise UsageError(f"--log-enabled is true or false, not {value!r}", "true or false")
        return word == "true"
    if name == "log_level":
        levels = [level.lower() for level in LOG_LEVELS]
        if str(value).lower() not in levels:
            raise UsageError(f"no log level {value!r}", f"levels are {', '.join(LOG_LEVELS)}")
        return levels.index(str(value).lower())
    if isinstance(value, int) or name == "log_path":
        return value
    return parse_timespan(value)
