"""An LDAP server of this process on a free port, for tests of programs that speak LDAP."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from directory.clock import SystemClock
from directory.dsa.agent import DirectoryServiceAgent
from directory.dsa.configuration import DirectoryConfiguration
from directory.dsa.instance import local_session, open_directory
from directory.entropy import SeededEntropy
from directory.model.dn import DN
from directory.model.entry import Entry
from directory.model.messages import AddRequest
from directory.net.loading import load_ldif
from directory.net.server import Address, DirectoryServer
from directory.net.tls import self_signed, server_context
from edgesync.port.embedded import EmbeddedPort
from edgesync.port.port import read

LOOPBACK = "127.0.0.1"
PASSWORD = "password-for-tests"  # noqa: S105 - a directory that a test makes and throws away
PASSWORD_COST_LOG2 = 4
"""scrypt's lowest useful cost: the passwords of a test guard nothing, and each bind costs one."""

START_TIMEOUT_S = 30.0
ADMINISTRATORS = {
    "generic": "cn=admin,{suffix}",
    "ad": "CN=Administrator,CN=Users,{suffix}",
    "adam": "CN=Administrator,{suffix}",
}
"""Who binds, by profile."""


@dataclass(frozen=True, slots=True)
class RunningDirectory:
    """A directory that listens on loopback."""

    url: str
    ldaps_url: str
    suffix: str
    admin_dn: str
    password: str = field(repr=False)
    agent: DirectoryServiceAgent
    """The directory behind it, for looking inside."""
    connections: list[Any] = field(default_factory=list, repr=False)
    """What ``connect`` gave, closed with the server."""

    def connect(self, **options: Any) -> Any:
        """An ldap3 connection bound as administrator; options are those of ldap3.Connection."""
        from edgesync.port.ldap import ldap3_connection  # noqa: PLC0415 - only who connects pays

        connection = ldap3_connection(self.url, self.admin_dn, self.password, **options)
        self.connections.append(connection)
        return connection

    def port(self) -> EmbeddedPort:
        """The directory without a socket, as administrator."""
        return EmbeddedPort(self.agent, local_session(self.agent, note="test"))


@contextlib.contextmanager
def running_directory(
    profile: Literal["generic", "ad", "adam"] = "generic",
    *,
    suffix: str = "dc=example,dc=test",
    ldif: Sequence[Path] = (),
    seed: int = 7,
) -> Iterator[RunningDirectory]:
    """A directory that serves LDAP and LDAPS until the block ends; its suffix entry is there."""
    name = DN.parse(suffix)
    admin = DN.parse(ADMINISTRATORS[profile].format(suffix=suffix))
    clock = SystemClock()
    configuration = DirectoryConfiguration(
        profile=profile, naming_contexts=(name,), admin_dn=admin,
        admin_password=PASSWORD.encode(), password_cost_log2=PASSWORD_COST_LOG2,
    )  # fmt: skip
    agent = open_directory(configuration, clock=clock, entropy=SeededEntropy(seed, "ldap_server"))
    _add_suffix(agent, name)
    for path in ldif:
        load_ldif(agent, path)
    with tempfile.TemporaryDirectory(prefix="edgesync-") as folder:
        tls = server_context(*self_signed(Path(folder), clock.now()))
    listen = (Address(LOOPBACK, 0), Address(LOOPBACK, 0, is_tls=True))
    with _serving(DirectoryServer(agent, listen, tls=tls)) as server:
        plain, secure = server.addresses
        running = RunningDirectory(plain.url, secure.url, suffix, str(admin), PASSWORD, agent)
        try:
            yield running
        finally:
            for connection in running.connections:
                connection.unbind()
    agent.shutdown()


def _add_suffix(agent: DirectoryServiceAgent, name: DN) -> None:
    """Add the entry at the top, of the class that its name asks for, unless it is there."""
    kind, value = name.rdn.type.lower(), name.rdn.value.encode()
    classes = {"dc": b"domain", "o": b"organization", "ou": b"organizationalUnit"}
    attributes = {"objectClass": (b"top", classes.get(kind, b"organizationalRole")), kind: (value,)}
    port = EmbeddedPort(agent, local_session(agent, note="set up"))
    if read(port, name) is not None:
        return  # AD and ADAM come with it
    port.add(AddRequest(Entry(name, attributes)))


@contextlib.contextmanager
def _serving(server: DirectoryServer) -> Iterator[DirectoryServer]:
    """Run the server in an event loop of its own thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="ldap server", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(START_TIMEOUT_S)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(START_TIMEOUT_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
