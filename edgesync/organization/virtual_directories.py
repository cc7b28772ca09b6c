"""The web site of a Client Access server: virtual directories, URLs and Require SSL.

Sources: certificate-facts 7.1 (defaults), 2.3 (what enabling for IIS does). URLs are where
Exchange keeps them, in AD. The AccessSSLFlags live in the IIS metabase of the server; the lab keeps
them beside the URLs, in ``labAccessSslFlags``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Flag, StrEnum

from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import Equality
from directory.model.messages import AddRequest, ModifyRequest, Scope
from edgesync.config import Version
from edgesync.organization.mapping import TEXT, Codec, changes, dump, load, stored
from edgesync.organization.names import ConfigurationNames
from edgesync.organization.servers import ServerObject
from edgesync.port.port import DirectoryPort, find, read

WEB_SITE = "Default Web Site"
_LAB_CLASS = b"labAccess"


class AccessSsl(Flag):
    """AccessSSLFlags of the IIS metabase, as it numbers them."""

    NONE = 0
    SSL = 8
    """Require a secure channel."""
    NEGOTIATE_CERT = 32
    """Accept client certificates."""
    REQUIRE_CERT = 64
    """Require client certificates."""
    MAP_CERT = 128
    """Map client certificates to accounts."""
    SSL_128 = 256
    """Require keys of 128 bits; nothing a lab speaks has fewer."""


class LogOn(StrEnum):
    """A way in that IIS offers, by its module; ``forms`` is Outlook Web Access's own."""

    ANONYMOUS = "anonymous"
    BASIC = "basic"
    WINDOWS = "windows"
    """Negotiate and NTLM."""
    FORMS = "forms"


_LOG_ONS = Codec(
    lambda v: frozenset(LogOn(x.decode()) for x in v),
    lambda s: tuple(sorted(x.value.encode() for x in s)) if s else (),
)
_OWN_OR_INHERITED = Codec(
    lambda v: AccessSsl(int(v[0])), lambda f: () if f is None else (str(f.value).encode(),)
)


@dataclass(frozen=True, slots=True)
class VirtualDirectory:
    """One path of the web site. ``access`` None: as the site has it."""

    dn: DN
    name: str = stored("cn", TEXT)
    metabase_path: str = stored("msExchMetabasePath", TEXT, "")
    internal_url: str = stored("msExchInternalHostName", TEXT, "")
    external_url: str = stored("msExchExternalHostName", TEXT, "")
    access: AccessSsl | None = stored("labAccessSslFlags", _OWN_OR_INHERITED, None)
    authentication: frozenset[LogOn] | None = stored("labAuthentication", _LOG_ONS, None)
    """Ways in; None: as its kind of directory has them."""

    @property
    def word(self) -> str:
        """Its name without the site's: ``owa``; the site itself is ``/``."""
        return "/" if self.name == WEB_SITE else self.name.removesuffix(f" ({WEB_SITE})")

    @property
    def path(self) -> str:
        """Where it is on the server: ``/owa``."""
        return "/" if self.word == "/" else f"/{self.word}"


_CLASSES = {
    "owa": "msExchOwaVirtualDirectory",
    "Exchange": "msExchOwaVirtualDirectory",
    "Exadmin": "msExchOwaVirtualDirectory",
    "Public": "msExchOwaVirtualDirectory",
    "ecp": "msExchEcpVirtualDirectory",
    "Microsoft-Server-ActiveSync": "msExchMobileVirtualDirectory",
    "EWS": "msExchWebServicesVirtualDirectory",
    "Autodiscover": "msExchAutoDiscoverVirtualDirectory",
    "OAB": "msExchOABVirtualDirectory",
    "Rpc": "msExchRpcHttpVirtualDirectory",
    "PowerShell": "msExchPowerShellVirtualDirectory",
    "mapi": "msExchMapiVirtualDirectory",
}
_SECURE_2007 = ("owa", "Microsoft-Server-ActiveSync", "EWS", "Autodiscover", "UnifiedMessaging",
                "Rpc", "Exchange", "Public")  # fmt: skip
_OPEN_2007 = ("OAB", "Exadmin")
_SECURE_2010 = ("owa", "ecp", "Microsoft-Server-ActiveSync", "EWS", "Autodiscover", "Exchange",
                "Public")  # fmt: skip
_OPEN_2010 = ("OAB", "Rpc", "PowerShell")
_SECURE_2013 = ("owa", "ecp", "Microsoft-Server-ActiveSync", "EWS", "Autodiscover", "OAB", "mapi")
_OPEN_2013 = ("Rpc", "PowerShell")

_SERVICE_PATHS = {
    "EWS": "/EWS/Exchange.asmx",
    "UnifiedMessaging": "/UnifiedMessaging/Service.asmx",
    "Autodiscover": "/Autodiscover/Autodiscover.xml",
}
"""Where the service behind a directory is called; clients are told this address."""


_OPEN = frozenset({"/", "OAB"})
"""Directories that ask for no log-on. The OAB's asks for Integrated Windows authentication in
Exchange; in the lab it may be read by everybody, and holds nothing but names."""

_DEVICES = frozenset({"Microsoft-Server-ActiveSync"})
"""Directories that take a password only: devices know no other way."""


def log_ons(directory: VirtualDirectory) -> frozenset[LogOn]:
    """The ways into a directory. Our reading of the defaults: no source of ours lists them."""
    if directory.authentication is not None:
        return directory.authentication
    if directory.word in _OPEN:
        return frozenset({LogOn.ANONYMOUS})
    if directory.word == "owa":
        return frozenset({LogOn.FORMS})
    if directory.word in _DEVICES:
        return frozenset({LogOn.BASIC})
    return frozenset({LogOn.BASIC, LogOn.WINDOWS})


def defaults_of(version: Version) -> tuple[tuple[str, AccessSsl], ...]:
    """Virtual directories setup makes, with Require SSL as it leaves it (certificate-facts 7.1).

    The table of 2010 is our reading: 2007's with the Control Panel added, as no source gives it.
    """
    secure: tuple[str, ...] = _SECURE_2007
    open_: tuple[str, ...] = _OPEN_2007
    if version.at_least(Version.EXCHANGE_2010):
        secure, open_ = _SECURE_2010, _OPEN_2010
    if version.at_least(Version.EXCHANGE_2013):
        secure, open_ = _SECURE_2013, _OPEN_2013
    ssl = AccessSsl.SSL
    if version.at_least(Version.EXCHANGE_2013):
        ssl |= AccessSsl.SSL_128
    return (*((name, ssl) for name in secure), *((n, AccessSsl.NONE) for n in open_))


def http_container(names: ConfigurationNames, server: str) -> DN:
    """Container of a server's virtual directories."""
    return names.server(server).child("CN", "Protocols").child("CN", "HTTP")


def web_site_dn(names: ConfigurationNames, server: str) -> DN:
    """The web site itself, whose settings its virtual directories inherit."""
    return http_container(names, server).child("CN", WEB_SITE)


def default_directories(
    names: ConfigurationNames, server: ServerObject, version: Version
) -> Iterator[VirtualDirectory]:
    """What setup writes: the web site itself first, which inherits nothing.

    Until 2010 the site requires nothing before a certificate is enabled by hand; from 2013 on setup
    leaves Require SSL on, as a real 2019's IIS shows.
    """
    container = http_container(names, server.name)
    root = f"IIS://{server.fqdn}/W3SVC/1/ROOT"
    later = version.at_least(Version.EXCHANGE_2013)
    site = AccessSsl.SSL | AccessSsl.SSL_128 if later else AccessSsl.NONE
    yield VirtualDirectory(web_site_dn(names, server.name), WEB_SITE, root, access=site)
    for word, access in defaults_of(version):
        name = f"{word} ({WEB_SITE})"
        scheme = "https" if AccessSsl.SSL in access else "http"
        url = f"{scheme}://{server.fqdn}{_SERVICE_PATHS.get(word, '/' + word)}"
        yield VirtualDirectory(
            container.child("CN", name), name, f"{root}/{word}", url, access=access
        )


def entry_of(directory: VirtualDirectory) -> Entry:
    """The entry that adds one."""
    own = _CLASSES.get(directory.word, "msExchVirtualDirectory")
    classes = dict.fromkeys((b"top", _LAB_CLASS, b"msExchVirtualDirectory", own.encode()))
    return Entry(directory.dn, {"objectClass": tuple(classes), **dump(directory)})


def add_directory(port: DirectoryPort, directory: VirtualDirectory) -> None:
    """Write one."""
    port.add(AddRequest(entry_of(directory)))


def list_directories(
    port: DirectoryPort, names: ConfigurationNames, server: str
) -> tuple[VirtualDirectory, ...]:
    """A server's virtual directories, the web site itself first; none for other roles."""
    found = find(
        port, http_container(names, server), Equality("objectClass", b"msExchVirtualDirectory"),
        scope=Scope.ONE,
    )  # fmt: skip
    loaded = (load(VirtualDirectory, entry) for entry in found)
    return tuple(sorted(loaded, key=lambda d: (d.word != "/", d.word.casefold())))


def write_directory(port: DirectoryPort, directory: VirtualDirectory) -> None:
    """Add one, or change what differs in the one that is there."""
    entry = read(port, directory.dn)
    if entry is None:
        add_directory(port, directory)
        return
    if modifications := changes(dump(load(VirtualDirectory, entry)), directory):
        port.modify(ModifyRequest(directory.dn, modifications))


def require_ssl(port: DirectoryPort, server: DN) -> None:
    """Turn Require SSL on for the web site; directories with a setting of their own keep it.

    Nothing happens on a server without a web site.
    """
    dn = server.child("CN", "Protocols").child("CN", "HTTP").child("CN", WEB_SITE)
    entry = read(port, dn)
    if entry is None:
        return
    site = load(VirtualDirectory, entry)
    write_directory(port, replace(site, access=(site.access or AccessSsl.NONE) | AccessSsl.SSL))
