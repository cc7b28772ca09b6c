"""A lab on paper: sites, servers, domains, version, seed. Equal descriptions build equal labs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from edgesync.config import PROFILES, Policy, Version, VersionProfile
from edgesync.errors import ConfigurationError, InputInvalid
from edgesync.organization.names import DEFAULT_SITE, ForestNames
from edgesync.organization.servers import ServerRole

SCHEMA = "edgesync.lab/1"
ORIGIN = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)
"""When a new lab's clock starts: fixed, so that the same seed gives the same bytes on any day."""

SERVERS_MAX = 5000
"""Largest organisation: five times the largest the simulation is asked for."""

RECIPIENTS_MAX = 1_000_000
"""Most recipients a lab makes up."""

_ROLES = {
    "hub": ServerRole.HUB | ServerRole.MAILBOX,
    "edge": ServerRole.EDGE,
    "client-access": ServerRole.CLIENT_ACCESS,
    "unified-messaging": ServerRole.UNIFIED_MESSAGING,
    "mailbox": ServerRole.MAILBOX,
}


@dataclass(frozen=True, slots=True)
class ServerDescription:
    """One server. An Edge has no site until it is subscribed."""

    name: str
    role: str
    fqdn: str
    site: str = ""

    @property
    def roles(self) -> ServerRole:
        """The role as the directory's bit field."""
        return _ROLES[self.role]


@dataclass(frozen=True, slots=True)
class DomainDescription:
    """One accepted domain."""

    domain: str
    kind: str = "Authoritative"
    name: str = ""


@dataclass(frozen=True, slots=True)
class LabDescription:
    """Everything a lab is built from."""

    name: str
    forest: str
    organization: str
    version: Version
    sites: tuple[str, ...]
    servers: tuple[ServerDescription, ...]
    domains: tuple[DomainDescription, ...]
    recipients: int = 200
    seed: int = 7
    started: datetime = ORIGIN
    policy: Mapping[str, str] = field(default_factory=dict)
    source: str = "preset"
    """``preset`` or ``import``: whether setup's certificates are issued or taken from exports."""

    def __post_init__(self) -> None:
        names = [server.name.casefold() for server in self.servers]
        if len(set(names)) != len(names):
            raise ConfigurationError("two servers have one name", "server names must differ")
        if len(names) > SERVERS_MAX:
            raise ConfigurationError(
                f"{len(names)} servers are more than {SERVERS_MAX}", "make a smaller lab"
            )
        if not 0 <= self.recipients <= RECIPIENTS_MAX:
            raise ConfigurationError(
                f"a lab has 0 to {RECIPIENTS_MAX} recipients, not {self.recipients}",
                "use --recipients within that range",
            )

    @property
    def names(self) -> ForestNames:
        """DN shapes of the lab's AD."""
        return ForestNames.of(self.forest, self.organization)

    @property
    def profile(self) -> VersionProfile:
        """Facts of the version played."""
        return PROFILES[self.version]

    def has_web_site(self, server: ServerDescription) -> bool:
        """Whether clients connect to a server: the Client Access role, from 2013 on every Mailbox.

        Exchange 2013 made the Client Access services part of a Mailbox server
        (certificate-facts 2.3, 7.1).
        """
        roles = ServerRole.CLIENT_ACCESS
        if not self.profile.separate_roles:
            roles |= ServerRole.MAILBOX
        return bool(server.roles & roles)

    @property
    def trust_policy(self) -> Policy:
        """The choices where sources are silent."""
        return replace(Policy(), **self.policy)  # type: ignore[arg-type]  # words only; checked there

    def document(self) -> dict[str, Any]:
        """The description as JSON."""
        return {
            "schema": SCHEMA,
            **asdict(self),
            "version": self.version.value,
            "started": self.started.isoformat().replace("+00:00", "Z"),
            "policy": dict(self.policy),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> LabDescription:
        """A description read back from JSON.

        Raises:
            InputInvalid: when it is not one; names the element.
        """
        if document.get("schema") != SCHEMA:
            raise InputInvalid(
                f"not a lab description: schema is {document.get('schema')!r}",
                f"expected {SCHEMA}; a later version may have written it",
            )
        try:
            given = {key: value for key, value in document.items() if key != "schema"}
            given["version"] = Version(given["version"])
            given["started"] = datetime.fromisoformat(given["started"])
            given["sites"] = tuple(given["sites"])
            given["servers"] = tuple(ServerDescription(**s) for s in given["servers"])
            given["domains"] = tuple(DomainDescription(**d) for d in given["domains"])
            given["policy"] = dict(given.get("policy", {}))
            _check_texts(given)
            made = cls(**given)
            # what would otherwise fail at first use, far from the file's name
            _used = made.trust_policy, made.names, [server.roles for server in made.servers]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputInvalid(
                f"lab description: {error}", "restore lab.json or make the lab again"
            ) from error
        return made


def _check_texts(given: Mapping[str, Any]) -> None:
    """Refuse a number where a name belongs.

    Raises:
        TypeError: naming what is no text.
    """
    texts = [given["name"], given["forest"], given["organization"], *given["sites"]]
    for item in (*given["servers"], *given["domains"]):
        texts += asdict(item).values()
    for text in (*texts, *given["policy"], *given["policy"].values()):
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is not a text")


def contoso(
    *,
    sites: int = 2,
    hubs: int = 3,
    edges: int = 2,
    client_access: int = 1,
    recipients: int = 200,
    version: Version = Version.EXCHANGE_2007,
    seed: int = 7,
) -> LabDescription:
    """The preset: forest contoso.test, Hubs spread over sites, Edges in the perimeter.

    Client Access servers are spread over sites, too, the first in the first.
    """
    if sites < 1 or hubs < 1 or edges < 0 or client_access < 0:
        raise ConfigurationError(
            "a lab needs at least one site and one hub", "use --sites 1 --hubs 1"
        )
    if max(sites, hubs, edges, client_access) > SERVERS_MAX:  # before so many are made
        raise ConfigurationError(
            f"a lab has at most {SERVERS_MAX} sites, hubs and edges", "make a smaller lab"
        )
    forest = "contoso.test"
    site_names = [DEFAULT_SITE, *(f"Branch{i if i > 1 else ''}" for i in range(1, sites))]
    servers = [
        ServerDescription(
            f"HUB{i + 1:02}", "hub", f"hub{i + 1:02}.{forest}", site_names[i * sites // hubs]
        )
        for i in range(hubs)
    ]
    servers += [
        ServerDescription(
            f"CAS{i + 1:02}", "client-access", f"cas{i + 1:02}.{forest}", site_names[i % sites]
        )
        for i in range(client_access)
    ]
    servers += [
        ServerDescription("UM01", "unified-messaging", f"um01.{forest}", DEFAULT_SITE),
    ]
    servers += [
        ServerDescription(f"EDGE{i + 1:02}", "edge", f"edge{i + 1:02}.{forest}")
        for i in range(edges)
    ]
    return LabDescription(
        name="contoso",
        forest=forest,
        organization="Contoso",
        version=version,
        sites=tuple(site_names),
        servers=tuple(servers),
        domains=(
            DomainDescription(forest),
            DomainDescription("fabrikam.test", "InternalRelay"),
            DomainDescription("tailspin.test", "ExternalRelay"),
        ),
        recipients=recipients,
        seed=seed,
    )


PRESETS = {"contoso": contoso}
