"""The web site of an imported server: its virtual directories and what IIS asks of their clients.

URLs come from ``Get-...VirtualDirectory``, Require SSL and client certificates from IIS's
``applicationHost.config``; what neither tells is as setup leaves it (certificate-facts 7.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from edgesync.lab.importers.exported import OrganizationExport
from edgesync.lab.importers.iis import IisConfiguration, SslFlags
from edgesync.organization.names import ConfigurationNames
from edgesync.organization.servers import ServerObject
from edgesync.organization.virtual_directories import (
    WEB_SITE,
    AccessSsl,
    LogOn,
    VirtualDirectory,
    default_directories,
    http_container,
)

FORMS = "Fba"
"""Exchange's word for forms-based authentication, which IIS knows nothing of."""

DIRECTORIES_MAX = 200
"""Most virtual directories taken of one server: Exchange's own are fewer than twenty."""


def imported_directories(
    names: ConfigurationNames, server: ServerObject, export: OrganizationExport
) -> tuple[VirtualDirectory, ...]:
    """A server's web site and virtual directories, as its exports have them."""
    own = {
        item.name.casefold(): item
        for item in export.virtual_directories
        if item.server.casefold() == server.name.casefold()
    }
    iis = export.iis.get(server.name)
    found = list(default_directories(names, server, export.version))
    if iis is not None:
        found = [d for d in found if d.word == "/" or _has(iis, d.path)]
        found += _further(names, server, iis, {d.path.casefold() for d in found})
        found = [replace(d, access=_access(iis, d), authentication=_log_ons(iis, d)) for d in found]
    for number, directory in enumerate(found):
        item = own.get(directory.name.casefold())
        if item is not None:
            has_forms = FORMS in item.internal_authentication
            found[number] = replace(
                directory,
                internal_url=item.internal_url,
                external_url=item.external_url,
                authentication=None if has_forms else directory.authentication,
            )
    return tuple(found[:DIRECTORIES_MAX])


def left_out(export: OrganizationExport) -> Iterator[str]:
    """What the exports tell of web sites and a lab does not play, in words."""
    for item in export.virtual_directories:
        if not item.name.casefold().endswith(f"({WEB_SITE})".casefold()):
            yield f"{item.name} of {item.server}: a lab plays the {WEB_SITE} only"
    for server, iis in export.iis.items():
        for site in iis.sites:
            if site.name.casefold() != WEB_SITE.casefold():
                yield f"{site.name} of {server}: a lab plays the {WEB_SITE} only"


def _has(iis: IisConfiguration, path: str) -> bool:
    return any(
        path.casefold() == place.casefold()
        for site in iis.sites
        if site.name.casefold() == WEB_SITE.casefold()
        for place in site.applications
    )


def _further(
    names: ConfigurationNames, server: ServerObject, iis: IisConfiguration, known: set[str]
) -> Iterator[VirtualDirectory]:
    """Paths of the site that setup does not make, or that ask for something else than their parent.

    ``/owa/Calendar`` is one: published calendars are read over plain HTTP.
    """
    container = http_container(names, server.name)
    for location in iis.locations:
        site, _, path = location.path.partition("/")
        if site.casefold() != WEB_SITE.casefold() or not path or location.ssl_flags is None:
            continue
        if f"/{path}".casefold() not in known:
            name = f"{path} ({WEB_SITE})"
            root = f"IIS://{server.fqdn}/W3SVC/1/ROOT/{path}"
            yield VirtualDirectory(container.child("CN", name), name, root)


def _access(iis: IisConfiguration, directory: VirtualDirectory) -> AccessSsl | None:
    """What IIS says of a path itself; None where it says nothing, and the site's counts.

    The site says something always: what the server as a whole says, when nothing else.
    """
    place = WEB_SITE if directory.word == "/" else f"{WEB_SITE}{directory.path}"
    if directory.word == "/":
        return _flags(iis.ssl_flags(place))
    said = next((x for x in iis.locations if x.path.casefold() == place.casefold()), None)
    return _flags(said.ssl_flags) if said is not None and said.ssl_flags is not None else None


def _log_ons(iis: IisConfiguration, directory: VirtualDirectory) -> frozenset[LogOn] | None:
    """The ways in that IIS offers on a path; None where it says nothing of it.

    Where a service lets everybody in and asks by itself, as Exchange's web services do, IIS offers
    anonymous beside Windows authentication: what it asks for counts.
    """
    place = f"{WEB_SITE}{directory.path}".casefold()
    own = (x.authentication for x in iis.locations if x.path.casefold() == place)
    said = next((words for words in own if words is not None), ())
    ways = frozenset(LogOn(word) for word in said if word in set(LogOn))
    return ways or None


def _flags(flags: SslFlags) -> AccessSsl:
    return AccessSsl(flags.value)
