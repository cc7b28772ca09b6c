"""A directory and its listeners in the foreground: what ``directory serve`` does.

``python -m directory`` and ``edgesync directory serve`` parse their options into ``Serving`` and
call ``serve``. It returns when SIGTERM or SIGINT has been received and everything is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from directory.clock import Clock, SystemClock
from directory.dsa.configuration import DirectoryConfiguration, ProfileName
from directory.dsa.instance import open_directory
from directory.entropy import Entropy, SystemEntropy
from directory.model.dn import DN
from directory.net.collector import Collector
from directory.net.limits import BUSY_POLL_S, ListenerLimits
from directory.net.loading import load_ldif
from directory.net.loops import new_event_loop
from directory.net.server import Address, DirectoryServer
from directory.net.tls import self_signed, server_context

if TYPE_CHECKING:
    import ssl

    from directory.dsa.agent import DirectoryServiceAgent
    from directory.store.journal import Durability

DEFAULT_SUFFIX = {"generic": "dc=example,dc=com", "ad": "DC=contoso,DC=test", "adam": "O=ADAM"}
"""The suffix of a profile when none is given."""

READY_SCHEMA = "edgesync.ready/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The options of ``directory serve``, parsed. Ports of 0 mean any free one."""

    profile: ProfileName = "generic"
    suffix: DN | None = None
    schema: tuple[Path, ...] = ()
    ldif: tuple[Path, ...] = ()
    listen: Address | None = None
    listen_tls: Address | None = None
    certificate: Path | None = None
    key: Path | None = None
    admin_dn: DN | None = None
    admin_password: bytes = field(default=b"", repr=False)
    database: Path | None = None
    durability: Durability = "full"
    allow_anonymous_read: bool = False
    ready_file: Path | None = None
    busy_poll_s: float = BUSY_POLL_S
    """How long to look for the next question after an answer; 0 goes to sleep at once."""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where to listen: any free port of loopback when nothing was asked for."""
        asked = tuple(address for address in (self.listen, self.listen_tls) if address)
        return asked or (Address("127.0.0.1", 0),)

    def configuration(self) -> DirectoryConfiguration:
        """The directory that these options describe.

        Raises:
            OSError: when a schema file cannot be read.
        """
        suffix = self.suffix or DN.parse(DEFAULT_SUFFIX[self.profile])
        return DirectoryConfiguration(
            profile=self.profile,
            naming_contexts=(suffix,),
            schema_texts=tuple(path.read_text(encoding="utf-8") for path in self.schema),
            admin_dn=self.admin_dn,
            admin_password=self.admin_password,
            allow_anonymous_read=self.allow_anonymous_read,
        )


def serve(serving: Serving, *, clock: Clock | None = None, entropy: Entropy | None = None) -> None:
    """Serve until a signal says stop.

    Raises:
        OSError: when an address or a file cannot be had.
        DirectoryError: when schema, LDIF or journal are not what they should be.
    """
    clock = clock or SystemClock()
    agent = open_directory(
        serving.configuration(),
        clock=clock,
        entropy=entropy or SystemEntropy(),
        path=serving.database,
        durability=serving.durability,
        report=_report,
    )
    try:
        for path in serving.ldif:
            load_ldif(agent, path, report=_report)
        _run(_serve(agent, serving, _tls(serving, clock)))
    finally:
        agent.shutdown()


def _report(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201 - progress goes to stderr (contract section 2)


def _tls(serving: Serving, clock: Clock) -> ssl.SSLContext | None:
    if serving.certificate is not None:
        return server_context(serving.certificate, serving.key or serving.certificate)
    if serving.listen_tls is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        return server_context(*self_signed(Path(folder), clock.now()))


async def _serve(
    agent: DirectoryServiceAgent, serving: Serving, tls: ssl.SSLContext | None
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows stops by KeyboardInterrupt
            loop.add_signal_handler(number, stopped.set)
    limits = ListenerLimits(busy_poll_s=serving.busy_poll_s)
    async with DirectoryServer(agent, serving.addresses, tls=tls, limits=limits) as server:
        for address in server.addresses:
            _report(f"listening on {address.url}")
        collector = Collector(loop, lambda: server.last_request)
        if serving.ready_file is not None:
            write_ready_file(serving.ready_file, server)
        await stopped.wait()
        collector.stop()
        if serving.ready_file is not None:
            serving.ready_file.unlink(missing_ok=True)


def write_ready_file(path: Path, server: DirectoryServer) -> None:
    """Say where the server is, in a file that appears whole or not at all."""
    document: dict[str, object] = {"schema": READY_SCHEMA}
    for address in server.addresses:
        document.setdefault("ldaps" if address.is_tls else "ldap", address.url)
    document["pid"] = os.getpid()
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(document) + "\n", encoding="utf-8")
    part.replace(path)


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(main)
