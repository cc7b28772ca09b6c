"""IIS's applicationHost.config: which sites listen where, and what each path asks of a client.

What a Client Access server's virtual directories do with TLS and client certificates is here and
in no Exchange cmdlet (certificate-facts 7.1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Flag
from pathlib import Path

from edgesync.errors import InputInvalid
from edgesync.lab.importers.markup import Element, parse_markup, read_file

_ADDRESS = re.compile(r"(?P<address>\[[0-9A-Fa-f:.%]*\]|[^:]*):(?P<port>\d{1,5}):(?P<host>.*)")


class SslFlags(Flag):
    """What ``sslFlags`` of ``<access>`` says: TLS demanded, a certificate asked for or demanded."""

    NONE = 0
    SSL = 8
    NEGOTIATE_CERT = 32
    REQUIRE_CERT = 64
    MAP_CERT = 128
    SSL_128 = 256


_FLAG_WORDS = {
    "none": SslFlags.NONE,
    "ssl": SslFlags.SSL,
    "sslnegotiatecert": SslFlags.NEGOTIATE_CERT,
    "sslrequirecert": SslFlags.REQUIRE_CERT,
    "sslmapcert": SslFlags.MAP_CERT,
    "ssl128": SslFlags.SSL_128,
}


@dataclass(frozen=True, slots=True)
class IisBinding:
    """Where a site listens. An empty address or ``*`` is every one; an empty host, any name."""

    protocol: str
    address: str
    port: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class IisSite:
    """A web site: its HTTP and HTTPS bindings and the paths of its applications."""

    name: str
    id: int
    bindings: tuple[IisBinding, ...]
    applications: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IisLocation:
    """Settings of one path (``Default Web Site/owa``); None where it inherits."""

    path: str
    ssl_flags: SslFlags | None = None
    authentication: tuple[str, ...] | None = None
    """Names of the authentication modules switched on here, e.g. ``basic``, ``windows``."""


@dataclass(frozen=True, slots=True)
class IisConfiguration:
    """One server's web sites and what their paths ask for."""

    sites: tuple[IisSite, ...]
    locations: tuple[IisLocation, ...]

    def ssl_flags(self, path: str) -> SslFlags:
        """What a path asks of TLS, inherited from the nearest path above that says."""
        settings = {place.path.casefold(): place.ssl_flags for place in self.locations}
        for place in _upwards(path.casefold()):
            if (flags := settings.get(place)) is not None:
                return flags
        return SslFlags.NONE


def _upwards(path: str) -> Iterator[str]:
    """``a/b``, ``a`` and the server itself."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""


def read_iis(path: Path) -> IisConfiguration:
    """Read an applicationHost.config.

    Raises:
        InputInvalid: naming file, line and element.
    """
    return parse_iis(read_file(path), path.name)


def parse_iis(data: bytes, source: str) -> IisConfiguration:
    """The same from bytes.

    Raises:
        InputInvalid: naming source, line and element.
    """
    root = parse_markup(data, source)
    if root.name != "configuration":
        raise _invalid(source, root, "is not the root element configuration")
    sites = tuple(_site(element, source) for element in _sites(root))
    locations = [_location("", child, source) for child in root.children
                 if child.name == "system.webServer"]  # fmt: skip
    locations += [
        _location(element.attributes.get("path", ""), element, source)
        for element in root.children
        if element.name == "location"
    ]
    return IisConfiguration(sites, tuple(locations))


def _sites(root: Element) -> Iterator[Element]:
    for sites in root.descendants("sites"):
        yield from (child for child in sites.children if child.name == "site")


def _site(element: Element, source: str) -> IisSite:
    identity = element.attributes.get("id", "")
    if not identity.isdecimal() or len(identity) > 10:
        raise _invalid(source, element, f"has no number in id ({identity!r})")
    return IisSite(
        element.attributes.get("name", ""),
        int(identity),
        tuple(
            binding
            for place in element.descendants("binding")
            if (binding := _binding(place, source)) is not None
        ),
        tuple(
            application.attributes.get("path", "/")
            for application in element.descendants("application")
        ),
    )


def _binding(element: Element, source: str) -> IisBinding | None:
    """An HTTP or HTTPS binding; None for the protocols of WCF, which no lab plays."""
    protocol = element.attributes.get("protocol", "").lower()
    if protocol not in ("http", "https"):
        return None
    match = _ADDRESS.fullmatch(element.attributes.get("bindingInformation", ""))
    if match is None or not 0 < int(match["port"]) < 65536:
        raise _invalid(source, element, "has no bindingInformation of address:port:host")
    return IisBinding(protocol, match["address"], int(match["port"]), match["host"])


def _location(path: str, element: Element, source: str) -> IisLocation:
    access = next(element.descendants("access"), None)
    shown = access.attributes.get("sslFlags") if access else None
    flags = None if access is None or shown is None else _flags(shown, access, source)
    modules = [
        child
        for parent in element.descendants("authentication")
        for child in parent.children
        if child.name.endswith("Authentication")
    ]
    on = tuple(
        module.name.removesuffix("Authentication")
        for module in modules
        if module.attributes.get("enabled", "").lower() == "true"
    )
    return IisLocation(path, flags, on if modules else None)


def _flags(shown: str, element: Element, source: str) -> SslFlags:
    found = SslFlags.NONE
    for word in filter(None, (part.strip() for part in shown.split(","))):
        if word.casefold() not in _FLAG_WORDS:
            raise _invalid(source, element, f"has an unknown word in sslFlags: {word!r}")
        found |= _FLAG_WORDS[word.casefold()]
    return found


def _invalid(source: str, element: Element, reason: str) -> InputInvalid:
    return InputInvalid(
        f"{source}, line {element.line}: <{element.name}> {reason}",
        "copy applicationHost.config from the server again",
    )
