"""A server on a workbench: a store in memory, a directory of one entry, a clock that stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from directory.clock import ManualClock
from directory.entropy import SeededEntropy
from directory.errors import LdapError, ResultCode
from directory.model.controls import Control
from directory.model.entry import Entry
from directory.model.messages import (
    AddRequest,
    DeleteRequest,
    ModifyDnRequest,
    ModifyRequest,
    SearchRequest,
)
from edgesync.certificates.host import CertificateHost
from edgesync.certificates.keys import BundledKeys
from edgesync.certificates.store import MachineStore
from edgesync.config import PROFILES, Policy, Version
from edgesync.events import Event
from edgesync.organization.names import ForestNames
from edgesync.organization.servers import ServerRole
from edgesync.port.port import DirectoryIdentity, SearchOutcome

START = datetime(2026, 11, 23, 9, 0, 0, tzinfo=UTC)
NAMES = ForestNames.of("contoso.test", "Contoso")


@dataclass
class OneEntryDirectory:
    """A port on a directory that holds one server object and may be told to refuse."""

    entry: Entry
    refuse: LdapError | None = None
    writes: list[ModifyRequest] = field(default_factory=list)

    @property
    def identity(self) -> DirectoryIdentity:
        return DirectoryIdentity(None, (), None, frozenset())

    def search(self, request: SearchRequest, controls: Sequence[Control] = ()) -> SearchOutcome:
        if request.base != self.entry.dn:
            raise LdapError(ResultCode.NO_SUCH_OBJECT, "no such server")
        return SearchOutcome((self.entry,))

    def modify(self, request: ModifyRequest, controls: Sequence[Control] = ()) -> None:
        if self.refuse:
            raise self.refuse
        self.writes.append(request)
        self.entry = self.entry.with_attributes(
            {m.name: m.values or None for m in request.modifications}
        )

    def add(self, request: AddRequest, controls: Sequence[Control] = ()) -> None:
        raise NotImplementedError

    def modify_dn(self, request: ModifyDnRequest, controls: Sequence[Control] = ()) -> None:
        raise NotImplementedError

    def delete(self, request: DeleteRequest, controls: Sequence[Control] = ()) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


@dataclass
class Bench:
    """A host with handles on everything around it."""

    host: CertificateHost
    directory: OneEntryDirectory
    clock: ManualClock
    events: list[Event]

    @property
    def event_names(self) -> list[str]:
        return [event.kind.name for event in self.events]


def bench(
    name: str = "HUB01",
    *,
    roles: ServerRole = ServerRole.HUB,
    version: Version = Version.EXCHANGE_2007,
    seed: int = 7,
    policy: Policy | None = None,
    accepted: tuple[str, ...] = ("contoso.test",),
    store: MachineStore | None = None,
) -> Bench:
    """A freshly joined server without any certificate."""
    dn = NAMES.server(name)
    directory = OneEntryDirectory(Entry(dn, {"cn": (name.encode(),)}))
    clock = ManualClock(START)
    events: list[Event] = []
    host = CertificateHost(
        name=name,
        fqdn=f"{name.lower()}.contoso.test",
        roles=roles,
        profile=PROFILES[version],
        policy=policy or Policy(),
        store=store or MachineStore(),
        directory=directory,
        server_dn=dn,
        clock=clock,
        entropy=SeededEntropy(seed, name),
        keys=BundledKeys(seed),
        emit=events.append,
        accepted_domains=lambda: accepted,
    )
    return Bench(host, directory, clock, events)


def in_version(item: Bench, version: Version) -> Bench:
    """The same server after an upgrade."""
    item.host = replace(item.host, profile=PROFILES[version])
    return item
