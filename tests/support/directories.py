"""Directories for tests: one of each profile, and a short way to ask them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from directory.clock import ManualClock
from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.configuration import DirectoryConfiguration
from directory.dsa.instance import local_session, open_directory
from directory.dsa.session import Session
from directory.entropy import SeededEntropy
from directory.errors import ResultCode
from directory.model import messages as m
from directory.model.controls import Control
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.filter import parse_filter

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
SUFFIX = DN.parse("dc=example,dc=org")
DOMAIN = DN.parse("DC=contoso,DC=test")
USERS = DOMAIN.child("CN", "Users")
CONFIGURATION = DOMAIN.child("CN", "Configuration")
ADAM_CONFIGURATION = DN.parse("CN=Configuration,CN={6F1C5A0E-0000-4000-8000-000000000001}")
GATEWAY = DN.parse("OU=MSExchangeGateway")
ACCOUNTS = ADAM_CONFIGURATION.child("CN", "Services").child("CN", "EdgeSync Accounts")
PASSWORD = b"correct horse"
CHEAP = 4
"""A cost of hashing that suits tests: it is the same code at any cost."""


@dataclass
class Answer:
    """What a request came to."""

    result: m.LdapResult
    entries: list[Entry]
    references: list[tuple[str, ...]]
    controls: tuple[Control, ...]
    operation: m.Response

    @property
    def code(self) -> ResultCode:
        return self.result.code

    @property
    def names(self) -> list[str]:
        return [str(entry.dn) for entry in self.entries]


@dataclass
class Bench:
    """A directory with its clock and an administrator's session."""

    agent: DirectoryServiceAgent
    clock: ManualClock
    session: Session

    def ask(self, request: m.Request, *controls: Control, session: Session | None = None) -> Answer:
        entries: list[Entry] = []
        references: list[tuple[str, ...]] = []
        for reply in self.agent.execute(session or self.session, request, controls, message_id=7):
            match reply.operation:
                case m.SearchResultEntry(entry):
                    entries.append(entry)
                case m.SearchResultReference(uris):
                    references.append(uris)
                case m.IntermediateResponse() | m.SyncInfo():
                    pass
                case final:
                    return Answer(final.result, entries, references, reply.controls, final)
        raise AssertionError("no final response")

    def add(self, dn: DN | str, session: Any = None, **attributes: Any) -> Answer:
        name = DN.parse(dn) if isinstance(dn, str) else dn
        entry = Entry(name, values_of(attributes))
        return self.ask(m.AddRequest(entry), session=session)

    def search(
        self, base: DN, text: str = "(objectClass=*)", *controls: Control,
        scope: m.Scope = m.Scope.SUBTREE, attributes: tuple[str, ...] = (),
        session: Session | None = None, size_limit: int = 0,
    ) -> Answer:  # fmt: skip
        request = m.SearchRequest(base, scope, parse_filter(text), attributes, size_limit)
        return self.ask(request, *controls, session=session)

    def read(self, dn: DN, *attributes: str, session: Session | None = None) -> Entry | None:
        found = self.search(dn, scope=m.Scope.BASE, attributes=attributes, session=session)
        return found.entries[0] if found.entries else None

    def bind(self, name: str, password: bytes, session: Session | None = None) -> Answer:
        request = m.BindRequest(3, name, m.SimpleCredentials(password))
        return self.ask(request, session=session or Session())

    def bound(self, name: str, password: bytes) -> Session:
        """A session of somebody who has bound."""
        session = Session(is_secure=True)
        assert self.bind(name, password, session).code is ResultCode.SUCCESS
        return session


def values_of(attributes: Mapping[str, object]) -> dict[str, tuple[bytes, ...]]:
    """Attribute values from keyword arguments: text, bytes, or tuples of them; ``_`` is ``-``."""
    result: dict[str, tuple[bytes, ...]] = {}
    for name, given in attributes.items():
        many = given if isinstance(given, tuple) else (given,)
        octets = tuple(v if isinstance(v, bytes) else str(v).encode() for v in many)
        result[name.replace("_", "-")] = octets
    return result


def bench(
    configuration: DirectoryConfiguration, path: Path | None = None, *, seed: int = 1,
    at: datetime = START,
) -> Bench:  # fmt: skip
    clock = ManualClock(at)
    agent = open_directory(configuration, clock=clock, entropy=SeededEntropy(seed), path=path)
    return Bench(agent, clock, local_session(agent, note="test"))


def generic(path: Path | None = None, *, seed: int = 1, **options: object) -> Bench:
    """A generic directory with its suffix entry."""
    given: dict[str, Any] = {
        "naming_contexts": (SUFFIX,), "admin_dn": SUFFIX.child("cn", "admin"),
        "admin_password": PASSWORD, "password_cost_log2": CHEAP, **options,
    }  # fmt: skip
    made = bench(DirectoryConfiguration(profile="generic", **given), path, seed=seed)
    made.add(SUFFIX, objectClass=("top", "domain"), dc="example")
    return made


def ad(path: Path | None = None, *, seed: int = 1, **options: object) -> Bench:
    """An AD of contoso.test."""
    given: dict[str, Any] = {
        "naming_contexts": (DOMAIN, CONFIGURATION), "admin_dn": USERS.child("CN", "Administrator"),
        "admin_password": PASSWORD, "dns_host_name": "dc01.contoso.test",
        "password_cost_log2": CHEAP, **options,
    }  # fmt: skip
    return bench(DirectoryConfiguration(profile="ad", **given), path, seed=seed)


def adam(path: Path | None = None, *, seed: int = 1, **options: object) -> Bench:
    """An Edge's ADAM."""
    given: dict[str, Any] = {
        "naming_contexts": (ADAM_CONFIGURATION, GATEWAY), "replication_accounts": ACCOUNTS,
        "admin_dn": ADAM_CONFIGURATION.child("CN", "Administrator"), "admin_password": PASSWORD,
        "dns_host_name": "edge01.contoso.test", "password_cost_log2": CHEAP, **options,
    }  # fmt: skip
    return bench(DirectoryConfiguration(profile="adam", **given), path, seed=seed)
